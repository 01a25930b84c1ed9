//! Where a resource and its attributes stand in the manifest, and which values may be shown.
//!
//! A manifest of 10,000 functions has some 150,000 places, so they are kept small: sorted, their paths in one text,
//! offsets of one file in 32 bits, and shared between a resource and the changes that are planned for it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::source::{FileId, Span};

/// Where a resource and its attributes stand in the manifest, and which values may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The resource's place.
    pub span: Option<Span>,
    places: Arc<Places>,
}

/// What may be shown of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It stands literally in the manifest.
    Literal,
    /// It was put together from variables that are not sensitive.
    Interpolated,
    /// It holds the value of a sensitive variable or of `${env.*}`.
    Sensitive,
    /// It was not given, where that is allowed; to be treated as sensitive.
    Unknown,
}

impl Shown {
    fn is_hidden(self) -> bool {
        matches!(self, Self::Sensitive | Self::Unknown)
    }
}

/// Places of one file, sorted by path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    file: Option<FileId>,
    paths: Box<str>,
    list: Box<[Place]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Where its path ends in the text of paths; it starts where the one before ends.
    path_end: u32,
    /// First byte and one past the last, in the file.
    key: (u32, u32),
    value: (u32, u32),
    shown: Shown,
}

/// One place before it is packed: path, the key's span, the value's span, what may be shown.
pub(crate) type Noted = (String, Span, Span, Shown);

impl Origin {
    /// Packs what was noted of the keys of one resource. Of two notes on one path the later one counts.
    #[must_use]
    pub(crate) fn new(span: Option<Span>, mut noted: Vec<Noted>) -> Self {
        noted.sort_by(|a, b| a.0.cmp(&b.0));
        noted.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        let mut paths = String::with_capacity(noted.iter().map(|n| n.0.len()).sum());
        let mut list = Vec::with_capacity(noted.len());
        for (path, key, value, shown) in &noted {
            paths.push_str(path);
            list.push(Place { path_end: short(paths.len()), key: pack(*key), value: pack(*value), shown: *shown });
        }
        let file = noted.first().map(|n| n.1.file);
        let places = Places { file, paths: paths.into_boxed_str(), list: list.into_boxed_slice() };
        Self { span, places: Arc::new(places) }
    }

    /// Whether the value at `path` came from a sensitive source.
    #[must_use]
    pub fn is_sensitive(&self, path: &str) -> bool {
        match self.place(path) {
            Some(place) => place.shown.is_hidden(),
            // What stands below a sensitive value without a place of its own is part of it.
            None => self.places.iter().any(|(above, place)| {
                place.shown.is_hidden() && path.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
            }),
        }
    }

    /// Whether any value came from a sensitive source.
    #[must_use]
    pub fn has_sensitive(&self) -> bool {
        self.places.list.iter().any(|place| place.shown.is_hidden())
    }

    /// Whether the value at `path` stands literally in the manifest and is not sensitive.
    #[must_use]
    pub fn is_literal(&self, path: &str) -> bool {
        self.place(path).is_some_and(|place| place.shown == Shown::Literal)
    }

    /// Whether the value at `path`, or a part of it, was not given.
    #[must_use]
    pub fn is_unknown(&self, path: &str) -> bool {
        let within = |below: &str| below.strip_prefix(path).is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']));
        self.places.iter().any(|(below, place)| place.shown == Shown::Unknown && within(below))
    }

    /// Whether what the manifest says at `path` stands there literally, or is left out there: then its value tells
    /// nothing that the manifest and the documented defaults do not tell.
    #[must_use]
    pub fn is_open(&self, path: &str) -> bool {
        let mut above = path;
        loop {
            if let Some(place) = self.place(above) {
                return place.shown == Shown::Literal;
            }
            match above.rfind(['.', '[']) {
                Some(at) => above = &above[..at],
                None => return true,
            }
        }
    }

    /// The place of a value, for findings about what it says; else the place of its key.
    #[must_use]
    pub fn value_span(&self, path: &str) -> Option<Span> {
        self.place(path).and_then(|place| self.places.span(place.value)).or_else(|| self.span_of(path))
    }

    /// The place of an attribute: its own, or the closest key above it, or the resource's.
    #[must_use]
    pub fn span_of(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(place) = self.place(path) {
                return self.places.span(place.key);
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return self.span,
            }
        }
    }

    fn place(&self, path: &str) -> Option<&Place> {
        let places = &self.places;
        let (mut from, mut to) = (0, places.list.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match places.path(middle).cmp(path) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return places.list.get(middle),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Everything known, to be packed anew.
    fn noted(&self) -> Vec<Noted> {
        let span = |offsets| self.places.span(offsets);
        self.places
            .iter()
            .filter_map(|(path, place)| Some((path.to_owned(), span(place.key)?, span(place.value)?, place.shown)))
            .collect()
    }
}

impl Places {
    fn path(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.list[before].path_end);
        self.paths.get(start as usize..self.list[index].path_end as usize).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.list.iter().enumerate().map(|(i, place)| (self.path(i), place))
    }

    fn span(&self, (start, end): (u32, u32)) -> Option<Span> {
        Some(Span { file: self.file?, start: start as usize, end: end as usize })
    }
}

