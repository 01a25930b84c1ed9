//! A tiny client of the tests' own: signs as the published description says and speaks HTTP over a plain
//! socket, so that nothing of ours vouches for itself.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a call ended in: the members of the answer, or the code and message of the refusal.
pub(crate) type Outcome = Result<Value, (String, String)>;

/// A trust document for SCF.
pub(crate) const TRUST_SCF: &str = r#"{"version":"2.0","statement":[{"action":"name/sts:AssumeRole","effect":"allow","principal":{"service":["scf.qcloud.com"]}}]}"#;

/// A client of one cloud.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) token: Option<String>,
}

/// Starts a cloud with these options and a client of it.
pub(crate) async fn start(options: Options) -> (LocalCloud, Client) {
    let cloud = LocalCloud::start(options).await.expect("the local cloud starts");
    let client = Client::of(&cloud);
    (cloud, client)
}

/// A raw request's parts, to be bent by tests before it is sent.
pub(crate) struct Raw {
    pub(crate) method: &'static str,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn of(cloud: &LocalCloud) -> Self {
        Self {
            address: cloud.address(),
            region: "ap-beijing".into(),
            id: "local".into(),
            key: "local".into(),
            token: None,
        }
    }

    /// Makes one call.
    pub(crate) async fn call(&self, service: &str, action: &str, members: Value) -> Outcome {
        let raw = self.sign(service, action, &members, now(), "content-type;host", None);
        let answer = self.send(&raw).await.expect("an answer");
        assert_eq!(answer.status, 200, "{action}");
        assert_eq!(answer.content_type, "application/json", "{action}");
        outcome(&answer.body)
    }

    pub(crate) async fn scf(&self, action: &str, members: Value) -> Outcome {
        self.call("scf", action, members).await
    }

    /// The code of the refusal that the call must end in.
    pub(crate) async fn code(&self, service: &str, action: &str, members: Value) -> String {
        match self.call(service, action, members).await {
            Ok(answer) => panic!("{action} should have been refused, answered {answer}"),
            Err((code, _)) => code,
        }
    }

    /// Waits until the function's status is none of the busy ones, and answers it.
    pub(crate) async fn settled(&self, name: &str) -> Value {
        loop {
            let answer = self.scf("GetFunction", json!({"FunctionName": name})).await.expect("the function");
            let status = answer["Status"].as_str().expect("a status");
            if !["Creating", "Updating", "Publishing", "Deleting"].contains(&status) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Creates a function from the smallest package and waits until it is active.
    pub(crate) async fn function(&self, name: &str) -> Value {
        self.scf("CreateFunction", function(name)).await.expect("CreateFunction");
        let answer = self.settled(name).await;
        assert_eq!(answer["Status"], "Active", "{answer}");
        answer
    }

    pub(crate) fn sign(
        &self,
        service: &str,
        action: &str,
        members: &Value,
        at: u64,
        signed: &str,
        query: Option<&str>,
    ) -> Raw {
        let version = match service {
            "scf" => "2018-04-16",
            "cam" => "2019-01-16",
            "mps" => "2019-06-12",
            _ => "2018-08-13",
        };
        let (method, body) = match query {
            None => ("POST", members.to_string().into_bytes()),
            Some(_) => ("GET", Vec::new()),
        };
        let kind = if method == "POST" { "application/json" } else { "application/x-www-form-urlencoded" };
        let mut headers = vec![
            ("Host".to_owned(), self.address.to_string()),
            ("Content-Type".to_owned(), kind.to_owned()),
            ("X-TC-Action".to_owned(), action.to_owned()),
            ("X-TC-Version".to_owned(), version.to_owned()),
            ("X-TC-Timestamp".to_owned(), at.to_string()),
            ("X-TC-Region".to_owned(), self.region.clone()),
        ];
        if let Some(token) = &self.token {
            headers.push(("X-TC-Token".to_owned(), token.clone()));
        }
        let block: String = signed
            .split(';')
            .map(|name| {
                let value = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
                format!("{name}:{}\n", value.expect("a signed header is sent").1.trim().to_lowercase())
            })
            .collect();
        let canonical =
            format!("{method}\n/\n{}\n{block}\n{signed}\n{}", query.unwrap_or_default(), hex(&Sha256::digest(&body)));
        let date = jiff::Timestamp::from_second(at.cast_signed()).expect("a time").strftime("%Y-%m-%d").to_string();
        let scope = format!("{date}/{service}/tc3_request");
        let to_sign = format!("TC3-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = format!("TC3{}", self.key).into_bytes();
        for step in [&date, service, "tc3_request"] {
            key = hmac(&key, step);
        }
        let signature = hex(&hmac(&key, &to_sign));
        headers.push((
            "Authorization".to_owned(),
            format!("TC3-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", self.id),
        ));
        Raw { method, query: query.unwrap_or_default().to_owned(), headers, body }
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(&self, raw: &Raw) -> std::io::Result<HttpAnswer> {
        let target = if raw.query.is_empty() { "/".to_owned() } else { format!("/?{}", raw.query) };
        exchange(self.address, raw.method, &target, &raw.headers, &raw.body).await
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// One request and its answer; an answer that ends early is an error.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> std::io::Result<HttpAnswer> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let early = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the answer ended early");
    let split = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(early)?;
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let body = bytes[split + 4..].to_vec();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (header, value) = line.split_once(':')?;
            header.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    if header("content-length").and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() < length)
    {
        return Err(early());
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(early)?;
    Ok(HttpAnswer { status, content_type: header("content-type").unwrap_or_default(), body })
}

pub(crate) fn outcome(body: &[u8]) -> Outcome {
    let answer: Value = serde_json::from_slice(body).expect("a JSON answer");
    let response = answer["Response"].clone();
    assert!(response["RequestId"].is_string(), "every answer has a request id: {answer}");
    match response.get("Error") {
        Some(error) => Err((
            error["Code"].as_str().expect("a code").to_owned(),
            error["Message"].as_str().expect("a message").to_owned(),
        )),
        None => Ok(response),
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A zip of these files: name, unix mode, content.
pub(crate) fn zip(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        archive.start_file(*name, options).expect("a zip entry");
        archive.write_all(content.as_bytes()).expect("a zip entry");
    }
    archive.finish().expect("a zip").into_inner()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The smallest package that deploys.
pub(crate) fn package() -> String {
    base64(&zip(&[("bootstrap", 0o755, "#!/bin/sh\n")]))
}

/// CreateFunction's members for a small function.
pub(crate) fn function(name: &str) -> Value {
    json!({"FunctionName": name, "Runtime": "CustomRuntime", "Handler": "main", "Code": {"ZipFile": package()}})
}
