//! What this instance has already done: which events the group has, which functions got them. Kept in memory and in
//! one file under `/tmp`, so that a process that was killed and started again in its instance does not repeat itself.
//!
//! Best effort by nature: another instance knows nothing of it. Bounded in number and in age. Losing the file, or not
//! being able to write it, costs a possible duplicate and never an event.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

/// Most deeds remembered. An event makes one, and one more per fan-out target.
const MOST: usize = 2000;

/// How long a deed is remembered: the platform's default maximum age of an asynchronous event, 6 hours. After it
/// the same event can only come on purpose.
const AGE: Duration = Duration::from_secs(6 * 3600);

/// Something that must not be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Deed(String);

impl Deed {
    /// The group has the message of this event.
    pub fn posted(event: &str) -> Self {
        Self(format!("posted {event}"))
    }

    /// This target got this event.
    pub fn invoked(event: &str, target: &impl ToString) -> Self {
        Self(format!("invoked {event} {}", target.to_string()))
    }
}

/// The deeds of one instance.
#[derive(Debug)]
pub struct Memory {
    path: Option<PathBuf>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    deeds: HashSet<Deed>,
    order: VecDeque<(u64, Deed)>,
    /// Lines in the file, which may hold more than is remembered.
    lines: usize,
}

impl Memory {
    /// The memory in the system's folder for temporary files (`/tmp` on the platform), under a name made of what
    /// tells this instance's function from others that may share the folder on a laptop.
    pub fn of_instance(identity: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in identity {
            hash.update(part);
            hash.update([0]);
        }
        let name: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self::at(std::env::temp_dir().join(format!("mps-notify-{name}.log")))
    }

    /// The memory in this file.
    pub fn at(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut state = State { lines: text.lines().count(), ..State::default() };
        let now = now();
        for (time, deed) in text.lines().filter_map(|line| line.split_once(' ')) {
            // A torn line at the end has no time, or names no deed that anybody will ask for.
            if let Ok(time) = time.parse() {
                state.add(time, Deed(deed.to_owned()), now);
            }
        }
        Self { path: Some(path), state: RefCell::new(state) }
    }

    /// Whether this was done within the last hours.
    pub fn knows(&self, deed: &Deed) -> bool {
        let mut state = self.state.borrow_mut();
        state.forget(now());
        state.deeds.contains(deed)
    }

    /// Remembers a deed, on disk before this returns.
    pub fn note(&self, deed: Deed) {
        let mut state = self.state.borrow_mut();
        let now = now();
        let line = format!("{now} {}\n", deed.0);
        state.add(now, deed, now);
        let Some(path) = &self.path else { return };
        if state.lines >= 2 * MOST {
            let text: String = state.order.iter().map(|(time, deed)| format!("{time} {}\n", deed.0)).collect();
            let fresh = path.with_extension("new");
            if fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path)).is_ok() {
                state.lines = state.order.len();
            }
            return;
        }
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        if file.and_then(|mut file| file.write_all(line.as_bytes())).is_ok() {
            state.lines += 1;
        }
    }
}

impl State {
    fn add(&mut self, time: u64, deed: Deed, now: u64) {
        if self.deeds.insert(deed.clone()) {
            self.order.push_back((time, deed));
        }
        self.forget(now);
    }

    fn forget(&mut self, now: u64) {
        while let Some((time, _)) = self.order.front() {
            let old = now.saturating_sub(*time) > AGE.as_secs();
            if !old && self.order.len() <= MOST {
                break;
            }
            if let Some((_, deed)) = self.order.pop_front() {
                self.deeds.remove(&deed);
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("memory");
        (folder, path)
    }

    #[test]
    fn a_new_process_of_the_instance_knows_what_the_old_one_did() {
        let (_folder, path) = scratch();
        Memory::at(path.clone()).note(Deed::posted("a"));
        let memory = Memory::at(path);
        assert!(memory.knows(&Deed::posted("a")));
        assert!(!memory.knows(&Deed::posted("b")) && !memory.knows(&Deed::invoked("a", &"x")));
    }

    #[test]
    fn memory_and_file_stay_bounded_and_keep_the_newest() {
        let (_folder, path) = scratch();
        let memory = Memory::at(path.clone());
        for n in 0..5 * MOST {
            memory.note(Deed::posted(&n.to_string()));
        }
        let again = Memory::at(path.clone());
        for memory in [&memory, &again] {
            assert!(memory.knows(&Deed::posted(&(5 * MOST - 1).to_string())));
            assert!(!memory.knows(&Deed::posted("0")));
            assert!(memory.state.borrow().order.len() <= MOST);
        }
        assert!(fs::read_to_string(path).expect("the file").lines().count() <= 2 * MOST + 1);
    }

    #[test]
    fn old_deeds_and_torn_lines_are_forgotten() {
        let (_folder, path) = scratch();
        fs::write(&path, format!("1 posted old\n{} posted new\n\nnonsense\n17", now())).expect("written");
        let memory = Memory::at(path);
        assert!(memory.knows(&Deed::posted("new")) && !memory.knows(&Deed::posted("old")));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_failure() {
        let memory = Memory::at(PathBuf::from("/proc/none/memory"));
        memory.note(Deed::posted("a"));
        assert!(memory.knows(&Deed::posted("a")));
    }
}
