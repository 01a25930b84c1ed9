//! A stand-in for WeCom's group robots: takes what they take, refuses what they refuse, and keeps what the
//! group would see. Limits and codes are those of the robot page and of answers seen in the field.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cloud::lock;

/// Messages of one robot in a minute. Refused ones count too.
const PER_MINUTE: usize = 20;
/// Bytes of UTF-8 in a text and in a markdown message.
const MAX_TEXT: usize = 2048;
const MAX_MARKDOWN: usize = 4096;
/// Messages kept at most.
const KEPT: usize = 10_000;

/// A message that a group received.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WecomMessage {
    /// The robot's key.
    pub key: String,
    /// `text`, `markdown` and so on.
    pub msgtype: String,
    /// The text of text and markdown messages; empty for others.
    pub content: String,
    /// The whole message as sent.
    pub body: Value,
}

#[derive(Default)]
struct Group {
    messages: VecDeque<WecomMessage>,
    /// Arrival of each robot's latest messages, in milliseconds.
    arrivals: HashMap<String, VecDeque<i64>>,
}

/// All groups of the stand-in.
#[derive(Default)]
pub(crate) struct Wecom(Mutex<Group>);

impl Wecom {
    pub(crate) fn messages(&self) -> Vec<WecomMessage> {
        lock(&self.0).messages.iter().cloned().collect()
    }

    /// Takes one message; answers errcode and errmsg. `scale` shortens the minute.
    pub(crate) fn send(&self, key: &str, body: &[u8], now_ms: i64, scale: f64) -> Value {
        let (code, text) = match self.judge(key, body, now_ms, scale) {
            Ok(message) => {
                let mut group = lock(&self.0);
                if group.messages.len() == KEPT {
                    group.messages.pop_front();
                }
                group.messages.push_back(message);
                (0, "ok".to_owned())
            }
            Err((code, text)) => (code, format!("{text}, hint: [local], from ip: 127.0.0.1")),
        };
        json!({"errcode": code, "errmsg": text})
    }

    fn judge(&self, key: &str, body: &[u8], now_ms: i64, scale: f64) -> Result<WecomMessage, (i32, String)> {
        let no = |code: i32, text: &str| Err((code, text.to_owned()));
        if key.is_empty() || key.bytes().all(|byte| byte == b'0' || byte == b'-') {
            return no(93000, "invalid webhook url");
        }
        #[expect(clippy::cast_possible_truncation, reason = "a minute in milliseconds")]
        let minute = (60_000.0 * scale) as i64;
        let mut group = lock(&self.0);
        let arrivals = group.arrivals.entry(key.to_owned()).or_default();
        while arrivals.front().is_some_and(|at| *at <= now_ms - minute) {
            arrivals.pop_front();
        }
        if arrivals.len() >= PER_MINUTE {
            return no(45009, "api freq out of limit");
        }
        arrivals.push_back(now_ms);
        drop(group);
        let Ok(message) = serde_json::from_slice::<Value>(body) else {
            return no(40035, "invalid json. Warning: wrong json format. ");
        };
        if has_escapes(body) {
            return no(40033, "invalid charset, send raw utf-8 instead of \\u escapes");
        }
        let kind = message["msgtype"].as_str().unwrap_or_default().to_owned();
        let content = message[&kind]["content"].as_str().unwrap_or_default().to_owned();
        let most = match kind.as_str() {
            "text" => MAX_TEXT,
            "markdown" | "markdown_v2" => MAX_MARKDOWN,
            "news" => {
                let count = message["news"]["articles"].as_array().map_or(0, Vec::len);
                return match count {
                    0 => no(44004, "empty content"),
                    1..=8 => Ok(WecomMessage { key: key.to_owned(), msgtype: kind, content, body: message }),
                    _ => no(45008, "article count exceeds 8"),
                };
            }
            "template_card" if message["template_card"]["card_action"].is_object() => {
                return Ok(WecomMessage { key: key.to_owned(), msgtype: kind, content, body: message });
            }
            "template_card" => return no(40058, "template_card.card_action missing"),
            "image" | "file" | "voice" => {
                return Ok(WecomMessage { key: key.to_owned(), msgtype: kind, content, body: message });
            }
            _ => return no(40008, "invalid message type"),
        };
        if content.is_empty() {
            return no(44004, "empty content");
        }
        if content.len() > most {
            return Err((40058, format!("{kind}.content exceed max length {most}. invalid Request Parameter")));
        }
        Ok(WecomMessage { key: key.to_owned(), msgtype: kind, content, body: message })
    }
}

/// Whether a JSON text spells characters beyond ASCII as `\u` and four digits. Control characters have no other spelling.
fn has_escapes(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        if let Some(digits) = escape.strip_prefix('u').and_then(|digits| digits.get(..4))
            && u32::from_str_radix(digits, 16).is_ok_and(|code| code > 0x7f)
        {
            return true;
        }
        let skip = escape.chars().next().map_or(0, char::len_utf8);
        rest = &escape[skip..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(wecom: &Wecom, key: &str, body: &str) -> i64 {
        wecom.send(key, body.as_bytes(), 0, 1.0)["errcode"].as_i64().expect("a code")
    }

    #[test]
    fn each_misuse_has_its_code_and_only_good_messages_reach_the_group() {
        let long = |kind: &str, bytes: usize| {
            json!({"msgtype": kind, kind: {"content": "字".repeat(bytes / 3 + 1)}}).to_string()
        };
        let cases = [
            ("k1", json!({"msgtype": "markdown", "markdown": {"content": "多\n行"}}).to_string(), 0),
            ("", "{}".to_owned(), 93000),
            ("00000000-0000-0000-0000-000000000000", "{}".to_owned(), 93000),
            ("k1", "{".to_owned(), 40035),
            ("k1", json!({"msgtype": "fax"}).to_string(), 40008),
            ("k1", json!({"msgtype": "text", "text": {"content": ""}}).to_string(), 44004),
            ("k1", long("text", 2048), 40058),
            ("k1", long("markdown", 4096), 40058),
            ("k1", r#"{"msgtype":"text","text":{"content":"\u591a"}}"#.to_owned(), 40033),
            ("k1", r#"{"msgtype":"text","text":{"content":"a\\u591a"}}"#.to_owned(), 0),
            ("k1", json!({"msgtype": "news", "news": {"articles": vec![json!({}); 9]}}).to_string(), 45008),
            ("k1", json!({"msgtype": "template_card", "template_card": {}}).to_string(), 40058),
        ];
        let wecom = Wecom::default();
        for (key, body, expected) in cases {
            assert_eq!(code(&wecom, key, &body), expected, "{body}");
        }
        let contents: Vec<String> = wecom.messages().into_iter().map(|message| message.content).collect();
        assert_eq!(contents, ["多\n行", "a\\u591a"]);
    }

    #[test]
    fn a_robot_takes_twenty_messages_a_minute() {
        let wecom = Wecom::default();
        let body = json!({"msgtype": "text", "text": {"content": "x"}}).to_string();
        for _ in 0..20 {
            assert_eq!(code(&wecom, "k1", &body), 0);
        }
        assert_eq!(code(&wecom, "k1", &body), 45009);
        assert_eq!(code(&wecom, "k2", &body), 0, "another robot");
        assert_eq!(wecom.send("k1", body.as_bytes(), 60_001, 1.0)["errcode"], 0, "a minute later");
    }
}