/// An offset in 32 bits: no manifest is larger than `syntax::MAX_BYTES`.
fn short(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn pack(span: Span) -> (u32, u32) {
    (short(span.start), short(span.end))
}

/// Tags of the stack are tags of every resource that does not say otherwise: what is known of them goes along.
pub(crate) fn inherit_tags(origin: &mut Origin, stack: &Origin) {
    let mut inherited = stack.noted();
    inherited
        .retain(|(path, ..)| (path.starts_with("tags.") || path.starts_with("tags[")) && origin.place(path).is_none());
    if !inherited.is_empty() {
        inherited.extend(origin.noted());
        *origin = Origin::new(origin.span, inherited);
    }
}

/// Moves what is known of one path to another.
pub(crate) fn rename(origin: &mut Origin, from: &str, to: &str) {
    let renamed = |path: &str| {
        path.strip_prefix(from)
            .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            .map(|rest| format!("{to}{rest}"))
    };
    let mut noted = origin.noted();
    for (path, ..) in &mut noted {
        if let Some(new) = renamed(path) {
            *path = new;
        }
    }
    *origin = Origin::new(origin.span, noted);
}

/// Moves what is known of the items of a list: the first now is the one that stood at `stood[0]`, and so on.
pub(crate) fn reorder(origin: &mut Origin, list: &str, stood: &[usize]) {
    if stood.is_sorted() {
        return;
    }
    let moved = |path: &str| {
        let (index, rest) = path.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
        let from: usize = index.parse().ok()?;
        let to = stood.iter().position(|s| *s == from)?;
        Some(format!("{list}[{to}]{rest}"))
    };
    let mut noted = origin.noted();
    for (path, ..) in &mut noted {
        if let Some(new) = moved(path) {
            *path = new;
        }
    }
    *origin = Origin::new(origin.span, noted);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: usize) -> Span {
        Span { file: FileId(7), start, end: start + 1 }
    }

    fn noted(path: &str, start: usize, shown: Shown) -> Noted {
        (path.to_owned(), at(start), at(start + 100), shown)
    }

    fn origin(list: &[(&str, usize, Shown)]) -> Origin {
        Origin::new(Some(at(0)), list.iter().map(|(path, start, shown)| noted(path, *start, *shown)).collect())
    }

    #[test]
    fn places_are_found_by_path_or_by_what_stands_above() {
        let origin = origin(&[
            ("memory", 3, Shown::Literal),
            ("environment", 1, Shown::Sensitive),
            ("environment.KEY", 2, Shown::Sensitive),
            ("environment.OPEN", 4, Shown::Literal),
        ]);
        assert_eq!(origin.span_of("memory"), Some(at(3)));
        assert_eq!(origin.value_span("memory"), Some(at(103)));
        assert_eq!(origin.span_of("environment.OTHER"), Some(at(1)));
        assert_eq!(origin.span_of("nothing"), Some(at(0)));
        assert!(origin.is_sensitive("environment.KEY") && origin.is_sensitive("environment.OTHER"));
        assert!(!origin.is_sensitive("environment.OPEN") && origin.is_literal("environment.OPEN"));
        assert!(!origin.is_sensitive("environments") && !origin.is_literal("nothing"));
    }

    #[test]
    fn tags_of_the_stack_go_along_where_the_resource_says_nothing() {
        let mut own = origin(&[("tags", 1, Shown::Literal), ("tags.a", 2, Shown::Literal)]);
        let stack = origin(&[
            ("tags", 10, Shown::Sensitive),
            ("tags.a", 11, Shown::Sensitive),
            ("tags.b", 12, Shown::Sensitive),
        ]);
        inherit_tags(&mut own, &stack);
        assert_eq!(
            (own.span_of("tags"), own.span_of("tags.a"), own.span_of("tags.b")),
            (Some(at(1)), Some(at(2)), Some(at(12)))
        );
        assert!(own.is_sensitive("tags.b") && !own.is_sensitive("tags.a"));
    }

    #[test]
    fn a_renamed_path_takes_everything_below_along() {
        let mut origin = origin(&[
            ("trust_document", 1, Shown::Literal),
            ("trust_document.version", 2, Shown::Literal),
            ("trust_documents", 3, Shown::Literal),
        ]);
        rename(&mut origin, "trust_document", "trust");
        assert_eq!(origin.span_of("trust.version"), Some(at(2)));
        assert_eq!(origin.value_span("trust"), Some(at(101)));
        assert_eq!(origin.span_of("trust_documents"), Some(at(3)));
        assert_eq!(origin.span_of("trust_document"), Some(at(0)));
    }

    #[test]
    fn items_of_a_list_take_their_places_along() {
        let mut origin = origin(&[
            ("mounts", 1, Shown::Literal),
            ("mounts[0]", 2, Shown::Literal),
            ("mounts[0].id", 3, Shown::Literal),
            ("mounts[1].id", 4, Shown::Sensitive),
            ("mounts[2].id", 5, Shown::Literal),
            ("mountings[0].id", 6, Shown::Literal),
        ]);
        reorder(&mut origin, "mounts", &[2, 0, 1]);
        let places = ["mounts[0].id", "mounts[1].id", "mounts[2].id", "mountings[0].id"].map(|p| origin.span_of(p));
        assert_eq!(places, [5, 3, 4, 6].map(|start| Some(at(start))));
        assert!(origin.is_sensitive("mounts[2].id") && !origin.is_sensitive("mounts[1].id"));
        assert_eq!((origin.span_of("mounts[1]"), origin.span_of("mounts")), (Some(at(2)), Some(at(1))));
    }
}
