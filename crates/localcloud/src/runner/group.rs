//! Process groups as the machine's process table shows them: what a group uses, who belongs to an instance,
//! which of them listens where, and their end. Reads `/proc`, as memory accounting needs it anyway.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::cloud::lock;

/// Variable that marks every process of an instance, with the instance's folder: those that leave the group
/// are still found by it.
pub(super) const MARK: &str = "LOCAL_CLOUD_INSTANCE";

/// The groups of every instance of one local cloud, so that all of them can be ended at once.
#[derive(Default)]
pub(crate) struct Groups {
    alive: Mutex<HashSet<i32>>,
    stopped: AtomicBool,
}

impl Groups {
    /// Whether the group may live; false once everything was stopped.
    pub(super) fn join(&self, group: Pid) -> bool {
        let mut alive = lock(&self.alive);
        if self.stopped.load(Ordering::Acquire) {
            return false;
        }
        alive.insert(group.as_raw_nonzero().get());
        true
    }

    /// Ends one group and what has left it but carries its mark.
    pub(super) fn end(&self, group: Pid, folder: &Path) {
        kill_group(group);
        lock(&self.alive).remove(&group.as_raw_nonzero().get());
        // Whoever stops everything sweeps once for all.
        if !self.stopped.load(Ordering::Acquire) {
            sweep(folder);
        }
    }

    /// Ends every group now, and every one that is started later.
    pub(super) fn stop(&self, folder: &Path) {
        let groups = {
            let mut alive = lock(&self.alive);
            self.stopped.store(true, Ordering::Release);
            std::mem::take(&mut *alive)
        };
        let any = !groups.is_empty();
        for group in groups.into_iter().filter_map(Pid::from_raw) {
            kill_group(group);
        }
        if any {
            sweep(folder);
        }
    }
}

fn kill_group(group: Pid) {
    // Fails only when nobody is left in the group.
    let _ = kill_process_group(group, Signal::KILL);
}

/// Ends every process whose mark lies in `folder`, until none is found: one may start another meanwhile.
pub(crate) fn sweep(folder: &Path) {
    for _ in 0..20 {
        let left: Vec<i32> = processes().filter(|id| is_marked(*id, folder) && stat(*id).is_some()).collect();
        if left.is_empty() {
            return;
        }
        for id in left.into_iter().filter_map(Pid::from_raw) {
            // Fails when it ended by itself.
            let _ = kill_process(id, Signal::KILL);
        }
        std::thread::yield_now();
    }
}

/// The processes of a group, and how many threads they have together.
pub(super) fn members(group: Pid) -> (Vec<i32>, u64) {
    let (mut members, mut threads) = (Vec::new(), 0);
    for id in processes() {
        if let Some(stat) = stat(id).filter(|stat| stat.group == group.as_raw_nonzero().get()) {
            members.push(id);
            threads += stat.threads;
        }
    }
    (members, threads)
}

/// Resident memory of some processes together, in bytes. What a fork shares with its parent counts once.
pub(super) fn resident_together(members: &[i32]) -> u64 {
    let share = |id: &i32| {
        let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    members.iter().map(|id| share(id).map_or_else(|| resident(*id).0, |kb| kb * 1024)).sum()
}

/// Resident memory of one process now and at its peak, in bytes; zero for a process that is gone.
pub(super) fn resident(id: i32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    let bytes = |name: &str| field(name).unwrap_or_default() * 1024;
    (bytes("VmRSS:"), bytes("VmHWM:"))
}

/// Who listens on a port, as far as one instance is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    Nobody,
    /// Some program that does not belong to the instance.
    Foreign,
    /// The instance, but on the loopback address only.
    Loopback,
    Own,
}

pub(super) fn listener(port: u16, group: Pid, folder: &Path) -> Listener {
    let mut found = Listener::Nobody;
    for (table, loopback) in [
        ("/proc/net/tcp", &["7F"][..]),
        ("/proc/net/tcp6", &["00000000000000000000000001000000", "0000000000000000FFFF00000100007F"][..]),
    ] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, "0A", _, _, _, _, _, socket, ..] = fields.as_slice() else { continue };
            let Some((address, at)) = local.split_once(':') else { continue };
            if u16::from_str_radix(at, 16) != Ok(port) {
                continue;
            }
            if !owns(group, folder, socket) {
                found = if found == Listener::Nobody { Listener::Foreign } else { found };
            } else if loopback.iter().any(|end| address.ends_with(end)) {
                found = Listener::Loopback;
            } else {
                return Listener::Own;
            }
        }
    }
    found
}

fn owns(group: Pid, folder: &Path, socket: &str) -> bool {
    let link = format!("socket:[{socket}]");
    let member =
        |id: &i32| stat(*id).is_some_and(|stat| stat.group == group.as_raw_nonzero().get()) || is_marked(*id, folder);
    processes().filter(member).any(|id| {
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        files.into_iter().any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link.as_str()))
    })
}

fn processes() -> impl Iterator<Item = i32> {
    let table = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    table.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    group: i32,
    threads: u64,
}

/// A live process's row; `None` when it is gone or only waits to be collected.
fn stat(id: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields count from behind it: state is the third.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Stat { group: fields.get(2)?.parse().ok()?, threads: fields.get(17)?.parse().ok()? })
}

fn is_marked(id: i32, folder: &Path) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{id}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|pair| {
        let value = pair.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        value
            .and_then(|value| std::str::from_utf8(value).ok())
            .is_some_and(|value| Path::new(value).starts_with(folder))
    })
}
