//! What COS answers: a success, a refusal in XML, or nothing that can be relied upon. Pure.

use roxmltree::{Document, Node};

use crate::error::{Refusal, Unknown};
use crate::transport::Incoming;

/// An answer's XML root, or why it is none.
pub(super) fn document<'a>(text: &'a str, root: &str) -> Result<Document<'a>, Unknown> {
    let document = Document::parse(text).map_err(|_| Unknown::Unreadable(format!("no XML ({} bytes)", text.len())))?;
    if document.root_element().tag_name().name() != root {
        return Err(Unknown::Unreadable(format!("no `{root}`")));
    }
    Ok(document)
}

/// The body as text.
pub(super) fn text(incoming: &Incoming) -> Result<&str, Unknown> {
    std::str::from_utf8(&incoming.body).map_err(|_| Unknown::Unreadable("no text".to_owned()))
}

/// The text of a node's child of that name.
pub(super) fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|child| child.has_tag_name_in_any_namespace(name)).map(|child| child.text().unwrap_or(""))
}

/// Elements are compared by local name: some answers carry a namespace and some do not.
pub(super) trait AnyNamespace {
    fn has_tag_name_in_any_namespace(&self, name: &str) -> bool;
}

impl AnyNamespace for Node<'_, '_> {
    fn has_tag_name_in_any_namespace(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// The text of a child that must be there.
pub(super) fn required(node: Node<'_, '_>, name: &str) -> Result<String, Unknown> {
    match child(node, name) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Unknown::Unreadable(format!("no `{name}`"))),
    }
}

/// The refusal that an answer holds. `None`: it is none. An error may come under status 200 after the service had
/// begun to answer, so the body decides where there is one.
pub(super) fn refusal(incoming: &Incoming, has_body: bool) -> Result<Option<Refusal>, Unknown> {
    let success = (200..300).contains(&incoming.status);
    let request_id = header(incoming, "x-cos-request-id").map(str::to_owned);
    if !has_body {
        return match incoming.status {
            _ if success => Ok(None),
            500.. => Err(Unknown::Status(incoming.status)),
            status => {
                let code = match status {
                    403 => "AccessDenied".to_owned(),
                    404 => "NoSuchKey".to_owned(),
                    other => format!("HTTP{other}"),
                };
                let message = format!("HTTP status {status}; answers to HEAD say no more");
                Ok(Some(Refusal { code, message, request_id }))
            }
        };
    }
    let parsed = std::str::from_utf8(&incoming.body).ok().and_then(|text| Document::parse(text).ok());
    let error = parsed.as_ref().map(Document::root_element).filter(|root| root.has_tag_name_in_any_namespace("Error"));
    match error {
        Some(error) => {
            let code = required(error, "Code")?;
            let message = child(error, "Message").unwrap_or_default().to_owned();
            let request_id = child(error, "RequestId").map(str::to_owned).or(request_id);
            Ok(Some(Refusal { code, message, request_id }))
        }
        None if success => Ok(None),
        None => Err(Unknown::Status(incoming.status)),
    }
}

/// A header's value, where it is text.
pub(super) fn header<'a>(incoming: &'a Incoming, name: &str) -> Option<&'a str> {
    incoming.headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn check(status: u16, body: &str, expected: &str) {
        let incoming = Incoming { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
        let found = match refusal(&incoming, true) {
            Ok(None) => "done".to_owned(),
            Ok(Some(refusal)) => refusal.code,
            Err(why) => format!("unknown: {why}"),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn the_body_decides_between_done_refused_and_unknown() {
        let denied =
            "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n<Code>AccessDenied</Code><Message>no</Message></Error>";
        check(403, denied, "AccessDenied");
        check(200, denied, "AccessDenied");
        check(200, "", "done");
        check(204, "", "done");
        check(403, "<html><body>proxy</body></html>", "unknown: the answer had HTTP status 403");
        check(502, "bad gateway", "unknown: the answer had HTTP status 502");
        check(404, "<Error></Error>", "unknown: the answer is unreadable: no `Code`");
        check(403, &denied[..denied.len() - 3], "unknown: the answer had HTTP status 403");
    }

    #[test]
    fn no_document_type_is_read() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"x\">]><Error><Code>&b;</Code></Error>";
        check(400, bomb, "unknown: the answer had HTTP status 400");
    }
}
