//! What becomes of an answer on its way to the client: plain, late, cut off, under another name. Carries out what
//! `fault` asked for; does not know which call it was.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};
use tokio::time::{Sleep, sleep};

use crate::fault::Effect;

/// Official SDKs compare this header for equality: no charset.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Pieces of an answer that trickles, at most.
const PIECES: u32 = 20;

/// A fault closed the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed by a fault")]
pub(crate) struct Closed;

/// What to do with an answer. The default delivers it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The call is not carried out.
    pub(crate) undone: bool,
    /// Nothing happens for so long.
    pub(crate) pause: Duration,
    /// No answer: the connection closes.
    pub(crate) close: bool,
    /// Half of the answer, then the connection closes.
    pub(crate) cut: bool,
    /// The answer comes in pieces over so long.
    pub(crate) trickle: Option<Duration>,
    /// This status with a page instead of the answer.
    pub(crate) status: Option<u16>,
    /// A `Retry-After` header, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Another content type.
    pub(crate) content_type: Option<String>,
    /// Another text.
    pub(crate) body: Option<String>,
    /// The text twice.
    pub(crate) doubled: bool,
}

impl Delivery {
    /// Notes an effect on the answer; what is about the call comes back.
    pub(crate) fn take(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::HttpStatus(status) => (self.status, self.undone) = (Some(status), true),
            Effect::Gateway { status, applied, retry_after } => {
                (self.status, self.retry_after, self.undone) = (Some(status), retry_after, !applied);
            }
            Effect::DropBefore => (self.close, self.undone) = (true, true),
            Effect::LoseAnswer => self.close = true,
            Effect::Hang { ms, applied } => {
                (self.close, self.pause, self.undone) = (true, Duration::from_millis(ms), !applied);
            }
            Effect::Truncate => self.cut = true,
            Effect::Trickle { ms } => self.trickle = Some(Duration::from_millis(ms)),
            Effect::ContentType(kind) => self.content_type = Some(kind),
            Effect::Body(text) => self.body = Some(text),
            Effect::Double => self.doubled = true,
            other => return Some(other),
        }
        None
    }

    /// How the call ended for the client, if not by its answer.
    pub(crate) fn outcome(&self) -> Option<String> {
        if self.close || self.cut { Some("lost".to_owned()) } else { self.status.map(|status| status.to_string()) }
    }

    /// Delivers an answer.
    pub(crate) async fn deliver(self, answer: Response<Bytes>) -> Result<Response<AnswerBody>, Closed> {
        if !self.pause.is_zero() {
            sleep(self.pause).await;
        }
        // Without a body there is nothing to cut off but the connection.
        if self.close || self.cut && answer.body().is_empty() {
            return Err(Closed);
        }
        let (head, mut body) = answer.into_parts();
        let changed = self.body.is_some() || self.doubled;
        if let Some(text) = self.body {
            body = text.into();
        }
        if self.doubled {
            body = body.repeat(2).into();
        }
        let mut response = match self.status {
            Some(status) => page(status, "<html><body>a fault of the local cloud</body></html>".into()),
            None => Response::from_parts(head, AnswerBody::whole(body.clone())),
        };
        if changed && self.status.is_none() {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        if self.cut {
            response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
            *response.body_mut() = AnswerBody::Half(Some(body.slice(..body.len() / 2)));
        } else if let (Some(time), None) = (self.trickle, self.status) {
            response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
            *response.body_mut() = AnswerBody::trickling(&body, time);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if let Some(Ok(kind)) = self.content_type.map(HeaderValue::try_from) {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}

/// Changes members of an answer. A path that leads nowhere changes nothing.
pub(crate) fn rewrite(members: &mut Map<String, Value>, set: BTreeMap<String, Value>, remove: &[String]) {
    let mut whole = Value::Object(std::mem::take(members));
    for (path, value) in set {
        match parent(&mut whole, &path) {
            Some((Value::Object(object), name)) => drop(object.insert(name.to_owned(), value)),
            Some((Value::Array(list), index)) => {
                if let Some(place) = index.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                    *place = value;
                }
            }
            _ => {}
        }
    }
    for path in remove {
        if let Some((Value::Object(object), name)) = parent(&mut whole, path) {
            object.remove(name);
        }
    }
    if let Value::Object(changed) = whole {
        *members = changed;
    }
}

/// What holds the member that a path names, and its name there.
fn parent<'a, 'p>(whole: &'a mut Value, path: &'p str) -> Option<(&'a mut Value, &'p str)> {
    let Some((above, name)) = path.rsplit_once('.') else { return Some((whole, path)) };
    let pointer = format!("/{}", above.replace('.', "/"));
    Some((whole.pointer_mut(&pointer)?, name))
}

/// JSON under the API's content type.
pub(crate) fn json_response(text: String) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A page for people.
pub(crate) fn page(status: u16, text: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// An answer's body: whole, cut off, or in pieces.
pub(crate) enum AnswerBody {
    Whole(Full<Bytes>),
    Half(Option<Bytes>),
    Trickle { left: VecDeque<Bytes>, pause: Duration, sleep: Pin<Box<Sleep>> },
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }

    fn trickling(text: &Bytes, time: Duration) -> Self {
        // A timer ticks once a millisecond.
        let pieces = PIECES.min(u32::try_from(time.as_millis()).unwrap_or(PIECES)).max(1);
        let size = text.len().div_ceil(pieces as usize).max(1);
        let left: VecDeque<Bytes> =
            (0..text.len()).step_by(size).map(|at| text.slice(at..(at + size).min(text.len()))).collect();
        let pause = time / pieces;
        Self::Trickle { left, pause, sleep: Box::pin(sleep(pause)) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        match &mut *self {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never: Infallible| match never {}),
            Self::Half(half) => Poll::Ready(Some(half.take().map(Frame::data).ok_or(Closed))),
            Self::Trickle { left, pause, sleep } => {
                ready!(sleep.as_mut().poll(cx));
                sleep.as_mut().reset(tokio::time::Instant::now() + *pause);
                Poll::Ready(left.pop_front().map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Half(_) | Self::Trickle { .. } => SizeHint::default(),
        }
    }
}
