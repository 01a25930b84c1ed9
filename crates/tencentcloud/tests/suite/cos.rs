//! COS: the signature against a vector of the official SDK, and uploads against a scripted bucket that answers late,
//! wrongly or not at all.

use std::future::pending;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tencentcloud::cos::sign::{SignedParts, sign};
use tencentcloud::cos::{Bucket, Source, Upload, UploadError, Uploaded};
use tencentcloud::{Client, Credentials, Keys};

use crate::support::{Reply, Request, Server};

const KEY: &str = "provision/demo/package.zip";

#[test]
fn the_official_sdks_vector_is_reproduced() {
    let host = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
    let parts = SignedParts {
        method: "PUT",
        path: "/locks/state.lock",
        query: &[],
        headers: &[
            ("X-Cos-Forbid-Overwrite", "true"),
            ("host", host),
            ("content-type", "application/json"),
            ("content-length", "2"),
        ],
    };
    let signed = sign(
        &parts,
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
        1_557_989_151,
        1_557_996_411,
    );
    assert_eq!(
        signed.http_string,
        format!(
            "put\n/locks/state.lock\n\ncontent-length=2&content-type=application%2Fjson&host={host}&x-cos-forbid-overwrite=true\n"
        )
    );
    assert_eq!(signed.string_to_sign, "sha1\n1557989151;1557996411\ne3df558df0881736a0684e8489839f0097a288f0\n");
    assert_eq!(signed.signature, "304034e3bd1974b3a5306c141c5cb751a1b067de");
    assert!(signed.authorization.contains("&q-header-list=content-length;content-type;host;x-cos-forbid-overwrite&"));
}

fn bucket() -> Bucket {
    Bucket { name: "deploy-1250000000".to_owned(), region: "ap-beijing".to_owned() }
}

/// A file of that many bytes, no two parts alike.
fn upload(size: usize) -> Upload {
    let bytes: Vec<u8> = (0..size).map(|at| (at / 997 % 251) as u8).collect();
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&bytes).expect("room");
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Upload { bucket: bucket(), key: KEY.to_owned(), source: Source::File(Arc::new(file)), size: size as u64, sha256 }
}

fn xml(status: u16, body: &str) -> Reply {
    Reply::Http { status, headers: "content-type: application/xml\r\n".to_owned(), body: body.into() }
}

fn error(status: u16, code: &str) -> Reply {
    xml(status, &format!("<Error><Code>{code}</Code><Message>no</Message><RequestId>r-9</RequestId></Error>"))
}

fn absent() -> Reply {
    Reply::Http { status: 404, headers: String::new(), body: Vec::new() }
}

/// What HEAD answers of an object; written out, for the length it tells is not its body's.
fn present(size: u64, sha256: &str) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nx-cos-meta-sha256: {sha256}\r\ncontent-length: {size}\r\n\r\n");
    Reply::Raw(head.into_bytes())
}

/// What a request asks for, told by verb and query.
fn action(request: &Request) -> &'static str {
    let (verb, target) = request.line.split_once(' ').expect("a request line");
    match verb {
        "HEAD" => "head",
        "PUT" if target.contains("partNumber=") => "part",
        "PUT" => "put",
        "POST" if target.contains("?uploads") => "initiate",
        "POST" => "complete",
        "DELETE" => "abort",
        _ if target.contains("?uploads") => "uploads",
        _ => "parts",
    }
}

fn actions(server: &Server) -> Vec<&'static str> {
    server.requests().iter().map(action).collect()
}

const NO_UPLOADS: &str = "<ListMultipartUploadsResult></ListMultipartUploadsResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>";
const INITIATED: &str = "<?xml version=\"1.0\"?><InitiateMultipartUploadResult xmlns=\"x\"><UploadId>up&amp;1</UploadId></InitiateMultipartUploadResult>";

/// A bucket in which everything goes well and nothing is kept.
fn well(request: &Request) -> Reply {
    match action(request) {
        "head" => absent(),
        "uploads" => xml(200, NO_UPLOADS),
        "initiate" => xml(200, INITIATED),
        "complete" => xml(200, COMPLETED),
        "abort" => Reply::Http { status: 204, headers: String::new(), body: Vec::new() },
        _ => Reply::Http { status: 200, headers: "etag: \"abc\"\r\n".to_owned(), body: Vec::new() },
    }
}

