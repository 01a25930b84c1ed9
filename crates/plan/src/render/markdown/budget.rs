//! Makes a report fit: details of the least risky changes go first, then their rows; what destroys is named as long
//! as anything fits. What was left out is said.

use super::escape::code;
use crate::render::risk::Risk;
use crate::render::text::plural;

/// How much is said about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// It is counted.
    Counted,
    /// It is named, among others.
    Name,
    /// It has a row in the table.
    Row,
    /// It has a row and details.
    Full,
}

/// One change, in every length.
pub(super) struct Piece {
    pub(super) risk: Risk,
    pub(super) level: Level,
    pub(super) row: String,
    pub(super) detail: String,
    pub(super) name: String,
}

impl Piece {
    fn size(&self, level: Level) -> usize {
        match level {
            Level::Counted => 0,
            Level::Name => self.name.len() + 2,
            Level::Row => self.row.len(),
            Level::Full => self.row.len() + self.detail.len(),
        }
    }
}

/// What had to go beside levels of pieces.
pub(super) struct Fitted {
    /// Whether there is room for the graphs.
    pub(super) graphs: bool,
}

/// Room for the words about what was left out, and for the headings of lists of names.
const RESERVE: usize = 1200;

/// From which level to which, for which risk; the graphs go between the first two.
const STEPS: [(Risk, Level, Level); 10] = [
    (Risk::Settings, Level::Full, Level::Row),
    (Risk::Code, Level::Full, Level::Row),
    (Risk::Settings, Level::Row, Level::Counted),
    (Risk::Code, Level::Row, Level::Counted),
    (Risk::Permissions, Level::Full, Level::Row),
    (Risk::Permissions, Level::Row, Level::Name),
    (Risk::Destroys, Level::Full, Level::Row),
    (Risk::Permissions, Level::Name, Level::Counted),
    (Risk::Destroys, Level::Row, Level::Name),
    (Risk::Destroys, Level::Name, Level::Counted),
];

/// Chooses a level for every change, so that all of them and the graphs fit into `room`.
pub(super) fn fit(stacks: &mut [Vec<Piece>], room: usize, graphs: usize) -> Fitted {
    let mut size: usize = stacks.iter().flatten().map(|p| p.size(p.level)).sum();
    // The room was taken with the graphs in it.
    if size <= room {
        return Fitted { graphs: true };
    }
    let mut room = room.saturating_sub(RESERVE);
    for (i, (risk, from, to)) in STEPS.into_iter().enumerate() {
        if i == 1 {
            room += graphs;
        }
        for piece in stacks.iter_mut().rev().flat_map(|s| s.iter_mut().rev()) {
            if size <= room {
                return Fitted { graphs: i == 0 };
            }
            if piece.risk == risk && piece.level == from {
                size = size - piece.size(from) + piece.size(to);
                piece.level = to;
            }
        }
    }
    Fitted { graphs: false }
}

/// Changes that are only named.
pub(super) fn names(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for risk in Risk::ALL {
        let named: Vec<&str> =
            pieces.iter().filter(|p| p.risk == risk && p.level == Level::Name).map(|p| p.name.as_str()).collect();
        if !named.is_empty() {
            out.push_str(&format!("More {}: {}\n\n", risk.meaning(), named.join(", ")));
        }
    }
    out
}

/// What a reader does not see here; nothing when everything is there.
pub(super) fn left_out(stacks: &[Vec<Piece>], fitted: &Fitted, limit: usize) -> String {
    let pieces = || stacks.iter().flatten();
    let mut parts = Vec::new();
    for risk in Risk::ALL {
        let count = |levels: &[Level]| pieces().filter(|p| p.risk == risk && levels.contains(&p.level)).count();
        let (details, gone) = (count(&[Level::Row, Level::Name]), count(&[Level::Counted]));
        if gone > 0 {
            parts.push(format!("{gone} change{} {}", plural(gone), risk.meaning()));
        }
        if details > 0 {
            parts.push(format!("details of {details} change{} {}", plural(details), risk.meaning()));
        }
    }
    if parts.is_empty() && fitted.graphs {
        return String::new();
    }
    if !fitted.graphs {
        parts.push("the graph".to_owned());
    }
    let loud = if pieces().any(|p| p.risk == Risk::Destroys && p.level == Level::Counted) {
        "**This report does not name everything that is deleted or replaced.** "
    } else {
        ""
    };
    format!(
        "\n{loud}Left out to fit {limit} bytes: {}. {} shows all of it.\n",
        parts.join("; "),
        code("provision plan")
    )
}
