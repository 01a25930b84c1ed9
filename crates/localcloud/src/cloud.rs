//! One call from its arrival to its answer, apart from HTTP: verify, check, play faults, carry out, store.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use serde_json::{Map, Value};

use crate::auth::{Caller, Key, KeyRing, Signed, verify};
use crate::calls::{CallSeen, Calls};
use crate::definition;
use crate::delivery::{self, Delivery};
use crate::fault::{Effect, FaultPlayer, Faults, Picked};
use crate::options::Options;
use crate::rates::Rates;
use crate::refusal::{Answer, Refusal, refuse};
use crate::request::{self, Incoming};
use crate::runner::{self, Runner};
use crate::state::{Call, Context, Hold, State, uuid};
use crate::store::Store;
use crate::wecom::Wecom;

/// Everything that calls share.
pub(crate) struct Cloud {
    pub(crate) options: Options,
    pub(crate) base_url: Arc<str>,
    pub(crate) calls: Calls,
    state: Mutex<State>,
    /// The state before the latest write; kept only when a fault asks for stale reads.
    previous: Mutex<Option<State>>,
    store: Mutex<Option<Store>>,
    rates: Mutex<Rates>,
    faults: Mutex<Option<FaultPlayer>>,
    keys: HashMap<String, String>,
    pub(crate) runner: Runner,
    pub(crate) wecom: Wecom,
}

