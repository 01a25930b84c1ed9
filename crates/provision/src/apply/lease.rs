//! Takes, keeps and gives back the leases of the stacks that are written to. `plan::lease` says which call comes
//! next; here the calls are made, and a task keeps each lease while changes are carried out. Correctness rests on
//! the pins of a plan; see docs/design/0008-lease.md.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use plan::lease::{self, Answer, Before, Break, Call, Claim, Lease, Next, Seen};
use tencentcloud::{Client, Error, tag};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::holder;
use super::wait::Pauses;
use crate::error::CommandError;

/// The longest wait for one attempt of a call: a lease lasts little longer.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How often a holder looks whether its lease was broken.
const CHECK_SECONDS: i64 = 10;
/// How long a renewal may take, and the pause before one that failed is tried again: two fit into the time between
/// the moment when the next turn is asked for and the last one at which a write may start.
const RENEWAL_LIMIT: Duration = Duration::from_secs(4);
const AGAIN: Duration = Duration::from_millis(500);
/// How long an apply waits in the end for its lease to be given back: it ends by itself.
const GIVING_BACK: Duration = Duration::from_secs(15);
/// How long a look at what others left behind may take: a plan waits for it, or the lease is running already.
const LOOKING: Duration = Duration::from_secs(2);
/// How long a renewal waits for each value that is over to be deleted; the next apply sweeps up what stays.
const TIDYING: Duration = Duration::from_secs(1);
/// Values that an apply sweeps up for others, at most, and how long it waits for that in the end.
const MOST_RUBBISH: usize = 50;
const SWEEPING: Duration = Duration::from_secs(1);

/// Leases of several stacks, kept until they are given back.
#[derive(Default)]
pub(crate) struct Leases {
    keepers: Vec<Keeper>,
    /// What people should know about how they were taken.
    pub(crate) notes: Vec<String>,
    /// Whether somebody else may have written to a stack since the plan was begun.
    pub(crate) disturbed: bool,
}

/// One lease, and the task that keeps it.
struct Keeper {
    hold: Arc<Hold>,
    quit: oneshot::Sender<()>,
    task: JoinHandle<Lease>,
}

/// Whether a lease is still held, for those who carry out changes.
pub(crate) struct Hold {
    stack: String,
    client: Client,
    /// Seconds since 1970, by the service's clock.
    deadline: AtomicI64,
    /// Set when it is somebody else's.
    taken: Mutex<Option<Option<Claim>>>,
}

impl Hold {
    /// Whether nothing new may start.
    pub(crate) fn lost(&self) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_some()
            || self.client.service_time() >= self.deadline.load(Ordering::SeqCst)
    }

    /// The error of a lease that was lost.
    fn loss(&self) -> Option<CommandError> {
        if !self.lost() {
            return None;
        }
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = match taken {
            Some(Some(claim)) => format!("{} has it now", claim.who),
            Some(None) => "somebody broke it".to_owned(),
            None => "it could not be renewed in time".to_owned(),
        };
        Some(CommandError::LeaseLost { stack: self.stack.clone(), why })
    }
}

/// How driving a lease ended.
enum Reached {
    Held,
    Lost(Option<Claim>),
}

/// What the values say before a plan is made. `None` when that cannot be told, which is no reason to fail: the plan is
/// made again then, under the lease.
pub(crate) async fn before(client: &Client) -> Option<Before> {
    let client = client.aside(CALL_LIMIT);
    let values = tokio::time::timeout(LOOKING, list(&client)).await.ok()?.ok()?;
    Some(Before::of(&values, client.service_time(), &holder::gone))
}

