//! The function itself, as the loop sees it: bytes and context in, bytes or a failure out.

use std::future::Future;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Context, Failure};

/// Handles events, one at a time. Made by [`json`] or [`raw`]; implement it for full control.
pub trait Handler {
    /// Answers one event.
    fn handle(&mut self, event: Bytes, context: Context) -> impl Future<Output = Result<Bytes, Failure>>;
}

/// A handler of bytes: whatever the event is, whatever the answer is.
pub fn raw<F, Fut, R, X>(function: F) -> impl Handler
where
    F: FnMut(Bytes, Context) -> Fut,
    Fut: Future<Output = Result<R, X>>,
    R: Into<Bytes>,
    X: Into<Failure>,
{
    Raw(function)
}

/// A handler of JSON: the event is read as `E`, the answer written from `R`. An event that is no `E` fails with the
/// type `InvalidEvent`; its message says where, never what, for events may hold secrets.
pub fn json<E, F, Fut, R, X>(function: F) -> impl Handler
where
    E: DeserializeOwned,
    F: FnMut(E, Context) -> Fut,
    Fut: Future<Output = Result<R, X>>,
    R: Serialize,
    X: Into<Failure>,
{
    Json(function, PhantomData::<fn(E)>)
}

struct Raw<F>(F);

impl<F, Fut, R, X> Handler for Raw<F>
where
    F: FnMut(Bytes, Context) -> Fut,
    Fut: Future<Output = Result<R, X>>,
    R: Into<Bytes>,
    X: Into<Failure>,
{
    async fn handle(&mut self, event: Bytes, context: Context) -> Result<Bytes, Failure> {
        (self.0)(event, context).await.map(Into::into).map_err(Into::into)
    }
}

struct Json<E, F>(F, PhantomData<fn(E)>);

impl<E, F, Fut, R, X> Handler for Json<E, F>
where
    E: DeserializeOwned,
    F: FnMut(E, Context) -> Fut,
    Fut: Future<Output = Result<R, X>>,
    R: Serialize,
    X: Into<Failure>,
{
    async fn handle(&mut self, event: Bytes, context: Context) -> Result<Bytes, Failure> {
        let event = serde_json::from_slice(&event).map_err(|error| invalid_event(&error))?;
        let answer = (self.0)(event, context).await.map_err(Into::into)?;
        serde_json::to_vec(&answer)
            .map(Bytes::from)
            .map_err(|error| Failure::new("InvalidResponse", format!("the answer is not serialisable: {error}")))
    }
}

/// serde quotes offending values, so only the category and the place are told.
fn invalid_event(error: &serde_json::Error) -> Failure {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "is not JSON",
        Category::Eof => "ends in the middle of its JSON",
        Category::Data => "is JSON of another shape",
        Category::Io => "could not be read",
    };
    let (line, column) = (error.line(), error.column());
    Failure::new("InvalidEvent", format!("the event {what} (line {line}, column {column})"))
}
