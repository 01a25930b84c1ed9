//! Event data as harmless, short text; sizes and durations for people.
//!
//! WeCom documents no escaping, so characters that could be markup become their full-width likes: the text stays
//! readable and can be neither link, colour nor mention. Control and direction characters go: they could fake lines,
//! and control characters would be sent as `\u` escapes, which the robot refuses (40033).

/// Neutralised, on one line, at most `bytes` long; a cut is shown by an ellipsis in the middle, for both ends of
/// paths and ids tell something.
pub(super) fn plain(text: &str, bytes: usize) -> String {
    let clean: String = text.chars().filter_map(neutral).collect();
    elide(clean.trim(), bytes)
}

/// As inline code, for what people copy.
pub(super) fn code(text: &str, bytes: usize) -> String {
    format!("`{}`", plain(text, bytes))
}

fn neutral(it: char) -> Option<char> {
    Some(match it {
        '<' => '＜',
        '>' => '＞',
        '*' => '＊',
        '`' => '｀',
        '[' => '［',
        ']' => '］',
        '&' => '＆',
        '\\' => '＼',
        '\n' | '\r' | '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => return None,
        _ if it.is_control() => return None,
        _ => it,
    })
}

fn elide(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let room = bytes.saturating_sub('…'.len_utf8());
    let front = floor(text, room * 2 / 5);
    let back = ceil(text, text.len() - (room - front));
    format!("{}…{}", &text[..front], &text[back..])
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// `980 B`, `15.7 MB`: powers of 1024, as the COS console counts.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `0.4 s`, `0:42`, `1:30:00`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 0.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    // Saturates for absurd values instead of failing.
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_data_is_neutralised() {
        assert_eq!(plain("<@all> **x** [a](b) `c` <font>&lt;", 99), "＜@all＞ ＊＊x＊＊ ［a］(b) ｀c｀ ＜font＞＆lt;");
        assert_eq!(plain("a\n# b\u{202e}c\u{0}", 99), "a # bc");
    }

    #[test]
    fn a_long_text_keeps_both_ends_and_whole_characters() {
        for bytes in 8..40 {
            let cut = plain("/课程/第七课/录像-1080p.mp4/课程/第七课", bytes);
            assert!(cut.len() <= bytes && cut.contains('…'), "{bytes}: {cut}");
        }
        assert_eq!(plain("abcdefghijklmnop", 13), "abcd…klmnop");
    }

    #[test]
    fn sizes_and_durations_read_well() {
        let sizes = [0, 1023, 1024, 1_048_575, 16_448_022, 1_288_490_188, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KB", "1.0 MB", "15.7 MB", "1.2 GB", "16384.0 PB"]);
        let times = [0.0, 0.42, 0.99, 42.16, 59.6, 1834.56, 5400.04, 1e300].map(duration);
        assert_eq!(times[..7], ["0.0 s", "0.4 s", "0:01", "0:42", "1:00", "30:35", "1:30:00"]);
        assert!(!times[7].is_empty());
    }
}