/// Takes the leases of all these stacks, or of none. Stacks whose lease is not to be had because the service does not
/// know the calls go on without.
pub(crate) async fn take(
    client: &Client,
    stacks: &[&str],
    who: &str,
    breaks: Option<&Break>,
    before: Option<&Before>,
) -> Result<Leases, CommandError> {
    // Whatever is sent, and however many calls wait for their seats: a lease that is not renewed is lost.
    let client = &client.aside(CALL_LIMIT);
    let taken =
        join_all(stacks.iter().map(|stack| take_one(client, stack, who, breaks.cloned(), before.cloned()))).await;
    let mut leases = Leases::default();
    let mut failed = None;
    for (stack, one) in stacks.iter().zip(taken) {
        match one {
            Ok(Some(taken)) => {
                leases.keepers.push(taken.keeper);
                leases.disturbed |= taken.disturbed;
                leases.notes.extend(taken.superseded.iter().map(|c| {
                    format!(
                        "note: the lease of stack {stack} was left by {}, process {}; it is taken over",
                        c.who, c.process.pid
                    )
                }));
            }
            Ok(None) if leases.notes.is_empty() => leases.notes.push(
                "warning: the service does not know leases (CreateTag, DescribeTags); nothing keeps another apply \
                 from writing at the same time"
                    .to_owned(),
            ),
            Ok(None) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        None => Ok(leases),
        Some(error) => {
            leases.give_back().await;
            Err(error)
        }
    }
}

/// A lease that was taken.
struct Taken {
    keeper: Keeper,
    /// From whom it was taken over.
    superseded: Vec<Claim>,
    disturbed: bool,
}

async fn take_one(
    client: &Client,
    stack: &str,
    who: &str,
    breaks: Option<Break>,
    before: Option<Before>,
) -> Result<Option<Taken>, CommandError> {
    let id = random_id()?;
    let claim = Claim::new(stack, &id, client.service_time(), holder::this_process(), who);
    holder::began(&claim);
    let mut lease = Lease::new(claim, breaks, before);
    let mut reached = drive(client, &mut lease).await;
    if let Err(error) = &reached
        && tag::is_full(error)
        && let Ok(values) = list(client).await
    {
        // A key has so many values only where much was left behind.
        sweep(client, lease::rubbish(&values, stack, client.service_time(), &holder::gone)).await;
        reached = drive(client, &mut lease).await;
    }
    let failed = |source: Error| CommandError::Lease { stack: stack.to_owned(), source: Box::new(source) };
    let reached = match reached {
        Ok(reached) => reached,
        Err(error) => {
            holder::ended(lease.claim());
            if error.outcome_unknown() || !lease.is_new() {
                give_back(client, &lease).await.ok();
            }
            return if tag::is_unserved(&error) { Ok(None) } else { Err(failed(error)) };
        }
    };
    if let Reached::Lost(other) = reached {
        give_back(client, &lease).await.ok();
        holder::ended(lease.claim());
        return Err(CommandError::Held { stack: stack.to_owned(), by: other.map(Box::new) });
    }
    let now = client.service_time();
    let (superseded, disturbed) = (lease.superseded().to_vec(), lease.is_disturbed());
    let hold = Arc::new(Hold {
        stack: stack.to_owned(),
        client: client.clone(),
        deadline: AtomicI64::new(lease.deadline(now)),
        taken: Mutex::new(None),
    });
    let rubbish = lease::rubbish(lease.left(), stack, now, &holder::gone);
    let (quit, quits) = oneshot::channel();
    let task = tokio::spawn(keep(hold.clone(), lease, rubbish, quits));
    Ok(Some(Taken { keeper: Keeper { hold, quit, task }, superseded, disturbed }))
}

/// Keeps a lease until told to quit, or until it is lost. What others left behind is swept up last, so that a run that
/// is ended early has spent its calls on changes.
async fn keep(hold: Arc<Hold>, mut lease: Lease, rubbish: Vec<String>, mut quits: oneshot::Receiver<()>) -> Lease {
    renew(&hold, &mut lease, &mut quits).await;
    sweep(&hold.client, rubbish).await;
    lease
}

/// Deletes what others left behind. What is not deleted in time is found again by the next apply.
async fn sweep(client: &Client, rubbish: Vec<String>) {
    let all = rubbish.into_iter().take(MOST_RUBBISH).map(|value| send(client, Call::Delete(value)));
    let _ = tokio::time::timeout(SWEEPING, join_all(all)).await;
}

async fn renew(hold: &Hold, lease: &mut Lease, quits: &mut oneshot::Receiver<()>) {
    let client = &hold.client;
    let mut failed = false;
    loop {
        let seconds = lease.rest(client.service_time()).min(CHECK_SECONDS);
        let pause = if failed { AGAIN } else { Duration::from_secs(u64::try_from(seconds).unwrap_or_default()) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = &mut *quits => return,
        }
        lease.renew(client.service_time());
        // A call that is given up may have happened: the lease knows its own values again when it meets them.
        failed = match tokio::time::timeout(RENEWAL_LIMIT, drive(client, lease)).await {
            Ok(Ok(Reached::Held)) => {
                hold.deadline.store(lease.deadline(client.service_time()), Ordering::SeqCst);
                false
            }
            Ok(Ok(Reached::Lost(by))) => {
                *hold.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(by);
                return;
            }
            // The deadline says how long this may go on.
            Ok(Err(_)) | Err(_) => true,
        };
    }
}

impl Leases {
    /// The lease of a stack, to look at before something starts. `None`: there is none to be lost.
    pub(crate) fn hold(&self, stack: &str) -> Option<Arc<Hold>> {
        self.keepers.iter().find(|k| k.hold.stack == stack).map(|k| k.hold.clone())
    }

    /// The first lease that was lost.
    pub(crate) fn loss(&self) -> Option<CommandError> {
        self.keepers.iter().find_map(|k| k.hold.loss())
    }

    /// Gives them all back. Returns what people should know about those that could not be.
    pub(crate) async fn give_back(self) -> Vec<String> {
        let all = self.keepers.into_iter().map(|keeper| async move {
            let _ = keeper.quit.send(());
            let lease = keeper.task.await.ok()?;
            let client = &keeper.hold.client;
            let result = tokio::time::timeout(GIVING_BACK, give_back(client, &lease)).await;
            holder::ended(lease.claim());
            let why = match result {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => crate::error::chain(&error),
                Err(_) => "no answer in time".to_owned(),
            };
            Some(format!(
                "warning: the lease of stack {} could not be given back ({}); it ends by itself at {}",
                keeper.hold.stack,
                why,
                time(lease.until(client.service_time()))
            ))
        });
        join_all(all).await.into_iter().flatten().collect()
    }
}

/// Leaves an ending, then deletes the turns, then the claims. One that cannot be made is no failure: the claim stays
/// instead, and is swept up by the next apply.
async fn give_back(client: &Client, lease: &Lease) -> Result<(), Error> {
    let ending_left = match lease.ending(client.service_time()) {
        None => false,
        Some(call) => send(client, call).await.is_ok(),
    };
    for values in lease.given_back(ending_left) {
        let all = values.into_iter().map(|value| send(client, Call::Delete(value)));
        for result in join_all(all).await {
            result?;
        }
    }
    Ok(())
}

/// Waits until nobody holds the stack, so long at most; whether it is free then.
pub(crate) async fn wait(client: &Client, stack: &str, most: Duration) -> Result<bool, CommandError> {
    let mut pauses = Pauses::for_at_most(most);
    while pauses.pause().await {
        let failed = |source| CommandError::Lease { stack: stack.to_owned(), source: Box::new(source) };
        let values = list(client).await.map_err(failed)?;
        if Seen::of(stack, &values).holder(client.service_time(), &holder::gone).is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes calls until the lease is held or lost.
async fn drive(client: &Client, lease: &mut Lease) -> Result<Reached, Error> {
    loop {
        match lease.next(client.service_time()) {
            // Of a lease that is held, only what is over is deleted: it matters less than that the lease is kept.
            Next::Call(call @ Call::Delete(_)) if lease.is_kept() => {
                let _ = tokio::time::timeout(TIDYING, send(client, call)).await;
                lease.answered(&Answer::Done, client.service_time(), &holder::gone);
            }
            // So it is with the traces of others: without them the plan is made again.
            Next::Call(call @ Call::List) if lease.is_recalling() => {
                match tokio::time::timeout(LOOKING, send(client, call)).await {
                    Ok(Ok(answer)) => lease.answered(&answer, client.service_time(), &holder::gone),
                    // Without this right, or this call, no later list will be had either.
                    Ok(Err(error)) if error.is_permission_denied() || tag::is_unserved(&error) => return Err(error),
                    Ok(Err(_)) | Err(_) => lease.unrecalled(client.service_time()),
                }
            }
            Next::Call(call) => {
                let answer = send(client, call).await?;
                lease.answered(&answer, client.service_time(), &holder::gone);
            }
            Next::Pause(pause) => tokio::time::sleep(pause).await,
            Next::Held => return Ok(Reached::Held),
            Next::Lost(to) => return Ok(Reached::Lost(to)),
        }
    }
}

async fn send(client: &Client, call: Call) -> Result<Answer, Error> {
    let tag_key = lease::KEY.to_owned();
    let answer = match call {
        Call::Create(tag_value) => client.call(None, &tag::CreateTag { tag_key, tag_value }).await,
        Call::Delete(tag_value) => client.call(None, &tag::DeleteTag { tag_key, tag_value }).await,
        Call::List => return list(client).await.map(Answer::Listed),
    };
    match answer {
        Ok(_) => Ok(Answer::Done),
        Err(error) if tag::is_tag_duplicate(&error) => Ok(Answer::Exists),
        Err(error) if tag::is_tag_absent(&error) => Ok(Answer::Done),
        Err(error) => Err(error),
    }
}

/// All values of the key.
async fn list(client: &Client) -> Result<Vec<String>, Error> {
    let request = tag::DescribeTags { tag_keys: Some(vec![lease::KEY.to_owned()]), ..Default::default() };
    let rows = match client.list(None, &request).await {
        // The definition can be read as if keys went with values only; without both it lists every pair.
        Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidParameter")) => {
            client.list(None, &tag::DescribeTags::default()).await?
        }
        rows => rows?,
    };
    Ok(rows.into_iter().filter(|row| row.tag_key == lease::KEY).map(|row| row.tag_value).collect())
}

fn random_id() -> Result<String, CommandError> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes).map_err(|e| CommandError::Local {
        doing: "the system gives no random numbers".to_owned(),
        source: e.to_string().into(),
        help: None,
    })?;
    Ok(plan::mark::hex(&bytes))
}

/// A time for people.
pub(crate) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}
