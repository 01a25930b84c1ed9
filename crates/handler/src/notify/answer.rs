//! WeCom's side of the protocol, pure: what is posted, and what an answer means. HTTP status is 200 even for errors;
//! only `errcode` counts (page 90455), and its text is for people.

use serde::{Deserialize, Serialize};

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The group has it.
    Accepted,
    /// This robot cannot be used any more; another one may.
    RobotGone(String),
    /// This robot has sent enough for this minute.
    RateLimited(String),
    /// Another try may help. The message may even have arrived, when only the answer was lost.
    Retry(String),
    /// No try will help.
    Refused(String),
}

#[derive(Serialize)]
struct Request<'a> {
    msgtype: &'static str,
    markdown: Markdown<'a>,
}

#[derive(Serialize)]
struct Markdown<'a> {
    content: &'a str,
}

/// The body to post: raw UTF-8, for `\u` escapes are refused (40033). Only control characters would be escaped, and
/// messages hold none.
pub(crate) fn request_body(markdown: &str) -> String {
    let request = Request { msgtype: "markdown", markdown: Markdown { content: markdown } };
    // A struct of two strings always serialises.
    serde_json::to_string(&request).unwrap_or_default()
}

#[derive(Deserialize)]
struct Reply {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// Judges an answer by status and body.
pub(crate) fn judge(status: u16, body: &[u8]) -> Answer {
    let Ok(reply) = serde_json::from_slice::<Reply>(body) else {
        return match status {
            429 => Answer::RateLimited("status 429".into()),
            200..=299 => Answer::Retry("an answer without errcode".into()),
            500..=599 => Answer::Retry(format!("status {status}")),
            _ => Answer::Refused(format!("status {status}")),
        };
    };
    let told = told(&reply);
    match reply.errcode {
        0 => Answer::Accepted,
        -1 | 45033 => Answer::Retry(told),
        45009 => Answer::RateLimited(told),
        93000 | 93004 | 93008 => Answer::RobotGone(told),
        _ => Answer::Refused(told),
    }
}

fn told(reply: &Reply) -> String {
    let meaning = match reply.errcode {
        -1 => "service busy",
        45009 => "more than 20 messages a minute",
        45033 => "too many calls at once",
        93000 => "webhook address invalid, or robot removed from its group",
        93004 => "robot disabled",
        93008 => "robot not in the group",
        40008 => "message type refused",
        40033 => "illegal characters",
        40035 | 40063 => "parameter refused",
        40058 | 45002 => "parameter refused, often for length",
        44004 => "empty content",
        _ => "unknown code",
    };
    let words: String = reply.errmsg.chars().filter(|it| !it.is_control()).take(120).collect();
    format!("errcode {} ({meaning}): {words}", reply.errcode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(body: &str) -> Answer {
        judge(200, body.as_bytes())
    }

    #[test]
    fn only_errcode_zero_is_acceptance() {
        assert_eq!(judged(r#"{"errcode":0,"errmsg":"ok"}"#), Answer::Accepted);
        assert!(matches!(judged(r#"{"errmsg":"ok"}"#), Answer::Retry(_)));
        assert!(matches!(judged("<html>"), Answer::Retry(_)));
        assert_eq!(judge(502, br#"{"errcode":0}"#), Answer::Accepted);
    }

    #[test]
    fn codes_are_told_apart_by_what_to_do() {
        let code = |code: i64| judged(&format!(r#"{{"errcode":{code},"errmsg":"m"}}"#));
        assert!([-1, 45033].map(code).iter().all(|it| matches!(it, Answer::Retry(_))));
        assert!([93000, 93004, 93008].map(code).iter().all(|it| matches!(it, Answer::RobotGone(_))));
        assert!(matches!(code(45009), Answer::RateLimited(_)));
        assert!([40058, 40008, 44004, 12345].map(code).iter().all(|it| matches!(it, Answer::Refused(_))));
    }

    #[test]
    fn a_status_counts_only_without_a_body() {
        assert!(matches!(judge(503, b""), Answer::Retry(_)));
        assert!(matches!(judge(429, b""), Answer::RateLimited(_)));
        assert!(matches!(judge(404, b"no"), Answer::Refused(_)));
        assert!(matches!(judge(302, b""), Answer::Refused(_)));
    }

    #[test]
    fn the_body_is_raw_utf8() {
        let body = request_body("转码成功 🎬\n> \"a\"");
        assert_eq!(body, "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"转码成功 🎬\\n> \\\"a\\\"\"}}");
    }
}