async fn send(client: &Client, upload: &Upload) -> Result<Uploaded, UploadError> {
    client.upload(upload, &|_| {}, pending()).await
}

#[tokio::test]
async fn a_small_package_goes_in_one_signed_request_to_the_buckets_host() {
    let server = Server::start(|_, request| well(request)).await;
    let mut config = server.config();
    config.credentials = Credentials::fixed(Keys::temporary("id", "key", Some("t&1")));
    let upload = upload(1000);
    assert_eq!(send(&Client::new(config), &upload).await.expect("sent"), Uploaded::Sent);
    assert_eq!(actions(&server), ["head", "put"]);
    let put = server.requests().pop().expect("a request");
    assert_eq!(put.line, format!("PUT /{KEY} HTTP/1.1"));
    assert_eq!(put.header("host"), "deploy-1250000000.cos.ap-beijing.myqcloud.com");
    assert_eq!(put.header("x-cos-meta-sha256"), upload.sha256);
    assert_eq!(put.header("x-cos-security-token"), "t&1");
    let authorization = put.header("authorization");
    let list = "q-header-list=content-length;content-md5;content-type;host;x-cos-meta-sha256;x-cos-security-token&";
    assert!(authorization.contains(list), "{authorization}");
    let times = authorization.split("q-sign-time=").nth(1).expect("times").split('&').next().expect("times");
    let (from, until) = times.split_once(';').expect("two times");
    let names = list.trim_start_matches("q-header-list=").trim_end_matches('&').split(';');
    let headers: Vec<(&str, &str)> = names.map(|name| (name, put.header(name))).collect();
    let path = format!("/{KEY}");
    let parts = SignedParts { method: "PUT", path: &path, query: &[], headers: &headers };
    let expected = sign(&parts, "id", "key", from.parse().expect("a time"), until.parse().expect("a time"));
    assert_eq!(authorization, expected.authorization);
}

#[tokio::test]
async fn nothing_is_sent_when_an_equal_object_is_there() {
    let wanted = upload(20 << 20);
    let (size, digest) = (wanted.size, wanted.sha256.clone());
    let server = Server::start(move |_, _| present(size, &digest)).await;
    assert_eq!(send(&server.client(), &wanted).await.expect("there"), Uploaded::Already);
    assert_eq!(actions(&server), ["head"]);
}

#[tokio::test]
async fn a_large_package_goes_in_parts_and_is_completed_in_order() {
    let server = Server::start(|_, request| well(request)).await;
    let wanted = upload((9 << 20) + 5);
    let heard = AtomicU64::new(0);
    let hear = |bytes| heard.store(bytes, Ordering::Relaxed);
    let result = server.client().upload(&wanted, &hear, pending()).await;
    assert_eq!(result.expect("sent"), Uploaded::Sent);
    assert_eq!(heard.load(Ordering::Relaxed), wanted.size);
    let requests = server.requests();
    let lengths: Vec<usize> = requests.iter().filter(|r| action(r) == "part").map(|r| r.body.len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), (9 << 20) + 5);
    assert!(lengths.iter().filter(|length| **length < 1 << 20).count() <= 1, "{lengths:?}");
    let complete = requests.last().expect("a request");
    assert_eq!(complete.line, format!("POST /{KEY}?uploadId=up%261 HTTP/1.1"));
    let text = String::from_utf8_lossy(&complete.body).into_owned();
    let numbers: Vec<&str> =
        text.split("<PartNumber>").skip(1).map(|rest| rest.split('<').next().unwrap_or("")).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn what_a_killed_run_left_is_taken_up_where_its_digest_fits() {
    let wanted = upload(10 << 20);
    let md5 = |at: usize| -> String {
        use md5::Digest as _;
        let bytes: Vec<u8> = (at << 21..(at + 1) << 21).map(|at| (at / 997 % 251) as u8).collect();
        md5::Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    // Part 1 is as it should be, part 2 holds something else.
    let (first, other) = (md5(0), md5(3));
    let server = Server::start(move |_, request| match action(request) {
        "uploads" => xml(
            200,
            &format!("<ListMultipartUploadsResult><Upload><Key>{KEY}.other</Key><UploadId>no</UploadId></Upload><Upload><Key>{KEY}</Key><UploadId>old</UploadId></Upload></ListMultipartUploadsResult>"),
        ),
        "parts" => {
            let part = |number, etag: &str| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag><Size>2097152</Size></Part>")
            };
            xml(200, &format!("<ListPartsResult>{}{}</ListPartsResult>", part(1, &first), part(2, &other)))
        }
        _ => well(request),
    })
    .await;
    assert_eq!(send(&server.client(), &wanted).await.expect("sent"), Uploaded::Sent);
    let mut sent: Vec<String> =
        server.requests().iter().filter(|r| action(r) == "part").map(|r| r.line.clone()).collect();
    sent.sort();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(sent[0].contains("partNumber=2&uploadId=old"), "{sent:?}");
    assert!(!actions(&server).contains(&"initiate"));
}

