//! Makes a message fit: no character, line or failure is cut. Detail goes first (links, then facts, then the
//! platform's texts), then whole lines from the end, and then the message says how many.

use super::words::{Lang, not_shown};

/// What the blank lines of [`join`] take beyond the line ends that are counted with each line.
const BLANK_LINES: usize = 2;

/// Where an item stands; also the order of the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Failure,
    Finding,
    Open,
    Success,
}

/// One line in three lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) rank: Rank,
    pub(super) full: String,
    pub(super) medium: String,
    pub(super) short: String,
}

/// Everything in full, if it fits.
pub(super) fn whole(head: &[String], items: &[Item], tail: &[String], limit: usize) -> Option<String> {
    let text = join(head, items.iter().map(|item| &item.full), tail);
    (text.len() <= limit).then_some(text)
}

/// As much as fits: failures in as much detail as all of them allow, then the others likewise.
pub(super) fn squeeze(head: &[String], items: &[Item], tail: &[String], lang: Lang, limit: usize) -> String {
    let count_line = not_shown(lang, items.len(), items.len());
    let fixed: usize = head.iter().chain(tail).map(|line| line.len() + 1).sum();
    let room = limit.saturating_sub(fixed + count_line.len() + 1 + BLANK_LINES);

    let (failures, others): (Vec<&Item>, Vec<&Item>) = items.iter().partition(|item| item.rank == Rank::Failure);
    // The other outputs keep a quarter of the room, if they need that much, so that failures do not hide everything.
    let reserve = cost(&others, |item| &item.short).min(room / 4);
    let mut lines = most(&failures, room - reserve, true);
    let used: usize = lines.iter().map(|line| line.len() + 1).sum();
    let failures_shown = lines.len();
    lines.extend(most(&others, room.saturating_sub(used), false));

    let failures_hidden = failures.len() - failures_shown;
    let others_hidden = others.len() - (lines.len() - failures_shown);
    let rest = not_shown(lang, failures_hidden, others_hidden);
    let rest = (failures_hidden + others_hidden > 0).then_some(&rest);
    join(head, lines.into_iter().chain(rest), tail)
}

/// The most telling length in which all of these fit; else as many short ones as do.
fn most<'a>(items: &[&'a Item], room: usize, full: bool) -> Vec<&'a String> {
    let lengths: [fn(&Item) -> &String; 3] = [|it| &it.full, |it| &it.medium, |it| &it.short];
    for length in &lengths[usize::from(!full)..] {
        if cost(items, length) <= room {
            return items.iter().map(|item| length(item)).collect();
        }
    }
    let mut left = room;
    let fits = |item: &&&'a Item| {
        let cost = item.short.len() + 1;
        let fits = cost <= left;
        left = left.saturating_sub(cost);
        fits
    };
    items.iter().take_while(fits).map(|item| &item.short).collect()
}

fn cost(items: &[&Item], length: impl Fn(&Item) -> &String) -> usize {
    items.iter().map(|item| length(item).len() + 1).sum()
}

/// Head, lines and tail, set apart by blank lines: without them the lines would go on the quotes around them.
fn join<'a>(head: &[String], lines: impl Iterator<Item = &'a String>, tail: &[String]) -> String {
    let lines: Vec<&str> = lines.map(String::as_str).collect();
    let parts = [head.join("\n"), lines.join("\n"), tail.join("\n")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(failures: usize, successes: usize) -> Vec<Item> {
        let item = |rank, n: usize, word: &str| Item {
            rank,
            full: format!("{word} {n} {}", "x".repeat(300)),
            medium: format!("{word} {n} {}", "x".repeat(100)),
            short: format!("{word} {n}"),
        };
        let failures = (0..failures).map(|n| item(Rank::Failure, n, "failure"));
        failures.chain((0..successes).map(|n| item(Rank::Success, n, "success"))).collect()
    }

    fn squeezed(failures: usize, successes: usize) -> String {
        let text = squeeze(&["head".into()], &items(failures, successes), &["tail".into()], Lang::En, 4096);
        assert!(text.len() <= 4096 && text.starts_with("head\n\n") && text.ends_with("\n\ntail"), "{text}");
        text
    }

    #[test]
    fn successes_lose_detail_before_failures_do() {
        let text = squeezed(4, 20);
        assert_eq!(text.matches(&"x".repeat(300)).count(), 4);
        assert_eq!(text.matches("success").count(), 20);
        assert!(!text.contains("more"));
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        for (failures, successes) in [(0, 900), (900, 0), (500, 500), (3, 1000)] {
            let text = squeezed(failures, successes);
            let shown = text.matches("failure ").count() + text.matches("success ").count();
            let hidden_failures = failures - text.matches("failure ").count();
            assert!(text.contains(&not_shown(
                Lang::En,
                hidden_failures,
                failures + successes - shown - hidden_failures
            )));
        }
    }
}
