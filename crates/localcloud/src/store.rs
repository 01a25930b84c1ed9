//! The store of a cloud that outlives its process: one redb file, one row per object. A thread of its own
//! writes; calls that change something wait for their commit, and those that wait together share one.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::error::StartError;
use crate::state::{State, Write};

const ROWS: TableDefinition<&str, &[u8]> = TableDefinition::new("rows");
/// Pause between attempts to open a store that is held.
const POLL: Duration = Duration::from_millis(25);

struct Job {
    writes: Vec<Write>,
    done: oneshot::Sender<bool>,
}

/// An open store.
pub(crate) struct Store {
    folder: PathBuf,
    announced: bool,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the store and loads the account's rows into `state`. Waits up to `wait` for another holder.
    pub(crate) fn open(folder: &Path, account: &str, wait: Duration, state: &mut State) -> Result<Self, StartError> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| StartError::Store { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
        let database = open_file(folder, wait).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                StartError::Held { folder: folder.to_owned(), holder: holder(folder) }
            }
            other => failed(other.into()),
        })?;
        let prefix = format!("{account}/");
        load(&database, &prefix, state).map_err(failed)?;
        let (jobs, queue) = channel();
        let writer = std::thread::Builder::new()
            .name("local-cloud-store".to_owned())
            .spawn(move || write_all(&database, &prefix, &queue))
            .map_err(|error| failed(error.into()))?;
        Ok(Self { folder: folder.to_owned(), announced: false, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Notes who holds the store, for others that find it locked; with `announce` also the address alone.
    pub(crate) fn note_holder(&mut self, address: &str, announce: bool) -> std::io::Result<()> {
        let note = json!({"pid": std::process::id(), "address": address});
        std::fs::write(self.folder.join("holder.json"), note.to_string())?;
        if announce {
            std::fs::write(self.folder.join("address"), address)?;
            self.announced = true;
        }
        Ok(())
    }

    /// Queues writes. Call it in the order in which the changes happened; await the answer afterwards.
    pub(crate) fn write(&self, writes: Vec<Write>) -> oneshot::Receiver<bool> {
        let (done, wait) = oneshot::channel();
        if let Some(jobs) = &self.jobs {
            // A writer that is gone drops `done`, which the caller sees as a failed write.
            let _ = jobs.send(Job { writes, done });
        }
        wait
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("holder.json"));
        if self.announced {
            let _ = std::fs::remove_file(self.folder.join("address"));
        }
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // The writer ends when its queue is empty; only then is the file free for others.
            let _ = writer.join();
        }
    }
}

fn open_file(folder: &Path, wait: Duration) -> Result<Database, DatabaseError> {
    let deadline = Instant::now() + wait;
    loop {
        match Database::create(folder.join("cloud.redb")) {
            Err(DatabaseError::DatabaseAlreadyOpen) if Instant::now() < deadline => std::thread::sleep(POLL),
            other => return other,
        }
    }
}

fn holder(folder: &Path) -> String {
    let note = std::fs::read(folder.join("holder.json")).unwrap_or_default();
    match serde_json::from_slice::<Value>(&note) {
        Ok(note) => format!("process {} serving at {}", note["pid"], note["address"].as_str().unwrap_or("?")),
        Err(_) => "another process".to_owned(),
    }
}

fn load(database: &Database, prefix: &str, state: &mut State) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let transaction = database.begin_read()?;
    let rows = match transaction.open_table(ROWS) {
        Ok(rows) => rows,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for row in rows.range(prefix..)? {
        let (key, bytes) = row?;
        let Some(key) = key.value().strip_prefix(prefix) else { break };
        state.load(key, bytes.value())?;
    }
    state.drop_unused_packages();
    Ok(())
}

fn write_all(database: &Database, prefix: &str, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        jobs.extend(queue.try_iter());
        let written = commit(database, prefix, &jobs).is_ok();
        for job in jobs {
            // Whoever asked may have gone away; the write stands.
            let _ = job.done.send(written);
        }
    }
}

fn commit(database: &Database, prefix: &str, jobs: &[Job]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for (key, bytes) in jobs.iter().flat_map(|job| &job.writes) {
            let key = format!("{prefix}{key}");
            match bytes {
                Some(bytes) => rows.insert(key.as_str(), bytes.as_slice())?,
                None => rows.remove(key.as_str())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}
