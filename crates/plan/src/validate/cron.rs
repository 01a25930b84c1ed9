//! The platform's cron expressions: second minute hour day month weekday year, or the legacy five fields.

const FIELDS: [(&str, u32, u32); 7] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 6),
    ("year", 1970, 2099),
];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Checks an expression.
///
/// # Errors
/// What is wrong with which field.
pub fn check(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let names = match fields.len() {
        7 => &FIELDS[..],
        5 => &FIELDS[1..6],
        n => return Err(format!("a cron expression has seven fields, this one has {n}")),
    };
    for (field, (name, low, high)) in fields.iter().zip(names) {
        for item in field.split(',') {
            check_item(item, name, *low, *high)?;
        }
    }
    Ok(())
}

fn check_item(item: &str, name: &str, low: u32, high: u32) -> Result<(), String> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if let Some(step) = step
        && !step.parse::<u32>().is_ok_and(|s| s > 0 && s <= high)
    {
        return Err(format!("the {name} step `{step}` is no number from 1 to {high}"));
    }
    if range == "*" {
        return Ok(());
    }
    let value = |text: &str| -> Result<u32, String> {
        let named = match name {
            "month" => MONTHS.iter().position(|m| m.eq_ignore_ascii_case(text)).map(|i| i + 1),
            "weekday" => DAYS.iter().position(|d| d.eq_ignore_ascii_case(text)),
            _ => None,
        };
        named
            .and_then(|n| u32::try_from(n).ok())
            .or_else(|| text.parse().ok())
            .filter(|n| (low..=high).contains(n))
            .ok_or_else(|| format!("the {name} `{text}` is not within {low} to {high}"))
    };
    match range.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (value(from)?, value(to)?);
            if from > to { Err(format!("the {name} range `{range}` runs backwards")) } else { Ok(()) }
        }
        None => value(range).map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn documented_expressions_pass_and_slips_are_named() {
        for good in [
            "0 0 3 * * * *",
            "*/5 * * * * * *",
            "0 0 2 1 * * *",
            "0 15 10 * * MON-FRI *",
            "0 0 10,14,16 * * * *",
            "0 3 * * *",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "* * *",
            "60 0 3 * * * *",
            "0 0 24 * * * *",
            "0 0 3 0 * * *",
            "0 0 3 * 13 * *",
            "0 0 3 * * 7 *",
            "0 0 3 * * * 1969",
            "a 0 3 * * * *",
            "0/0 0 3 * * * *",
            "0 5-1 3 * * * *",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
