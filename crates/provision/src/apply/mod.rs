//! Apply: carries out a plan and decides nothing. `plan::progress` says which change may start; each change is
//! steps, then a look at what became of them. An unknown outcome is settled by reading, never by repeating
//! blindly (design rule 3).

mod bindings;
mod change;
pub(crate) mod holder;
pub(crate) mod lease;
mod pins;
mod role_lag;
mod steps;
mod wait;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use plan::address::ResourceAddress;
use plan::desired::{FunctionResource, NamespaceResource, PolicyResource, RoleResource, Stack, TriggerResource};
use plan::observed::{FunctionKey, Observed};
use plan::plan::{Plan, custom_policies};
use plan::progress::{Outcome, Progress};
use plan::resource::tags::Tags;
use tencentcloud::Client;
use tokio::sync::{Mutex, Notify};

use crate::upload::Ready;

/// Changes under way for each call that may be in flight. Most of a change's time goes by between its calls, waiting for
/// the platform or for the rate of an action.
const CHANGES_PER_CALL: usize = 8;

/// Set when the user asks to stop: calls in flight finish, nothing new starts. The same when a lease is lost.
#[derive(Clone, Default)]
pub(crate) struct Stop {
    by_user: Arc<(AtomicBool, Notify)>,
    lease: Option<Arc<lease::Hold>>,
}

impl Stop {
    pub(crate) fn ask(&self) {
        self.by_user.0.store(true, Ordering::SeqCst);
        self.by_user.1.notify_waiters();
    }

    pub(crate) fn asked(&self) -> bool {
        self.by_user.0.load(Ordering::SeqCst) || self.lease.as_ref().is_some_and(|l| l.lost())
    }

    /// Returns once the user has asked.
    pub(crate) async fn wait(&self) {
        // Begins to listen before it looks, so that nothing is missed in between.
        let told = self.by_user.1.notified();
        if !self.by_user.0.load(Ordering::SeqCst) {
            told.await;
        }
    }

    /// The same, and also when this lease is lost.
    pub(crate) fn or_lost(&self, lease: Option<Arc<lease::Hold>>) -> Self {
        Self { by_user: self.by_user.clone(), lease }
    }
}

/// Why a change did not end well.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// Failed, unknown, or skipped.
    pub(crate) outcome: Outcome,
    /// The service's code, if it gave one.
    pub(crate) code: Option<String>,
    /// What happened, with its causes.
    pub(crate) message: String,
    /// The service's request id.
    pub(crate) request_id: Option<String>,
}

impl Trouble {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, code: None, message: message.into(), request_id: None }
    }

    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unknown, ..Self::failed(message) }
    }

    pub(crate) fn of(error: &tencentcloud::Error) -> Self {
        Self {
            outcome: if error.outcome_unknown() { Outcome::Unknown } else { Outcome::Failed },
            code: error.code().map(str::to_owned),
            message: crate::error::chain(error),
            request_id: error.request_id().map(str::to_owned),
        }
    }

    pub(crate) fn of_read(error: &crate::error::CommandError) -> Self {
        let mut trouble = Self::unknown(crate::error::chain(error));
        if let crate::error::CommandError::Call { source, .. } = error {
            trouble.code = source.code().map(str::to_owned);
            trouble.request_id = source.request_id().map(str::to_owned);
        }
        trouble
    }
}

/// What happens, as it happens.
pub(crate) enum Event<'a> {
    /// A change started.
    Started(usize),
    /// A change sends or waits.
    Doing(usize, &'a str),
    /// A change ended.
    Ended(usize, Outcome, Option<&'a Trouble>, Duration),
}

/// How one change ended.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) trouble: Option<Trouble>,
}

/// Everything that carrying out changes needs.
pub(crate) struct Applier<'a> {
    pub(crate) client: &'a Client,
    /// What is wanted, to settle unknown outcomes against.
    pub(crate) stack: &'a Stack,
    pub(crate) plan: &'a Plan,
    /// The packages of code from this machine, by function.
    pub(crate) packages: BTreeMap<ResourceAddress, Ready>,
    /// Where each declared resource stands in the stack.
    places: Places<'a>,
    account: String,
    /// What the plan was made from, to notice what moved since.
    observed: &'a Observed,
    pin_key: plan::render::guard::DigestKey,
    custom: std::collections::BTreeSet<String>,
    /// Ids of custom policies: observed, or made meanwhile.
    policy_ids: Mutex<BTreeMap<String, u64>>,
    /// Roles that were made, or may have been, with the tags they were made with.
    roles_made: Mutex<BTreeMap<String, Tags>>,
    /// The same of policies.
    policies_made: Mutex<BTreeMap<String, Tags>>,
    /// When a service first did not see a role that is there: it sees it a little later.
    roles_missed: Mutex<BTreeMap<String, Instant>>,
    /// MPS event types that were taken from their holders and not yet given to another.
    released: Mutex<BTreeMap<String, bindings::Released>>,
    /// Trigger calls of one function take turns.
    turns: Mutex<BTreeMap<FunctionKey, Arc<Mutex<()>>>>,
    stop: Stop,
    on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

/// The declared resources of a stack by address.
pub(crate) struct Places<'a>(HashMap<&'a ResourceAddress, Place<'a>>);

