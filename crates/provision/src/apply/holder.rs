//! Who holds a lease: this process, for machines and for people; and whether another process is certainly gone.
//! Certain is it only of a process that this one could see, on the same machine since the same start of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use plan::lease::{Claim, Process};
use sha2::{Digest as _, Sha256};

use crate::world::World;

/// Claims that this process has made and not yet given back: it may apply several times.
static OURS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a claim of this process.
pub(super) fn began(claim: &Claim) {
    OURS.lock().unwrap_or_else(PoisonError::into_inner).insert(claim.id.clone());
}

/// Notes that a claim of this process means nothing any more, even if it could not be deleted.
pub(super) fn ended(claim: &Claim) {
    OURS.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim.id);
}

/// This process.
pub(super) fn this_process() -> Process {
    let pid = std::process::id();
    let started = stat("self").map_or(0, |s| s.started);
    let machine = if started == 0 { None } else { machine() };
    Process { machine: machine.unwrap_or_default(), pid, started }
}

/// Whether whoever made the claim is certainly no more: ended on this machine, or done in this process.
pub(super) fn gone(claim: &Claim) -> bool {
    let (process, this) = (&claim.process, this_process());
    if process.machine.is_empty() || process.machine != this.machine {
        return false;
    }
    if *process == this {
        return !OURS.lock().unwrap_or_else(PoisonError::into_inner).contains(&claim.id);
    }
    match stat(&process.pid.to_string()) {
        Ok(there) => there.ended || there.started != process.started,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// What tells this machine, since its last start, from others: and containers on it, which see other processes under
/// the same numbers, and users, who may not see each other's. `None` where nothing tells (not Linux).
fn machine() -> Option<String> {
    let mut hash = Sha256::new();
    hash.update(std::fs::read("/proc/sys/kernel/random/boot_id").ok()?);
    hash.update(std::fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_encoded_bytes());
    // Start times are counted from the start of a time namespace, where there are such.
    if let Ok(time) = std::fs::read_link("/proc/self/ns/time") {
        hash.update(time.into_os_string().into_encoded_bytes());
    }
    // Machines that were woken from one snapshot share all of the above.
    hash.update(std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default());
    #[cfg(unix)]
    hash.update(rustix::process::getuid().as_raw().to_be_bytes());
    Some(plan::mark::hex(&hash.finalize()[..6]))
}

struct Stat {
    /// Only its parent has not noticed yet.
    ended: bool,
    /// Ticks since the machine's start.
    started: u64,
}

/// What Linux says of a process. Its name, in brackets, may hold anything; the state follows, and the start is the
/// 20th from there.
fn stat(pid: &str) -> std::io::Result<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let mut fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let state = fields.next().unwrap_or_default();
    let started = fields.nth(18).and_then(|f| f.parse().ok());
    let started = started.ok_or_else(|| std::io::Error::other("it is spelled in a way that nobody knows"))?;
    Ok(Stat { ended: matches!(state, "Z" | "X" | "x"), started })
}

/// For people: user, host, and the CI job if this is one.
pub(crate) fn who(world: &World) -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| world.variable(name));
    let mut who = format!("{}@{}", user.unwrap_or("somebody"), host(world));
    let variable = |name: &str| world.variable(name).unwrap_or("?");
    if world.variable("GITHUB_RUN_ID").is_some() {
        who.push_str(&format!(" (github {} run {})", variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")));
    } else if world.variable("CI_JOB_ID").is_some() {
        who.push_str(&format!(" (gitlab {} job {})", variable("CI_PROJECT_PATH"), variable("CI_JOB_ID")));
    } else if world.variable("CI").is_some_and(|v| v != "false" && v != "0") {
        who.push_str(" (ci)");
    }
    who
}

fn host(world: &World) -> String {
    #[cfg(unix)]
    if let Ok(name) = rustix::system::uname().nodename().to_str()
        && !name.is_empty()
    {
        return name.to_owned();
    }
    world.variable("COMPUTERNAME").or(world.variable("HOSTNAME")).unwrap_or("an unnamed machine").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: &str, process: Process) -> Claim {
        Claim::new("hook", id, 0, process, "x")
    }

    #[test]
    fn this_process_is_there_as_long_as_it_wants_the_lease() {
        let claim = claim("holder-test", this_process());
        began(&claim);
        assert!(!gone(&claim));
        ended(&claim);
        assert_eq!(gone(&claim), cfg!(target_os = "linux"));
    }

    #[test]
    fn a_process_elsewhere_may_be_alive() {
        let elsewhere = Process { machine: "another".to_owned(), pid: 1, started: 1 };
        assert!(!gone(&claim("a", elsewhere)));
        assert!(!gone(&claim("b", Process { pid: 1, ..Process::default() })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_is_gone_when_it_ended_even_before_its_parent_looks() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("sleep runs");
        let started = stat(&child.id().to_string()).expect("it is there").started;
        let process = Process { pid: child.id(), started, ..this_process() };
        assert!(!gone(&claim("c", process.clone())));
        assert!(gone(&claim("d", Process { started: started + 1, ..process.clone() })), "another with its number");
        child.kill().expect("it can be killed");
        // Nobody waits for it yet.
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !gone(&claim("c", process.clone())) {
            assert!(std::time::Instant::now() < limit, "it was killed");
            std::thread::yield_now();
        }
        child.wait().expect("it ended");
        assert!(gone(&claim("c", process)));
    }

    #[test]
    fn a_ci_job_is_named() {
        let world = |pairs: &[(&str, &str)]| World {
            environment: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..World::of_process()
        };
        assert!(who(&world(&[("USER", "ann")])).starts_with("ann@"));
        let github = [("CI", "true"), ("GITHUB_REPOSITORY", "acme/infra"), ("GITHUB_RUN_ID", "7")];
        assert!(who(&world(&github)).ends_with(" (github acme/infra run 7)"));
        let gitlab = [("CI", "true"), ("CI_PROJECT_PATH", "acme/infra"), ("CI_JOB_ID", "8")];
        assert!(who(&world(&gitlab)).ends_with(" (gitlab acme/infra job 8)"));
    }
}
