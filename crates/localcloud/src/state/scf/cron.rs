//! The platform's timer expression: seven fields (second minute hour day month weekday year), or the
//! older five. Parsing, the form it comes back in, and when it fires next.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

/// Years a timer may name (timer page); firing is not looked for beyond.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2099;

/// A parsed expression. Fields hold the values that match, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    seconds: Vec<i16>,
    minutes: Vec<i16>,
    hours: Vec<i16>,
    days: Vec<i16>,
    months: Vec<i16>,
    /// 0 is Sunday.
    weekdays: Vec<i16>,
    years: Vec<i16>,
    /// Both day fields are restricted, so a day matches by either (timer page).
    either_day: bool,
}

/// The seven-field text of an expression: five fields gain a leading `0` and a trailing `*`.
pub(crate) fn seven_fields(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let text = match fields.len() {
        5 => format!("0 {} *", fields.join(" ")),
        7 => fields.join(" "),
        _ => return None,
    };
    Cron::parse(&text).map(|_| text)
}

impl Cron {
    /// Parses a seven-field expression.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [second, minute, hour, day, month, weekday, year] = fields.as_slice() else { return None };
        const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let free = |field: &str| field == "*" || field == "?";
        Some(Self {
            seconds: field_values(second, 0, 59, &[], 0)?,
            minutes: field_values(minute, 0, 59, &[], 0)?,
            hours: field_values(hour, 0, 23, &[], 0)?,
            days: field_values(day, 1, 31, &[], 0)?,
            months: field_values(month, 1, 12, &MONTHS, 1)?,
            weekdays: field_values(weekday, 0, 6, &DAYS, 0)?,
            years: field_values(year, *YEARS.start(), *YEARS.end(), &[], 0)?,
            either_day: !free(day) && !free(weekday),
        })
    }

    /// The first moment after `after_ms` that matches, in UTC+8 as the platform counts (assumed).
    pub(crate) fn next_after(&self, after_ms: i64) -> Option<i64> {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let start = jiff::Timestamp::from_millisecond(after_ms).ok()?.to_zoned(zone.clone()).datetime();
        let mut date = start.date();
        while *YEARS.end() >= date.year() {
            if self.matches_day(date) {
                let from = if date == start.date() { Some(start) } else { None };
                if let Some(found) = self.first_time(date, from) {
                    return found.to_zoned(zone).ok().map(|zoned| zoned.timestamp().as_millisecond());
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn matches_day(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Sunday => 0,
            other => i16::from(other.to_monday_one_offset()),
        };
        let by_day = self.days.contains(&i16::from(date.day()));
        let by_weekday = self.weekdays.contains(&weekday);
        let day = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
        day && self.months.contains(&i16::from(date.month())) && self.years.contains(&date.year())
    }

    /// The day's first matching time, strictly after `from`.
    fn first_time(&self, date: Date, from: Option<DateTime>) -> Option<DateTime> {
        let after = from.map(|from| (i16::from(from.hour()), i16::from(from.minute()), i16::from(from.second())));
        for &hour in &self.hours {
            for &minute in &self.minutes {
                for &second in &self.seconds {
                    if after.is_none_or(|after| (hour, minute, second) > after) {
                        let small = |value: i16| i8::try_from(value).unwrap_or_default();
                        return Some(date.at(small(hour), small(minute), small(second), 0));
                    }
                }
            }
        }
        None
    }
}

/// `*`, `a`, `a-b`, `*/n`, `a-b/n`, and lists of them, with names where a field has some.
fn field_values(field: &str, low: i16, high: i16, names: &[&str], base: i16) -> Option<Vec<i16>> {
    let number = |text: &str| -> Option<i16> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => i16::try_from(index).ok()? + base,
            None => text.parse().ok()?,
        };
        (low..=high).contains(&value).then_some(value)
    };
    let mut values = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<i16>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (low, high),
            Some((first, last)) => (number(first)?, number(last)?),
            None if step > 1 => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return None;
        }
        values.extend((first..=last).step_by(usize::try_from(step).ok()?));
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::platform_time;

    #[test]
    fn five_fields_gain_a_second_and_a_year() {
        assert_eq!(seven_fields("*/2 * * * *").as_deref(), Some("0 */2 * * * * *"));
        assert_eq!(seven_fields("0  0 3 * * * *").as_deref(), Some("0 0 3 * * * *"));
        for wrong in
            ["", "* * * *", "60 * * * * * *", "0 0 25 * * * *", "0 0 3 * FOO * *", "5-1 * * * * * *", "*/0 * * * * * *"]
        {
            assert_eq!(seven_fields(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_next_firing_follows_the_expression() {
        // 1970-01-01 08:00:00 Beijing time, a Thursday.
        let cases = [
            ("0 0 3 * * * *", "1970-01-02 03:00:00"),
            ("*/5 * * * * * *", "1970-01-01 08:00:05"),
            ("0 0 12 * * MON *", "1970-01-05 12:00:00"),
            ("0 30 9 1 3 * *", "1970-03-01 09:30:00"),
            ("0 0 0 2 * SAT *", "1970-01-02 00:00:00"),
            ("0 0 0 29 2 * 2024", "2024-02-29 00:00:00"),
        ];
        for (text, expected) in cases {
            let next = Cron::parse(text).and_then(|cron| cron.next_after(0)).expect("it fires");
            assert_eq!(platform_time(next), expected, "{text}");
        }
        assert_eq!(Cron::parse("0 0 0 1 1 * 1970").and_then(|cron| cron.next_after(0)), None);
    }
}
