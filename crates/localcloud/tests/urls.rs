//! Function URLs: who may come in, what an event function sees and answers, and HTTP functions behind their
//! own server.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localcloud::{LocalCloud, Options};
use serde_json::{Value, json};
use support::{BOOTSTRAP, Client, HttpAnswer, base64, exchange, now, start, zip};

/// The HTTP function: started by `scf_bootstrap` as one test of this very program.
#[test]
#[ignore = "is the server of the HTTP functions below"]
fn serves_requests() {
    let (Ok(port), Ok(_)) = (std::env::var("PORT"), std::env::var("SCF_FUNCTIONNAME")) else { return };
    let port = std::env::var("FIXED").unwrap_or(port);
    let host = std::env::var("BIND").unwrap_or_else(|_| "0.0.0.0".to_owned());
    let listener = TcpListener::bind(format!("{host}:{port}")).expect("the port is free");
    for stream in listener.incoming() {
        let stream = stream.expect("a connection");
        // A caller that hangs up is the test's business.
        std::thread::spawn(move || serve(stream).ok());
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end]).into_owned();
        }
        let count = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
    };
    let headers: Value = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let length: usize = headers["content-length"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    let start = head.len() + 4;
    while bytes.len() < start + length {
        let count = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
    let line = head.lines().next().unwrap_or_default().to_owned();
    println!("asked {line}");
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let inside = INSIDE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(inside, Ordering::SeqCst);
    let (mut extra, mut body) = (String::new(), json!({"line": line, "headers": headers}).to_string().into_bytes());
    match path.as_str() {
        "/echo" => body = bytes[start..].to_vec(),
        "/together" => {
            let wanted = std::env::var("TOGETHER").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
            while MOST.load(Ordering::SeqCst) < wanted {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Long enough for one too many to come in.
            std::thread::sleep(Duration::from_millis(20));
            body = MOST.load(Ordering::SeqCst).to_string().into_bytes();
        }
        "/large" => body = vec![b'x'; 6 * 1024 * 1024 + 1],
        "/headers" => extra = format!("X-Large: {}\r\n", "x".repeat(4096)),
        "/exit" => std::process::exit(3),
        "/hang" => std::thread::sleep(Duration::from_secs(600)),
        "/hop" => extra = "Keep-Alive: timeout=5\r\nX-Kept: yes\r\n".to_owned(),
        _ => {}
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    let head = format!("HTTP/1.1 202 Accepted\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    if !line.starts_with("HEAD") {
        stream.write_all(&body)?;
    }
    Ok(())
}

fn bootstrap() -> String {
    let program = std::env::current_exe().expect("this program");
    format!("#!/bin/sh\necho starting\nexec '{}' --exact serves_requests --ignored --nocapture\n", program.display())
}

/// A cloud with the function `web` and its URL.
struct Served {
    cloud: LocalCloud,
    client: Client,
    trigger: String,
    host: String,
}

impl Served {
    async fn with(options: Options, function: Value, desc: Value) -> Self {
        let (cloud, client) = start(Options { settle: Duration::ZERO, ..options }).await;
        let mut members = function;
        let (file, text) = match members["Type"].as_str() {
            Some("HTTP") => ("scf_bootstrap", members["Text"].as_str().map_or_else(bootstrap, str::to_owned)),
            _ => ("bootstrap", BOOTSTRAP.to_owned()),
        };
        members.as_object_mut().expect("members").remove("Text");
        members["FunctionName"] = "web".into();
        members["Runtime"] = "CustomRuntime".into();
        members["Code"] = json!({"ZipFile": base64(&zip(&[(file, 0o755, &text)]))});
        client.scf("CreateFunction", members).await.expect("created");
        let trigger = json!({"FunctionName": "web", "TriggerName": "url", "Type": "http", "Qualifier": "$DEFAULT",
            "Enable": "OPEN", "TriggerDesc": desc.to_string()});
        let info = client.scf("CreateTrigger", trigger).await.expect("created")["TriggerInfo"].clone();
        let told: Value = serde_json::from_str(info["TriggerDesc"].as_str().expect("a text")).expect("JSON");
        let net = &told["NetConfig"];
        let url = [&net["ExtranetUrl"], &net["IntranetUrl"]].into_iter().find(|url| **url != "").expect("a url");
        let host = url.as_str().and_then(|url| url.strip_prefix("https://")).expect("https").to_owned();
        Self { cloud, client, trigger: info["TriggerName"].as_str().expect("a name").to_owned(), host }
    }

    async fn event(desc: Value) -> Self {
        Self::with(Options::default(), json!({}), desc).await
    }

    async fn http(function: Value) -> Self {
        let mut members = function;
        members["Type"] = "HTTP".into();
        Self::with(Options::default(), members, open()).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let target = format!("/_url/{}{path}", self.trigger);
        exchange(self.cloud.address(), method, &target, &headers, body).await.expect("an answer")
    }

    /// The log of the one request that was made last.
    async fn log(&self) -> String {
        let logs = self.client.scf("GetFunctionLogs", json!({"FunctionName": "web"})).await.expect("logs");
        logs["Data"][0]["Log"].as_str().expect("a log").to_owned()
    }

    /// Asks for what must fail with this status and reason, in the answer as in the log.
    async fn fails(&self, path: &str, status: u16, expected: &str) {
        let answer = self.ask("GET", path, &[], b"").await;
        assert_eq!(answer.status, status, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let told = answer.json();
        assert!(told["errorMessage"].as_str().is_some_and(|told| told.contains(expected)), "{path}: {told}");
        assert_eq!(told["requestId"], answer.header("x-scf-request-id"));
        let log = self.log().await;
        assert!(log.contains("ERROR RequestId:") && log.contains(expected), "{path}: {log}");
    }
}

fn open() -> Value {
    json!({"AuthType": "NONE", "NetConfig": {"EnableIntranet": false, "EnableExtranet": true}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_function_sees_the_request_and_its_answer_is_the_response() {
    let served = Served::event(open()).await;
    assert_eq!(
        served.cloud.function_url(&served.trigger),
        format!("http://{}/_url/{}/", served.cloud.address(), served.trigger)
    );
    let answer = served.ask("POST", "/a/b?x=1&y=%20", &[("X-Own", "me")], b"hello").await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let event = answer.json();
    assert_eq!(
        (&event["httpMethod"], &event["path"], &event["queryString"], &event["body"]),
        (&json!("POST"), &json!("/a/b"), &json!({"x": "1", "y": " "}), &json!("hello"))
    );
    assert_eq!(
        (&event["headers"]["x-own"], &event["headers"]["x-scf-remote-addr"]),
        (&json!("me"), &json!("127.0.0.1"))
    );
    let made = served.ask("GET", "/created", &[], b"").await;
    assert_eq!(
        (made.status, made.content_type.as_str(), made.header("x-made"), made.body.as_slice()),
        (201, "text/html", "yes", &b"<b>made</b>"[..])
    );
    served.fails("/fail", 430, "it went wrong").await;
    let broken = served.ask("GET", "/broken", &[], b"").await;
    assert_eq!((broken.status, &broken.json()["statusCode"]), (430, &json!(430)));
    let large = served.ask("POST", "/", &[], &vec![b'x'; 6 * 1024 * 1024 + 1]).await;
    assert_eq!(large.status, 406);
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_host_reaches_the_function_through_this_machine() {
    let served = Served::event(open()).await;
    assert!(served.host.ends_with(&format!("-{}.ap-beijing.tencentscf.com", served.trigger)), "{}", served.host);
    let host = |host: &str| [("Host".to_owned(), host.to_owned())];
    let at = served.cloud.address();
    let answer = exchange(at, "GET", "/_url/x?a=b", &host(&served.host), b"").await.expect("an answer");
    assert_eq!((answer.status, &answer.json()["path"]), (200, &json!("/_url/x")));
    for elsewhere in [
        served.host.replace("beijing", "guangzhou"),
        served.host.replace(&served.trigger, "other"),
        "x.tencentscf.com".into(),
    ] {
        let answer = exchange(at, "GET", "/", &host(&elsewhere), b"").await.expect("an answer");
        assert_eq!(answer.status, 404, "{elsewhere}");
    }
    let intranet = served.host.replace(".ap-beijing", ".in.ap-beijing");
    assert_eq!(exchange(at, "GET", "/", &host(&intranet), b"").await.expect("an answer").status, 403);
    assert_eq!(exchange(at, "GET", "/_url/none/", &[], b"").await.expect("an answer").status, 404);
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_without_its_side_or_switched_off_is_refused() {
    let served =
        Served::event(json!({"AuthType": "NONE", "NetConfig": {"EnableIntranet": true, "EnableExtranet": false}}))
            .await;
    let answer = served.ask("GET", "/", &[], b"").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["errorMessage"].as_str().is_some_and(|told| told.contains("EnableExtranet")), "{answer:?}");
    let host = [("Host".to_owned(), served.host.clone())];
    let inside = exchange(served.cloud.address(), "GET", "/", &host, b"").await.expect("an answer");
    assert_eq!(inside.status, 200, "the intranet's host is served");
    let off = json!({"FunctionName": "web", "TriggerName": served.trigger, "Type": "http", "Qualifier": "$DEFAULT",
        "Enable": "CLOSE", "TriggerDesc": open().to_string()});
    served.client.scf("UpdateTrigger", off).await.expect("updated");
    let answer = served.ask("GET", "/", &[], b"").await;
    assert_eq!(answer.status, 403);
    assert!(answer.json()["errorMessage"].as_str().is_some_and(|told| told.contains("switched off")), "{answer:?}");
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_takes_requests_signed_for_scf_only() {
    let served =
        Served::event(json!({"AuthType": "CAM", "NetConfig": {"EnableIntranet": false, "EnableExtranet": true}})).await;
    assert_eq!(served.ask("POST", "/a", &[], b"{}").await.status, 401);
    let send = async |client: &Client, path: &str, service: &str, body: &[u8]| {
        let signed = client.sign_path(path, service, "", &json!({"n": 1}), now(), "content-type;host", None);
        let target = format!("/_url/{}/a", served.trigger);
        let answer = exchange(served.cloud.address(), "POST", &target, &signed.headers, body).await;
        answer.expect("an answer").status
    };
    let body = json!({"n": 1}).to_string();
    let client = &served.client;
    assert_eq!(send(client, "/", "scf", body.as_bytes()).await, 200);
    assert_eq!(send(client, "/a", "scf", body.as_bytes()).await, 200);
    assert_eq!(send(client, "/b", "scf", body.as_bytes()).await, 403);
    assert_eq!(send(client, "/", "cam", body.as_bytes()).await, 403);
    assert_eq!(send(client, "/", "scf", b"{\"n\":2}").await, 403);
    let other = Client { key: "wrong".into(), ..client.clone() };
    assert_eq!(send(&other, "/", "scf", body.as_bytes()).await, 403);
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_answered_as_the_cors_configuration_says() {
    let mut desc = json!({"AuthType": "CAM", "NetConfig": {"EnableIntranet": false, "EnableExtranet": true}});
    desc["CorsConfig"] = json!({"Enable": true, "Origins": ["https://a.example"], "Methods": ["GET"],
        "Headers": ["x-a"], "ExposeHeaders": ["x-b"], "MaxAge": 60, "Credentials": true});
    let served = Served::event(desc).await;
    let origin = ("Origin", "https://a.example");
    let preflight = served.ask("OPTIONS", "/", &[origin, ("Access-Control-Request-Method", "GET")], b"").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-methods")), (204, "GET"));
    let plain = served.ask("GET", "/", &[origin], b"").await;
    assert_eq!((plain.status, plain.header("access-control-allow-origin")), (401, "https://a.example"));
    assert_eq!(plain.header("access-control-expose-headers"), "x-b");
    let foreign = served.ask("GET", "/", &[("Origin", "https://b.example")], b"").await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_function_gets_the_request_with_the_platforms_headers() {
    let served = Served::http(json!({"MemorySize": 256, "Timeout": 20})).await;
    let answer =
        served.ask("PUT", "/a%20b?x=1", &[("X-Own", "me"), ("X-Scf-Uin", "0"), ("Keep-Alive", "1")], b"text").await;
    assert_eq!(answer.status, 202);
    let seen = answer.json();
    assert_eq!(seen["line"], "PUT /a%20b?x=1 HTTP/1.1");
    let headers = &seen["headers"];
    for (name, value) in [
        ("x-own", "me"),
        ("x-scf-request-id", answer.header("x-scf-request-id")),
        ("x-scf-memory", "256"),
        ("x-scf-timeout", "20000"),
        ("x-scf-version", "$LATEST"),
        ("x-scf-name", "web"),
        ("x-scf-namespace", "default"),
        ("x-scf-region", "ap-beijing"),
        ("x-scf-uin", "100000000001"),
        ("content-length", "4"),
        ("host", &served.cloud.address().to_string()),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["keep-alive"].is_null() && headers["x-scf-appid"].is_string(), "{headers}");
    let log = served.log().await;
    for line in ["starting", "asked PUT /a%20b?x=1 HTTP/1.1", "RetMsg:\"HTTP 202\""] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert!(served.ask("POST", "/echo", &[], &large).await.body == large, "bytes pass unchanged");
    let hop = served.ask("GET", "/hop", &[], b"").await;
    assert_eq!((hop.header("x-kept"), hop.header("keep-alive")), ("yes", ""));
    let head = served.ask("HEAD", "/echo", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (202, 0));
    let event = json!({"FunctionName": "web", "Event": "{}"});
    let refused = served.client.scf("InvokeFunction", event).await.expect("an answer");
    assert!(refused["Result"]["ErrMsg"].as_str().is_some_and(|told| told.contains("function URL")), "{refused}");
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_functions_failures_are_told_apart_and_the_next_request_gets_a_fresh_instance() {
    let served = Served::http(json!({"Timeout": 2, "InitTimeout": 30})).await;
    for (path, status, expected) in [
        ("/large", 407, "larger than 6291456 bytes"),
        ("/headers", 407, "headers take"),
        ("/exit", 439, "it exited with code 3"),
        ("/hang", 433, "timed out after 2 seconds"),
    ] {
        served.fails(path, status, expected).await;
        assert_eq!(served.ask("GET", "/", &[], b"").await.status, 202, "after {path}");
    }
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_function_that_does_not_listen_says_why() {
    for (text, status, expected) in [
        ("#!/bin/sh\nexit 4\n", 405, "it exited with code 4"),
        ("#!/bin/sh\nsleep 60\n", 446, "nothing of the function listens"),
    ] {
        let served = Served::http(json!({"InitTimeout": 3, "Text": text})).await;
        served.fails("/", status, expected).await;
        served.cloud.shutdown().await;
    }
    let local = json!({"Variables": [{"Key": "BIND", "Value": "127.0.0.1"}]});
    let served = Served::http(json!({"InitTimeout": 3, "Environment": local})).await;
    served.fails("/", 446, "127.0.0.1 only").await;
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_its_port_takes_the_platforms_unless_another_program_has_it() {
    let taken = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let options = || Options { web_port: port, ..Options::default() };
    let fixed = json!({"Variables": [{"Key": "FIXED", "Value": port.to_string()}]});
    let function = json!({"Type": "HTTP", "InitTimeout": 3, "Environment": fixed});
    let silent = json!({"Type": "HTTP", "InitTimeout": 3, "Text": "#!/bin/sh\nsleep 60\n"});
    let served = Served::with(options(), silent, open()).await;
    served.fails("/", 446, &format!("port {port} is taken by another program")).await;
    served.cloud.shutdown().await;
    drop(taken);
    let served = Served::with(options(), function, open()).await;
    assert_eq!(served.ask("GET", "/", &[], b"").await.status, 202);
    served.cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_takes_as_many_requests_at_once_as_it_is_set_to() {
    for (concurrency, expected) in
        [(json!({"DynamicEnabled": ""}), "1"), (json!({"DynamicEnabled": "FALSE", "MaxConcurrency": 3}), "3")]
    {
        let wanted = json!({"Variables": [{"Key": "TOGETHER", "Value": expected}]});
        let function = json!({"Timeout": 20, "InstanceConcurrencyConfig": concurrency, "Environment": wanted});
        let served = Served::http(function).await;
        let one = || served.ask("GET", "/together", &[], b"");
        tokio::join!(one(), one(), one(), one(), one(), one());
        let most = one().await;
        assert_eq!(String::from_utf8_lossy(&most.body), expected);
        served.cloud.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_serves_the_next_request_and_no_server_is_left() {
    let served = Served::http(json!({"Timeout": 20})).await;
    assert_eq!(served.ask("GET", "/", &[], b"").await.status, 202);
    let word = support::token();
    let text = format!("#!/bin/sh\nsleep {word} &\n{}", bootstrap().trim_start_matches("#!/bin/sh\n"));
    let code = json!({"ZipFile": base64(&zip(&[("scf_bootstrap", 0o755, &text)]))});
    let update = json!({"FunctionName": "web", "Handler": "main", "Code": code});
    served.client.scf("UpdateFunctionCode", update).await.expect("updated");
    assert_eq!(served.ask("GET", "/", &[], b"").await.status, 202);
    assert!(support::is_running(&word));
    served.cloud.shutdown().await;
    support::wait_running(&word, false).await;
}
