//! A scripted HTTP server on loopback: raw enough to answer late, half, wrongly or not at all.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tencentcloud::{CallRecord, Client, ClientConfig, Credentials, Keys, RetryPolicy, Url};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn action(&self) -> &str {
        self.header("x-tc-action")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// HTTP 200 with this `Response` object; a RequestId is added.
    Response(Value),
    /// HTTP 200 with this error code.
    Refuse(&'static str),
    /// Any status, content type and body, with further header lines (each ending in CRLF).
    Http { status: u16, headers: String, body: Vec<u8> },
    /// These bytes instead of an HTTP answer, then the end of the connection.
    Raw(Vec<u8>),
    /// Never anything.
    Silence,
}

impl Reply {
    pub(crate) fn json(body: &str) -> Self {
        Self::Http { status: 200, headers: "content-type: application/json\r\n".to_owned(), body: body.into() }
    }
}

type Script = dyn Fn(Request) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

pub(crate) struct Server {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that answers by a function of the request and of its number, counted from 0.
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let count = AtomicUsize::new(0);
        Self::start_async(move |request| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let reply = script(number, &request);
            async move { reply }
        })
        .await
    }

    /// A server whose answers may take their time.
    pub(crate) async fn start_async<F>(script: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let script: Arc<Script> = Arc::new(move |request| Box::pin(script(request)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        let url = format!("http://127.0.0.1:{port}").parse().expect("a URL");
        Self { url, requests, connections, task }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("requests").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A client of this server, impatient enough for tests.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.config())
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new(Credentials::fixed(Keys::new("local", "local")));
        config.endpoint = Some(self.url.clone());
        config.retry = quick_retries();
        config
    }
}

pub(crate) fn quick_retries() -> RetryPolicy {
    RetryPolicy {
        max_attempts: 3,
        base_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(5),
        ..RetryPolicy::default()
    }
}

/// Keeps what a client says about its attempts.
pub(crate) fn recorded(config: &mut ClientConfig) -> Arc<Mutex<Vec<CallRecord>>> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&records);
    config.on_call = Some(Arc::new(move |record| kept.lock().expect("records").push(record.clone())));
    records
}

async fn serve(stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        seen.lock().expect("requests").push(request.clone());
        let (status, headers, body) = match script(request).await {
            Reply::Response(mut response) => {
                response["RequestId"] = "r-1".into();
                json(&serde_json::json!({ "Response": response }))
            }
            Reply::Refuse(code) => json(&serde_json::json!({
                "Response": { "Error": { "Code": code, "Message": "no" }, "RequestId": "r-2" }
            })),
            Reply::Http { status, headers, body } => (status, headers, body),
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Silence => std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

fn json(body: &Value) -> (u16, String, Vec<u8>) {
    (200, "content-type: application/json\r\n".to_owned(), body.to_string().into_bytes())
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { line: lines[0].clone(), headers, body })
}
