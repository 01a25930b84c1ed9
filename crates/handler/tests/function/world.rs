//! The stand-ins around the function: the runtime API that feeds it, the robots that take its messages, the cloud
//! that takes its calls. Each notes what it saw and plays a script where one is given.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::http::{Reply, Request, json, serve};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Response(String),
    Error(String),
}

impl End {
    pub(crate) fn response(self) -> String {
        match self {
            Self::Response(text) => text,
            Self::Error(text) => panic!("the event failed: {text}"),
        }
    }

    pub(crate) fn error(self) -> String {
        match self {
            Self::Error(text) => text,
            Self::Response(text) => panic!("the event succeeded: {text}"),
        }
    }
}

#[derive(Default)]
struct RuntimeState {
    events: VecDeque<(String, Vec<u8>)>,
    ends: VecDeque<End>,
    ready: Vec<Vec<u8>>,
}

/// The platform's runtime API. `next` waits until the test has an event.
#[derive(Clone)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    state: Arc<(Mutex<RuntimeState>, Condvar)>,
}

impl RuntimeApi {
    pub(crate) fn start(time_limit: Duration) -> Self {
        let state = Arc::new((Mutex::new(RuntimeState::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        let limit = time_limit.as_millis().to_string();
        let address = serve(move |request: Request| {
            let (lock, changed) = &*shared;
            let mut state = lock.lock().expect("no panic");
            match request.path.as_str() {
                "/runtime/init/ready" => state.ready.push(request.body),
                "/runtime/invocation/next" => {
                    while state.events.is_empty() {
                        state = changed.wait(state).expect("no panic");
                    }
                    let (id, event) = state.events.front().cloned().expect("an event");
                    let headers = vec![
                        ("Request_Id", id),
                        ("Memory_Limit_In_Mb", "128".into()),
                        ("Time_Limit_In_Ms", limit.clone()),
                    ];
                    return Reply::Answer(200, headers, event);
                }
                "/runtime/invocation/response" => end(&mut state, End::Response(text(request.body))),
                "/runtime/invocation/error" => end(&mut state, End::Error(text(request.body))),
                _ => return Reply::Answer(404, vec![], vec![]),
            }
            changed.notify_all();
            Reply::Answer(200, vec![], vec![])
        });
        Self { address, state }
    }

    /// Hands over one event and waits for its end.
    pub(crate) fn invoke(&self, request_id: &str, event: &[u8]) -> End {
        let (lock, changed) = &*self.state;
        let mut state = lock.lock().expect("no panic");
        state.events.push_back((request_id.to_owned(), event.to_vec()));
        changed.notify_all();
        self.wait(state, "the end of an event", |state| state.ends.pop_front())
    }

    /// Waits for `ready` and gives its body.
    pub(crate) fn ready(&self) -> Vec<u8> {
        let state = self.state.0.lock().expect("no panic");
        self.wait(state, "ready", |state| state.ready.pop())
    }

    fn wait<T>(
        &self,
        mut state: std::sync::MutexGuard<'_, RuntimeState>,
        what: &str,
        take: impl Fn(&mut RuntimeState) -> Option<T>,
    ) -> T {
        loop {
            if let Some(found) = take(&mut state) {
                return found;
            }
            let (next, timeout) = self.state.1.wait_timeout(state, Duration::from_secs(30)).expect("no panic");
            assert!(!timeout.timed_out(), "waited 30 s for {what}");
            state = next;
        }
    }
}

fn end(state: &mut RuntimeState, end: End) {
    state.events.pop_front();
    state.ends.push_back(end);
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// Any stand-in that notes requests and answers from a script, then always alike.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    pub(crate) fn start(script: Vec<Reply>, otherwise: &'static str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let script = Mutex::new(VecDeque::from(script));
        let address = serve(move |request| {
            noted.lock().expect("no panic").push(request);
            script.lock().expect("no panic").pop_front().unwrap_or_else(|| json(otherwise))
        });
        Self { address, seen }
    }

    pub(crate) fn requests<T>(&self, of_each: impl Fn(&Request) -> T) -> Vec<T> {
        self.seen.lock().expect("no panic").iter().map(of_each).collect()
    }
}

pub(crate) const OK: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

/// A robot: its address holds a key that must never be seen anywhere else.
pub(crate) struct Robot(Scripted);

pub(crate) const ROBOT_KEY: &str = "robot-key-canary";

impl Robot {
    pub(crate) fn start(script: Vec<Reply>) -> Self {
        Self(Scripted::start(script, OK))
    }

    pub(crate) fn always(answer: &'static str) -> Self {
        Self(Scripted::start(vec![], answer))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/cgi-bin/webhook/send?key={ROBOT_KEY}", self.0.address)
    }

    /// The markdown of every request, checked against what WeCom demands of a body.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.0.requests(|request| {
            assert_eq!(request.header("content-type"), "application/json");
            let body = String::from_utf8(request.body.clone()).expect("UTF-8");
            assert!(!body.contains("\\u"), "escapes in {body}");
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["msgtype"], "markdown");
            let text = body["markdown"]["content"].as_str().expect("text").to_owned();
            assert!(!text.is_empty() && text.len() <= 4096);
            text
        })
    }
}

pub(crate) fn errcode(code: i64) -> Reply {
    json(&format!(r#"{{"errcode":{code},"errmsg":"told for {ROBOT_KEY}"}}"#))
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(path).expect("a fixture")
}
