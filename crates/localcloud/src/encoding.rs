//! Hexadecimal, SHA-256, and the platform's text form of times.

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `YYYY-MM-DD HH:MM:SS` in UTC+8, without a zone, as the services print times (assumed to be Beijing time).
pub(crate) fn platform_time(ms: i64) -> String {
    shifted(ms, 8 * 3_600_000).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `YYYY-MM-DD` in UTC, as in a credential scope.
pub(crate) fn utc_date(seconds: i64) -> String {
    shifted(seconds.saturating_mul(1000), 0).strftime("%Y-%m-%d").to_string()
}

/// `YYYY-MM-DDTHH:MM:SSZ` in UTC.
pub(crate) fn iso_time(ms: i64) -> String {
    shifted(ms, 0).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as HTTP headers have it.
pub(crate) fn http_time(ms: i64) -> String {
    shifted(ms, 0).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn shifted(ms: i64, by_ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms.saturating_add(by_ms)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_platform_forms() {
        assert_eq!(platform_time(0), "1970-01-01 08:00:00");
        assert_eq!(http_time(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(utc_date(1_551_113_065), "2019-02-25");
        assert_eq!(iso_time(1_551_113_065_000), "2019-02-25T16:44:25Z");
        assert_eq!(sha256_hex(b"{}"), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    }
}
