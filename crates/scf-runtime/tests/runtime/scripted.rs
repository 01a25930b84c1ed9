//! A runtime API that plays a script over raw sockets, so that every deviation can be written down byte by byte.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the API does with the next call to a path.
pub(crate) enum Step {
    /// Writes these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Writes these bytes, waits for nothing, closes the connection.
    Last(Vec<u8>),
    /// Closes the connection without a word.
    Drop,
    /// Waits for the test to send a word, then writes the bytes.
    After(std::sync::mpsc::Receiver<()>, Vec<u8>),
}

/// One call as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
}

impl Call {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Default)]
struct State {
    next: VecDeque<Step>,
    ready: VecDeque<Step>,
    response: VecDeque<Step>,
    error: VecDeque<Step>,
    calls: Vec<Call>,
    connections: usize,
}

/// The API. Calls beyond the script are answered with 200, except `next`, which then answers 500: the runtime gives
/// up and the test goes on.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Api {
    pub(crate) fn start(next: Vec<Step>) -> Self {
        Self::with(next, vec![], vec![], vec![])
    }

    pub(crate) fn with(next: Vec<Step>, ready: Vec<Step>, response: Vec<Step>, error: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            next: next.into(),
            ready: ready.into(),
            response: response.into(),
            error: error.into(),
            ..State::default()
        }));
        let api = Self { address, state };
        let server = api.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        api
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().expect("no test thread panicked").calls.clone()
    }

    /// Bodies of the calls to a path, as text.
    pub(crate) fn bodies(&self, path: &str) -> Vec<String> {
        self.calls().iter().filter(|call| call.path.ends_with(path)).map(Call::text).collect()
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let connection = {
            let mut state = self.state.lock().ok()?;
            state.connections += 1;
            state.connections - 1
        };
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        loop {
            let (path, body) = read_request(&mut reader)?;
            let step = {
                let mut state = self.state.lock().ok()?;
                let step = match path.rsplit('/').next()? {
                    "next" => Some(state.next.pop_front().unwrap_or_else(|| Step::Bytes(status(500)))),
                    "ready" => state.ready.pop_front(),
                    "response" => state.response.pop_front(),
                    "error" => state.error.pop_front(),
                    _ => Some(Step::Bytes(status(404))),
                };
                state.calls.push(Call { path, body, connection });
                step.unwrap_or_else(|| Step::Bytes(status(200)))
            };
            match step {
                Step::Bytes(bytes) => stream.write_all(&bytes).ok()?,
                Step::Last(bytes) => return stream.write_all(&bytes).ok(),
                Step::Drop => return None,
                Step::After(word, bytes) => {
                    word.recv().ok()?;
                    stream.write_all(&bytes).ok()?;
                }
            }
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}

/// A bare answer with this status.
pub(crate) fn status(code: u16) -> Vec<u8> {
    format!("HTTP/1.1 {code} Whatever\r\ncontent-length: 2\r\n\r\nno").into_bytes()
}

/// An event with these header lines.
pub(crate) fn event(headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = String::from("HTTP/1.1 200 OK\r\n");
    for header in headers {
        answer.push_str(header);
        answer.push_str("\r\n");
    }
    answer.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// An event as the platform usually sends it.
pub(crate) fn plain(body: &str) -> Step {
    Step::Bytes(event(&["request_id: r-1", "memory_limit_in_mb: 128", "time_limit_in_ms: 3000"], body.as_bytes()))
}