/// A request's parts that matter here.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cloud {
    pub(crate) fn new(options: Options, base_url: &str, state: State, store: Option<Store>) -> Self {
        let local = [("local".to_owned(), "local".to_owned())];
        Self {
            base_url: base_url.into(),
            calls: Calls::default(),
            state: Mutex::new(state),
            previous: Mutex::new(None),
            store: Mutex::new(store),
            rates: Mutex::new(Rates::default()),
            faults: Mutex::new(options.faults.clone().map(FaultPlayer::new)),
            keys: local.into_iter().chain(options.keys.iter().cloned()).collect(),
            runner: Runner::new(run_folder(&options)),
            wecom: Wecom::default(),
            options,
        }
    }

    pub(crate) fn context(&self, caller: Caller) -> Context {
        Context {
            now_ms: now_ms(),
            caller,
            base_url: self.base_url.clone(),
            settle_ms: i64::try_from(self.options.settle.as_millis()).unwrap_or(i64::MAX / 4),
            quotas: self.options.quotas,
            hold: None,
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(self: &Arc<Self>, request: &Request<'_>) -> (Answer, Delivery) {
        if !self.options.latency.is_zero() {
            tokio::time::sleep(self.options.latency).await;
        }
        let incoming = request::common(request.method, request.query, request.headers);
        let (service, answer, delivery) = match self.admit(request, &incoming) {
            Ok((call, caller)) => {
                let service = call.service.clone();
                let (answer, delivery) = self.play(call, caller).await;
                (service, answer, delivery)
            }
            Err((service, refusal)) => (service, Err(refusal), Delivery::default()),
        };
        let outcome = delivery.outcome().unwrap_or_else(|| match &answer {
            Ok(_) => "ok".to_owned(),
            Err(refusal) => refusal.code.to_string(),
        });
        self.calls.note(CallSeen { service, action: incoming.action, region: incoming.region, outcome });
        (answer, delivery)
    }

    /// Everything that is checked before a call counts as made.
    fn admit(&self, request: &Request<'_>, incoming: &Incoming) -> Result<(Call, Caller), (String, Refusal)> {
        let unknown = |refusal| (String::new(), refusal);
        let signed = Signed {
            method: request.method,
            paths: &["/"],
            query: request.query,
            headers: request.headers,
            body: request.body,
            action: &incoming.action,
        };
        let verified = verify(&signed, self, now_ms() / 1000).map_err(unknown)?;
        let service = verified.service;
        let refused = |refusal| (service.clone(), refusal);
        if incoming.action.is_empty() {
            return Err(refused(Refusal::new("MissingParameter", "the request lacks the common parameter `Action`")));
        }
        let given = request::members(incoming.source, request.query, request.body).map_err(refused)?;
        let members = definition::check(&service, &incoming.version, &incoming.action, incoming.source, given)
            .map_err(refused)?;
        if self.options.rates {
            lock(&self.rates).admit(&service, &incoming.action, now_ms()).map_err(refused)?;
        }
        let call = Call { service, action: incoming.action.clone(), region: incoming.region.clone(), members };
        Ok((call, verified.caller))
    }

    /// Carries a call out with whatever faults apply to it.
    async fn play(self: &Arc<Self>, mut call: Call, caller: Caller) -> (Answer, Delivery) {
        let mut context = self.context(caller);
        let mut delivery = Delivery::default();
        let (mut stale, mut times) = (false, 1);
        let mut refused_after = None;
        let mut rewrites = Vec::new();
        for effect in self.effects(&call) {
            match delivery.take(effect) {
                Some(Effect::Refuse { code, message }) => return (refuse(code, message), delivery),
                Some(Effect::RefuseAfter { code, message }) => refused_after = Some(Refusal::new(code, message)),
                Some(Effect::Throttle) => {
                    let message = format!("action {} is limited; try again later", call.action);
                    return (refuse("RequestLimitExceeded", message), delivery);
                }
                Some(Effect::Rewrite { set, remove }) => rewrites.push((set, remove)),
                Some(Effect::Twice) => times = 2,
                Some(Effect::Delay { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
                Some(Effect::Stale) => stale = true,
                Some(Effect::StayPending { reads, ms }) => context.hold = Some(Hold { reads, ms }),
                Some(Effect::Ignore { members }) => call.members.retain(|member, _| !members.contains(member)),
                Some(_) | None => {}
            }
        }
        if delivery.undone {
            return (Ok(Map::new()), delivery);
        }
        let mut answer = Ok(Map::new());
        for _ in 0..times {
            context.now_ms = now_ms();
            answer = self.carry_out_as_of(&call, &context, stale).await;
        }
        if let Ok(members) = &mut answer {
            for (set, remove) in rewrites {
                delivery::rewrite(members, set, &remove);
            }
        }
        (refused_after.map_or(answer, Err), delivery)
    }

    /// Plays other faults from now on; none with `None`.
    pub(crate) fn set_faults(&self, faults: Option<Faults>) {
        *lock(&self.faults) = faults.map(FaultPlayer::new);
    }

    /// Carries a call out, on the state before the latest write if it is to be stale.
    async fn carry_out_as_of(self: &Arc<Self>, call: &Call, context: &Context, stale: bool) -> Answer {
        if stale {
            let mut previous = lock(&self.previous);
            let mut copy = previous.clone().unwrap_or_else(|| lock(&self.state).clone());
            let answer = copy.execute(call, context);
            *previous = Some(copy);
            return answer;
        }
        if runner::is_about_runs(call) {
            return self.about_runs(call, context).await;
        }
        self.carry_out(call, context).await
    }

    pub(crate) fn effects(&self, call: &Call) -> Vec<Effect> {
        let faults = lock(&self.faults);
        let Some(faults) = &*faults else { return Vec::new() };
        let name = ["FunctionName", "RoleName", "AttachRoleName"]
            .into_iter()
            .find_map(|member| call.members.get(member).and_then(Value::as_str))
            .unwrap_or_default();
        faults.effects(&Picked { service: &call.service, action: &call.action, region: &call.region, name })
    }

    async fn carry_out(&self, call: &Call, context: &Context) -> Answer {
        self.change(|state| {
            if is_write(&call.action) && lock(&self.faults).as_ref().is_some_and(FaultPlayer::plays_stale) {
                *lock(&self.previous) = Some(state.clone());
            }
            state.execute(call, context)
        })
        .await
        .unwrap_or_else(|| refuse("InternalError", "the store did not take the change"))
    }

    /// Changes the state and waits until the change is stored. `None` when the store failed.
    pub(crate) async fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        let (result, stored) = {
            let mut state = lock(&self.state);
            let result = change(&mut state);
            let store = lock(&self.store);
            let writes = state.take_changes(store.is_some());
            // Queued under the state's lock, so that changes reach the store in their order.
            let stored = store.as_ref().filter(|_| !writes.is_empty()).map(|store| store.write(writes));
            (result, stored)
        };
        match stored {
            Some(stored) => stored.await.unwrap_or(false).then_some(result),
            None => Some(result),
        }
    }

    /// Delivers an event of MPS to the function that holds its type, as an asynchronous invocation.
    pub(crate) async fn deliver_mps(self: &Arc<Self>, event: &Value) -> Result<String, Refusal> {
        let kind = event["EventType"].as_str().unwrap_or_default();
        let holder = self.look(|state| state.holder(kind).map(|(_, binding)| binding.clone()));
        let Some(holder) = holder else {
            return refuse("ResourceNotFound", format!("no function is bound to the event type `{kind}`"));
        };
        let address = runner::Address {
            region: &holder.region,
            namespace: &holder.namespace,
            function: &holder.function,
            qualifier: &holder.qualifier,
        };
        self.accept(&address, event.to_string().into()).await
    }

    /// Looks at the state.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Stops what runs and closes the store: what was queued is written, then the file is free for others.
    pub(crate) fn close(&self) {
        self.runner.stop();
        drop(lock(&self.store).take());
    }
}

impl KeyRing for Cloud {
    fn key(&self, id: &str) -> Option<Key> {
        match self.keys.get(id) {
            Some(secret) => Some(Key { secret: secret.clone(), token: None, caller: Caller::Owner }),
            None => lock(&self.state).key(id),
        }
    }
}

/// Beside the store, or a folder of its own among the system's temporary ones. Absolute: processes start
/// elsewhere, and are found by it.
pub(crate) fn run_folder(options: &Options) -> PathBuf {
    match &options.data {
        Some(data) => std::path::absolute(data).unwrap_or_else(|_| data.clone()).join("run"),
        None => std::env::temp_dir().join(format!("local-cloud-{}", uuid())),
    }
}

fn is_write(action: &str) -> bool {
    !["Get", "List", "Describe"].iter().any(|start| action.starts_with(start))
}