#[tokio::test]
async fn a_lost_answer_to_the_last_request_is_settled_by_looking() {
    let wanted = upload(10 << 20);
    let done = Arc::new(AtomicBool::new(false));
    let (size, digest) = (wanted.size, wanted.sha256.clone());
    let server = Server::start(move |_, request| match action(request) {
        "complete" => {
            done.store(true, Ordering::SeqCst);
            Reply::Raw(Vec::new())
        }
        "head" if done.load(Ordering::SeqCst) => present(size, &digest),
        _ => well(request),
    })
    .await;
    assert_eq!(send(&server.client(), &wanted).await.expect("settled"), Uploaded::Sent);
    let seen = actions(&server);
    assert_eq!(seen.iter().filter(|a| **a == "complete").count(), 1, "{seen:?}");
    assert!(!seen.contains(&"abort"), "{seen:?}");
}

#[tokio::test]
async fn a_refused_part_aborts_the_upload_and_says_why() {
    let server = Server::start(|_, request| match action(request) {
        "part" => error(403, "AccessDenied"),
        _ => well(request),
    })
    .await;
    match send(&server.client(), &upload(10 << 20)).await {
        Err(UploadError::Call(error)) => {
            assert_eq!((error.code(), error.request_id()), (Some("AccessDenied"), Some("r-9")));
            assert!(!error.outcome_unknown());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(actions(&server).last(), Some(&"abort"));
}

#[tokio::test]
async fn busy_and_broken_answers_are_asked_again() {
    let failures = Mutex::new(vec![
        error(500, "InternalError"),
        xml(502, "<html>"),
        error(503, "SlowDown"),
        Reply::Raw(Vec::new()),
    ]);
    let server = Server::start(move |_, request| match action(request) {
        "part" => failures.lock().expect("failures").pop().unwrap_or_else(|| well(request)),
        _ => well(request),
    })
    .await;
    assert_eq!(send(&server.client(), &upload(10 << 20)).await.expect("sent"), Uploaded::Sent);
}

#[tokio::test]
async fn stopping_ends_what_is_under_way_and_aborts() {
    let (reached, mut parts) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |_, request| match action(request) {
        "part" => {
            let _ = reached.send(());
            Reply::Silence
        }
        _ => well(request),
    })
    .await;
    let stop = async {
        parts.recv().await;
    };
    let (client, wanted) = (server.client(), upload(10 << 20));
    let sending = client.upload(&wanted, &|_| {}, stop);
    let result = tokio::time::timeout(Duration::from_secs(30), sending).await.expect("it ends");
    assert!(matches!(result, Err(UploadError::Stopped)), "{result:?}");
    assert_eq!(actions(&server).last(), Some(&"abort"));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_never_becomes_an_object() {
    for size in [1000, 10 << 20] {
        let server = Server::start(|_, request| well(request)).await;
        let mut wanted = upload(size);
        wanted.sha256 = "0".repeat(64);
        let result = send(&server.client(), &wanted).await;
        assert!(matches!(result, Err(UploadError::Changed)), "{result:?}");
        let seen = actions(&server);
        assert!(!seen.contains(&"put") && !seen.contains(&"complete"), "{seen:?}");
        assert_eq!(seen.contains(&"initiate"), seen.last() == Some(&"abort"), "{seen:?}");
    }
}
