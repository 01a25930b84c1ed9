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
        self.sign_path("/", service, action, members, at, signed, query)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a signature")]
    pub(crate) fn sign_path(
        &self,
        path: &str,
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
        let canonical = format!(
            "{method}\n{path}\n{}\n{block}\n{signed}\n{}",
            query.unwrap_or_default(),
            hex(&Sha256::digest(&body))
        );
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
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpAnswer {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
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
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(early)?;
    let mut answer = HttpAnswer { status, content_type: String::new(), headers, body };
    answer.content_type = answer.header("content-type").to_owned();
    let promised = answer.header("content-length").parse().unwrap_or(0);
    if method != "HEAD" && answer.body.len() < promised {
        return Err(early());
    }
    Ok(answer)
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

/// A custom runtime in bash, with nothing but its own sockets. What an event says decides what it does.
pub(crate) const BOOTSTRAP: &str = r#"#!/bin/bash
export LC_ALL=C
call() {
  exec 3<>"/dev/tcp/$1/$2"
  printf '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' "$3" "$4" "${#5}" "$5" >&3
  answer=$(cat <&3)
  exec 3>&-
}
runtime() { call "$SCF_RUNTIME_API" "$SCF_RUNTIME_API_PORT" "$1" "/runtime/$2" "$3"; }
[ "$MODE" = "never-ready" ] && sleep 60
[ "$MODE" = "gone" ] && exit 7
echo "cold start"
runtime POST init/ready " "
count=0
while true; do
  runtime GET invocation/next ""
  event=$(sed '1,/^\r$/d' <<<"$answer")
  count=$((count + 1))
  echo "event $count: $event"
  case "$event" in
    *httpMethod*/created*) runtime POST invocation/response \
      '{"statusCode":201,"headers":{"Content-Type":"text/html","X-Made":"yes"},"body":"<b>made</b>"}' ;;
    *httpMethod*/broken*) runtime POST invocation/response '{"statusCode":"many"}' ;;
    *httpMethod*/fail*) runtime POST invocation/error "it went wrong" ;;
    *httpMethod*) runtime POST invocation/response "$event" ;;
    *spin*) while true; do :; done ;;
    *loud*) yes 0123456789abcdef0123456789abcdef0123456789abcdef | head -c 10000000
      head -c 100000 /dev/zero | tr '\0' x
      runtime POST invocation/response '"said"' ;;
    *fork*) number=${event//[^0-9]/}; sleep "$number" & setsid sleep "$number" & sleep 60 ;;
    *crowd*) for _ in {1..1200}; do sleep 60 & done; sleep 60 ;;
    *feed*) { filling=$(head -c 200000000 /dev/zero | tr '\0' x); sleep 60; } & sleep 60 ;;
    *crash*) kill -SEGV $$ ;;
    *leave*) exit 3 ;;
    *hang*) sleep 60 ;;
    *grow*) filling=$(head -c 200000000 /dev/zero | tr '\0' x); sleep 60 ;;
    *fail*) runtime POST invocation/error "it went wrong" ;;
    *tell*) call "${WECOM_HOST%:*}" "${WECOM_HOST#*:}" POST "/cgi-bin/webhook/send?key=group-1" \
      "{\"msgtype\":\"text\",\"text\":{\"content\":\"task done\"}}"
      runtime POST invocation/response '"told"' ;;
    *who*) runtime POST invocation/response "\"$SCF_FUNCTIONNAME $TENCENTCLOUD_REGION $_HANDLER ${TENCENTCLOUD_SECRETID:+role}\"" ;;
    *wait*) sleep 0.3; runtime POST invocation/response '"waited"' ;;
    *) runtime POST invocation/response "{\"count\":$count}" ;;
  esac
done
"#;

/// Whether a process is alive that has this word in its command line.
pub(crate) fn is_running(word: &str) -> bool {
    let table = std::fs::read_dir("/proc").expect("a process table").flatten();
    table
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

/// Waits until a process is alive that has this word in its command line, or until none is.
pub(crate) async fn wait_running(word: &str, alive: bool) {
    while is_running(word) != alive {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A number that no other test's process carries.
pub(crate) fn token() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The smallest package that deploys.
pub(crate) fn package() -> String {
    base64(&zip(&[("bootstrap", 0o755, "#!/bin/sh\n")]))
}

/// CreateFunction's members for a small function.
pub(crate) fn function(name: &str) -> Value {
    json!({"FunctionName": name, "Runtime": "CustomRuntime", "Handler": "main", "Code": {"ZipFile": package()}})
}
