//! A little HTTP server on loopback for stand-ins: whole requests in, whole answers out, one thread per connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

pub(crate) struct Request {
    pub(crate) path: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

pub(crate) enum Reply {
    /// Status, header lines, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Close without a word.
    Drop,
    /// Say nothing until the peer gives up.
    Silence,
}

pub(crate) fn json(body: &str) -> Reply {
    Reply::Answer(200, vec![("content-type", "application/json".into())], body.as_bytes().to_vec())
}

/// Serves until the test process ends.
pub(crate) fn serve(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || connection(stream, answer.as_ref()));
        }
    });
    address
}

fn connection(mut stream: TcpStream, answer: &impl Fn(Request) -> Reply) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read(&mut reader)?;
        match answer(request) {
            Reply::Answer(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("\r\n");
                let mut bytes = text.into_bytes();
                bytes.extend_from_slice(&body);
                stream.write_all(&bytes).ok()?;
            }
            Reply::Drop => return None,
            Reply::Silence => {
                let _ = stream.read(&mut [0]);
                return None;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { path, headers, body: Vec::new() };
    request.body = vec![0; request.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}
