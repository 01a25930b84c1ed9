//! Proxies and where calls go.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::json;
use tencentcloud::{Client, Environment, ErrorKind, Network, NotSent, scf};

use crate::support::{Reply, Server};

fn get_function() -> scf::GetFunction {
    scf::GetFunction { function_name: Some("f".to_owned()), ..Default::default() }
}

async fn server() -> Server {
    Server::start(|_, _| Reply::Response(json!({ "FunctionName": "f", "Status": "Active" }))).await
}

/// An environment in which every proxy variable names `proxy`.
fn proxied(proxy: &Server) -> Environment {
    let url = proxy.url.as_str();
    ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http_proxy"]
        .into_iter()
        .fold(Environment::default(), |environment, name| environment.with(name, url))
}

#[tokio::test]
async fn a_loopback_endpoint_never_goes_through_a_proxy() {
    let (server, proxy) = (server().await, server().await);
    for host in ["127.0.0.1", "localhost"] {
        let mut config = server.config();
        config.network = Network::from_environment(&proxied(&proxy));
        let url = format!("http://{host}:{}", server.url.port().expect("a port"));
        config.endpoint = Some(url.parse().expect("a URL"));
        Client::new(config).call(Some("ap-beijing"), &get_function()).await.expect("a function");
    }
    assert_eq!(server.requests().len(), 2);
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn other_endpoints_go_through_the_proxy_for_their_scheme() {
    let proxy = server().await;
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let mut config = proxy.config();
        config.network = Network::from_environment(&Environment::default().with(name, proxy.url.as_str()));
        config.endpoint = Some("http://cloud.invalid:8080/some/path".parse().expect("a URL"));
        Client::new(config).call(Some("ap-beijing"), &get_function()).await.expect("a function");
        let sent = proxy.requests().pop().expect("a request");
        assert_eq!(sent.line, "POST http://cloud.invalid:8080/ HTTP/1.1", "{name}");
        assert_eq!(sent.header("host"), "cloud.invalid:8080");
    }
}

#[tokio::test]
async fn the_providers_hosts_are_reached_through_a_tunnel() {
    // The proxy refuses the tunnel, so all that is seen is where the call wanted to go.
    for (region, host) in [
        ("ap-beijing", "scf.tencentcloudapi.com"),
        ("ap-shanghai-fsi", "scf.ap-shanghai-fsi.tencentcloudapi.com"),
        ("ap-shenzhen-fsi", "scf.ap-shenzhen-fsi.tencentcloudapi.com"),
    ] {
        let proxy = Server::start(|_, _| Reply::Http { status: 403, headers: String::new(), body: Vec::new() }).await;
        let mut config = proxy.config();
        config.retry.max_attempts = 1;
        config.endpoint = None;
        config.network = Network::from_environment(&Environment::default().with("https_proxy", proxy.url.as_str()));
        let error = Client::new(config).call(Some(region), &get_function()).await.expect_err("no tunnel");
        assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Connect(_))), "{error:?}");
        assert_eq!(proxy.requests()[0].line, format!("CONNECT {host}:443 HTTP/1.1"));
    }
}

#[tokio::test]
async fn hosts_named_by_no_proxy_are_reached_directly() {
    let proxy = server().await;
    let mut config = proxy.config();
    config.retry.max_attempts = 1;
    config.connect_timeout = Duration::from_millis(100);
    config.network = Network::from_environment(&proxied(&proxy).with("NO_PROXY", "192.0.2.1,other.invalid"));
    // An address reserved for documentation: nothing answers there.
    config.endpoint = Some("http://192.0.2.1:9".parse().expect("a URL"));
    let error = Client::new(config).call(Some("ap-beijing"), &get_function()).await.expect_err("no such host");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Connect(_))), "{error:?}");
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn trust_roots_that_cannot_be_read_are_named() {
    let proxy = server().await;
    let mut config = proxy.config();
    config.retry.max_attempts = 1;
    config.endpoint = Some("https://127.0.0.1:9".parse().expect("a URL"));
    config.network = Network::from_environment(&Environment::default().with("SSL_CERT_FILE", "/no/such/roots.pem"));
    let error = Client::new(config).call(None, &get_function()).await.expect_err("no roots");
    assert!(format!("{error:?}").contains("/no/such/roots.pem"), "{error:?}");
}

