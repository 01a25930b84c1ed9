//! `provision snapshot`: what the cloud holds, without its secrets, in a file that `plan --snapshot` reads where there
//! are no credentials. Reads as a plan does; what may stand in the file is decided by `plan::snapshot`.

use std::path::Path;

use plan::snapshot::{MAX_BYTES, Snapshot, take};

use super::{Run, wrong_account};
use crate::cli::SnapshotArgs;
use crate::error::{CommandError, exit};
use crate::load::{Loaded, Values};
use crate::observe;
use crate::session::Session;

/// Runs it.
pub(crate) async fn run(run: &mut Run, arguments: &SnapshotArgs) -> u8 {
    // Values of variables never stand in a snapshot, so they need not be given.
    let loaded = match run.load_valid_with(Values::MayBeMissing) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let session = match run.open(&loaded).await {
        Ok(session) => session,
        Err(code) => return code,
    };
    let taken = pictures(run, &session, &loaded).await;
    session.close().await;
    let written = taken.and_then(|snapshot| write(run, &snapshot, arguments.out.as_deref()).map(|()| snapshot));
    match written {
        Ok(snapshot) => {
            let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
            run.ui.say(&format!(
                "{} as of {}; {} withheld",
                count(snapshot.stacks.len(), "stack"),
                snapshot.as_of,
                count(snapshot.withheld(), "value")
            ));
            exit::DONE
        }
        Err(error) => run.fail(&error, Some(&loaded)),
    }
}

async fn pictures(run: &Run, session: &Session, loaded: &Loaded) -> Result<Snapshot, CommandError> {
    let guard = run.world.variable("PROVISION_ACCOUNT");
    // Taken before the first read: a plan is never said to be newer than what it was made from.
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
    let asked = observe::Asked::default();
    let reads = loaded.stacks.iter().map(|one| observe::observe(&session.client, &one.stack, &asked));
    let observed = futures_util::future::try_join_all(reads).await?;
    let pictures = loaded.stacks.iter().zip(&observed).map(|(one, observed)| {
        if let Some(finding) = wrong_account(&one.stack, guard, observed) {
            return Err(CommandError::Refused { message: finding.message, help: finding.help });
        }
        take(&one.stack, observed).map_err(|e| CommandError::Refused {
            message: format!("no snapshot is made: {e}"),
            help: Some("names stand in a snapshot; take this one from a variable that is not sensitive".to_owned()),
        })
    });
    Ok(Snapshot::new(now.to_string(), pictures.collect::<Result<_, _>>()?))
}

fn write(run: &mut Run, snapshot: &Snapshot, out: Option<&Path>) -> Result<(), CommandError> {
    let failed = |doing: String, source: Box<dyn std::error::Error + Send + Sync>| CommandError::Local {
        doing,
        source,
        help: None,
    };
    let text = serde_json::to_string_pretty(snapshot)
        .map_err(|e| failed("cannot write the snapshot".to_owned(), e.into()))?
        + "\n";
    // What may stand was decided value by value; if a secret came through all the same, nothing is written.
    if run.ui.secrets.filter(&text) != text {
        return Err(CommandError::Refused {
            message: "no snapshot is made: a sensitive value would stand in it".to_owned(),
            help: Some("a name, or a literal of the manifest, holds the value of a sensitive variable".to_owned()),
        });
    }
    let Some(out) = out else {
        run.ui.data(&text);
        return Ok(());
    };
    let path = run.world.folder.join(out);
    let mut partial = path.clone().into_os_string();
    partial.push(".new");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, &path))
        .map_err(|e| failed(format!("cannot write the snapshot to {}", out.display()), e.into()))
}

/// Reads a snapshot. The file may be anybody's.
pub(super) fn read(path: &Path) -> Result<Snapshot, CommandError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CommandError::Local {
        doing: format!("cannot read the snapshot {}", path.display()),
        source,
        help: Some("make one with `provision snapshot --out FILE` where there are credentials".to_owned()),
    };
    let meta = std::fs::metadata(path).map_err(|e| failed(e.into()))?;
    if !meta.is_file() {
        return Err(failed("it is no regular file".into()));
    }
    if meta.len() > MAX_BYTES {
        return Err(failed(format!("it has {} bytes, {MAX_BYTES} are read", meta.len()).into()));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.into()))?;
    Snapshot::parse(&text).map_err(|e| failed(Box::new(e)))
}