/// One declared resource.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Policy(&'a PolicyResource),
    Role(&'a RoleResource),
    Namespace(&'a NamespaceResource),
    Function(&'a FunctionResource),
    Trigger(&'a FunctionResource, &'a TriggerResource),
}

impl<'a> Places<'a> {
    fn of(stack: &'a Stack) -> Self {
        let policies = stack.policies.iter().map(|p| (&p.address, Place::Policy(p)));
        let roles = stack.roles.iter().map(|r| (&r.address, Place::Role(r)));
        let namespaces = stack.namespaces.iter().map(|n| (&n.address, Place::Namespace(n)));
        let functions = stack.functions.iter().map(|f| (&f.address, Place::Function(f)));
        let triggers =
            stack.functions.iter().flat_map(|f| f.triggers.iter().map(move |t| (&t.address, Place::Trigger(f, t))));
        Self(policies.chain(roles).chain(namespaces).chain(functions).chain(triggers).collect())
    }

    pub(crate) fn get(&self, address: &ResourceAddress) -> Option<Place<'a>> {
        self.0.get(address).copied()
    }
}

impl<'a> Applier<'a> {
    pub(crate) fn new(
        client: &'a Client,
        stack: &'a Stack,
        observed: &'a Observed,
        plan: &'a Plan,
        packages: BTreeMap<ResourceAddress, Ready>,
        stop: Stop,
        on_event: &'a (dyn Fn(Event<'_>) + Sync),
    ) -> Self {
        // Compared within this process only.
        let pin_key = plan::render::guard::DigestKey::new(b"pins of one apply");
        let ids = observed.policies.iter().filter_map(|(name, p)| Some((name.clone(), p.as_ref()?.id))).collect();
        Self {
            client,
            stack,
            plan,
            packages,
            account: observed.account.clone(),
            observed,
            places: Places::of(stack),
            pin_key,
            custom: custom_policies(stack, observed),
            policy_ids: Mutex::new(ids),
            roles_made: Mutex::new(BTreeMap::new()),
            policies_made: Mutex::new(BTreeMap::new()),
            roles_missed: Mutex::new(BTreeMap::new()),
            released: Mutex::new(BTreeMap::new()),
            turns: Mutex::new(BTreeMap::new()),
            stop,
            on_event,
        }
    }

    /// Carries out every change that can be. Returns how each ended, in plan order.
    pub(crate) async fn run(&self) -> Vec<Ended> {
        let mut progress = Progress::new(self.plan);
        let mut troubles: BTreeMap<usize, Trouble> = BTreeMap::new();
        let mut undone: Vec<(usize, String)> = Vec::new();
        let mut running = FuturesUnordered::new();
        loop {
            if self.stop.asked() {
                progress.stop();
            }
            // Each change under way has requests and answers of its own: a bound keeps memory from growing with the plan.
            let room = (CHANGES_PER_CALL * self.client.parallelism()).saturating_sub(running.len());
            for index in progress.start_some(room) {
                (self.on_event)(Event::Started(index));
                let started = Instant::now();
                running.push(async move { (index, self.carry_out(index).await, started.elapsed()) });
            }
            let Some((index, mut result, took)) = running.next().await else { break };
            if let Err(trouble) = &mut result
                && let Some(back) = self.give_back(&self.plan.changes[index]).await
            {
                trouble.message = format!("{}; {}", trouble.message, back.said);
                undone.extend(back.undone.map(|by| (by, back.said)));
            }
            let outcome = result.as_ref().map_or_else(|t| t.outcome, |()| Outcome::Applied);
            (self.on_event)(Event::Ended(index, outcome, result.as_ref().err(), took));
            progress.finish(index, outcome);
            if let Err(trouble) = result {
                troubles.insert(index, trouble);
            }
        }
        // What was skipped never started, but what it was to take over may have been released already.
        for (index, change) in self.plan.changes.iter().enumerate() {
            if progress.outcome(index) == Outcome::Skipped
                && let Some(back) = self.give_back(change).await
            {
                troubles.insert(index, Trouble { outcome: Outcome::Skipped, ..Trouble::failed(back.said.clone()) });
                undone.extend(back.undone.map(|by| (by, back.said)));
            }
        }
        let mut ended: Vec<Ended> = (0..self.plan.changes.len())
            .map(|index| Ended { outcome: progress.outcome(index), trouble: troubles.remove(&index) })
            .collect();
        // What took a binding away for another change was done, and is not any more.
        for (by, said) in undone {
            let is_trigger = self.plan.changes[by].address.kind() == plan::address::Kind::Trigger;
            if is_trigger && ended[by].outcome == Outcome::Applied {
                let message = format!("the event type could not be bound to its new function; {said}");
                ended[by] = Ended { outcome: Outcome::Failed, trouble: Some(Trouble::failed(message)) };
            }
        }
        ended
    }

    pub(super) async fn turn(&self, key: &FunctionKey) -> Arc<Mutex<()>> {
        self.turns.lock().await.entry(key.clone()).or_default().clone()
    }

    pub(super) fn doing(&self, index: usize, what: &str) {
        (self.on_event)(Event::Doing(index, what));
    }
}