fn tls_file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/tls", name].iter().collect()
}

/// A server's side of TLS, with a certificate that only the test root vouches for.
fn tls(protocols: &[&str]) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(tls_file("leaf.pem")).expect("a file").map(|cert| cert.expect("a cert"));
    let key = PrivateKeyDer::from_pem_file(tls_file("leaf.key")).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key)
        .expect("a configuration");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Answers connections over TLS until one succeeded. Returns the port, and a channel that tells which protocol was
/// agreed on.
fn tls_server() -> (u16, mpsc::Receiver<Option<Vec<u8>>>) {
    let config = tls(&["http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (agreed, protocols) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = stream;
            let mut stream = rustls::Stream::new(&mut tls, &mut stream);
            let mut request = [0; 4096];
            if !matches!(stream.read(&mut request), Ok(1..)) {
                continue;
            }
            let body = r#"{"Response":{"FunctionName":"f","Status":"Active","RequestId":"r"}}"#;
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
            let _ = agreed.send(stream.conn.alpn_protocol().map(<[u8]>::to_vec));
            return;
        }
    });
    (port, protocols)
}

#[tokio::test]
async fn tls_servers_are_trusted_through_the_file_of_further_roots_only() {
    let (port, protocols) = tls_server();
    let plain = server().await;
    let client = |environment: &Environment| {
        let mut config = plain.config();
        config.retry.max_attempts = 1;
        config.endpoint = Some(format!("https://127.0.0.1:{port}").parse().expect("a URL"));
        config.network = Network::from_environment(environment);
        Client::new(config)
    };
    let stranger = client(&Environment::default());
    let error = stranger.call(Some("ap-beijing"), &get_function()).await.expect_err("an unknown issuer");
    assert!(matches!(error.kind(), ErrorKind::NotSent(NotSent::Connect(_))), "{error:?}");
    let root = tls_file("ca.pem").display().to_string();
    let friend = client(&Environment::default().with("SSL_CERT_FILE", &root));
    friend.call(Some("ap-beijing"), &get_function()).await.expect("a function");
    assert_eq!(protocols.recv().expect("a protocol"), Some(b"http/1.1".to_vec()), "ALPN is offered");
}

/// Answers over HTTP/2 alone. Returns the port, and how many connections there were.
async fn http2_server() -> (u16, Arc<AtomicUsize>) {
    let acceptor = tokio_rustls::TlsAcceptor::from(tls(&["h2"]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            count.fetch_add(1, Ordering::SeqCst);
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            tokio::spawn(async move {
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        // What is signed as the host is what HTTP/2 names as the authority.
                        assert_eq!(request.uri().authority().map(|a| a.host()), Some("127.0.0.1"));
                        let mut body = request.into_body();
                        while let Some(chunk) = body.data().await {
                            let _ = body.flow_control().release_capacity(chunk.expect("a body").len());
                        }
                        // Long enough for the others to be under way.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        let answer = r#"{"Response":{"FunctionName":"f","Status":"Active","RequestId":"r"}}"#;
                        let mut stream = respond.send_response(Default::default(), false).expect("a head");
                        stream.send_data(answer.into(), true).expect("a body");
                    });
                }
            });
        }
    });
    (port, connections)
}

#[tokio::test]
async fn a_server_may_choose_http2_and_many_calls_share_a_connection() {
    let (port, connections) = http2_server().await;
    let plain = server().await;
    let mut config = plain.config();
    config.retry.max_attempts = 1;
    config.endpoint = Some(format!("https://127.0.0.1:{port}").parse().expect("a URL"));
    let root = tls_file("ca.pem").display().to_string();
    config.network = Network::from_environment(&Environment::default().with("SSL_CERT_FILE", &root));
    let client = Client::new(config);
    client.call(Some("ap-beijing"), &get_function()).await.expect("a function");
    let request = get_function();
    let calls = (0..50).map(|_| client.call(Some("ap-beijing"), &request));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1, "51 calls");
}

#[test]
fn debug_of_the_surroundings_shows_no_value() {
    let environment = Environment::default().with("HTTPS_PROXY", "http://user:hunter2@proxy:1");
    assert!(!format!("{environment:?} {:?}", Network::from_environment(&environment)).contains("hunter2"));
}
