//! A process's two output pipes as log lines, read without waiting and bounded in every direction: a process
//! that writes without end costs neither memory nor the loop that watches it.

use std::io::Read;
use std::os::fd::OwnedFd;

use tokio::process::Child;

/// Bytes of one line, and lines and bytes of one request's log (log page).
const MAX_LINE: usize = 8 * 1024;
const MAX_LINES: usize = 5000;
const MAX_LOG: usize = 1024 * 1024;
/// Bytes taken from one pipe in one go. A writer can be as fast as the reader, so "until it is empty" has no end.
const MAX_TAKEN: usize = 4 * 1024 * 1024;

/// What a process writes.
pub(super) struct Output {
    pipes: [std::fs::File; 2],
    partial: [Vec<u8>; 2],
    log: Log,
}

impl Output {
    pub(super) fn of(child: &mut Child) -> std::io::Result<Self> {
        let none = || std::io::Error::other("a pipe is missing");
        let stdout = child.stdout.take().ok_or_else(none)?.into_owned_fd()?;
        let stderr = child.stderr.take().ok_or_else(none)?.into_owned_fd()?;
        Ok(Self { pipes: [unblocked(stdout)?, unblocked(stderr)?], partial: Default::default(), log: Log::default() })
    }

    /// Takes what is there.
    pub(super) fn take(&mut self) {
        let mut chunk = [0; 16 * 1024];
        for (pipe, partial) in self.pipes.iter_mut().zip(&mut self.partial) {
            let mut taken = 0;
            while taken < MAX_TAKEN
                && let Ok(count @ 1..) = pipe.read(&mut chunk)
            {
                taken += count;
                self.log.add(partial, &chunk[..count]);
            }
        }
    }

    /// The lines so far; what follows belongs to the next event.
    pub(super) fn lines(&mut self) -> Vec<String> {
        for partial in &mut self.partial {
            if !partial.is_empty() {
                self.log.keep(partial);
            }
        }
        self.log.finish()
    }
}

/// The lines of one request.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    bytes: usize,
    dropped: usize,
}

impl Log {
    /// Continues the line in `partial` with what was read.
    fn add(&mut self, partial: &mut Vec<u8>, read: &[u8]) {
        for piece in read.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let fits = text.len().min(MAX_LINE - partial.len());
            partial.extend_from_slice(&text[..fits]);
            self.dropped += text.len() - fits;
            if ends {
                self.keep(partial);
            }
        }
    }

    fn keep(&mut self, line: &mut Vec<u8>) {
        if self.lines.len() < MAX_LINES && self.bytes + line.len() < MAX_LOG {
            self.bytes += line.len() + 1;
            self.lines.push(String::from_utf8_lossy(line).into_owned());
        } else {
            self.dropped += line.len() + 1;
        }
        line.clear();
    }

    /// The lines, with a last one that says what is missing.
    fn finish(&mut self) -> Vec<String> {
        let Self { mut lines, dropped, .. } = std::mem::take(self);
        if dropped > 0 {
            lines.push(format!(
                "the local cloud cut this log: {dropped} bytes beyond {MAX_LINE} bytes a line, {MAX_LINES} lines or \
                 {MAX_LOG} bytes a request are missing"
            ));
        }
        lines
    }
}

fn unblocked(pipe: OwnedFd) -> std::io::Result<std::fs::File> {
    let flags = rustix::fs::fcntl_getfl(&pipe)?;
    rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(pipe.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &[u8], kept: usize, cut: bool) {
        let (mut log, mut partial) = (Log::default(), Vec::new());
        for chunk in written.chunks(1000) {
            log.add(&mut partial, chunk);
        }
        if !partial.is_empty() {
            log.keep(&mut partial);
        }
        let lines = log.finish();
        assert_eq!(lines.last().is_some_and(|line| line.contains("cut this log")), cut);
        assert_eq!(lines.len() - usize::from(cut), kept);
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE));
        assert!(log.finish().is_empty(), "the next request starts afresh");
    }

    #[test]
    fn lines_are_kept_as_written_until_a_limit_cuts_them() {
        check(b"", 0, false);
        check(b"one\ntwo", 2, false);
        check(&[b'x'; MAX_LINE], 1, false);
        check(&[b'x'; MAX_LINE + 1], 1, true);
        check(&b"a\n".repeat(MAX_LINES), MAX_LINES, false);
        check(&b"a\n".repeat(MAX_LINES + 1), MAX_LINES, true);
        check(&[&[b'x'; 1023][..], b"\n"].concat().repeat(2000), 1024, true);
    }
}
