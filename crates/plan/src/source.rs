//! Where manifest text came from: files, byte spans, and their lines and columns.
//! Knows nothing about YAML or TOML (see `syntax`) and nothing about wording (see `render`).

use serde::Serialize;

/// Index of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place a person can go to: lines and columns start at 1, columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file's name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

#[derive(Debug)]
struct SourceFile {
    name: String,
    text: String,
    /// In 32 bits: no manifest is larger than `syntax::MAX_BYTES`.
    line_starts: Box<[u32]>,
}

/// Every manifest file of a run.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Remembers a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let line_starts =
            std::iter::once(0).chain(after).map(|start| u32::try_from(start).unwrap_or(u32::MAX)).collect();
        self.files.push(SourceFile { name: name.into(), text, line_starts });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The whole text of a file; empty for an unknown id.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |f| &f.text)
    }

    /// The name of a file.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |f| &f.name)
    }

    /// The names of all files, in the order they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|f| f.name.as_str())
    }

    /// Line and column of a span's start.
    #[must_use]
    pub fn location(&self, span: Span) -> Location {
        let Some(file) = self.files.get(span.file.0 as usize) else {
            return Location { file: String::new(), line: 1, column: 1 };
        };
        let line = line_index(&file.line_starts, span.start);
        let column = file.text.get(file.line_starts[line] as usize..span.start).map_or(1, |t| t.chars().count() + 1);
        Location { file: file.name.clone(), line: line + 1, column }
    }

    /// The text of the line a span starts on, and how many characters of it the span covers (at least 1).
    #[must_use]
    pub fn excerpt(&self, span: Span) -> (String, usize) {
        let Some(file) = self.files.get(span.file.0 as usize) else { return (String::new(), 1) };
        let line = line_index(&file.line_starts, span.start);
        let start = file.line_starts[line] as usize;
        let end = file.line_starts.get(line + 1).map_or(file.text.len(), |e| *e as usize - 1);
        let text = file.text.get(start..end).unwrap_or("").trim_end_matches('\r').to_owned();
        let covered =
            file.text.get(span.start..span.end.min(end).max(span.start)).map_or(1, |t| t.trim_end().chars().count());
        (text, covered.max(1))
    }
}

fn line_index(starts: &[u32], offset: usize) -> usize {
    starts.partition_point(|s| *s as usize <= offset).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let mut sources = Sources::default();
        let file = sources.add("m.yaml", "a: 1\n名: x\n");
        let start = "a: 1\n名: ".len();
        let at = sources.location(Span { file, start, end: start + 1 });
        assert_eq!((at.line, at.column), (2, 4));
        assert_eq!(sources.excerpt(Span { file, start, end: start + 1 }), ("名: x".to_owned(), 1));
    }
}
