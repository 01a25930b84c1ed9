//! A cloud in memory that carries out [`Step`]s one by one and refuses what the platform refuses: what is there
//! already cannot be made, what is missing cannot be used, what is in use cannot go. Order is therefore tested
//! by every plan that runs here. It keeps tags and descriptions as sent and knows nothing of stacks.

use std::collections::{BTreeMap, BTreeSet};

use plan::desired::Stack;
use plan::mark::{self, Mark, STACK_TAG};
use plan::observed::{
    FunctionKey, Holder, Observed, ObservedFunction, ObservedNamespace, ObservedPolicy, ObservedRole, Status,
};
use plan::plan::Plan;
use plan::progress::{Outcome, Progress};
use plan::resource::function::{AsyncConfig, Code, CodeSource, Function, ServedImage, Setting};
use plan::resource::namespace::Namespace;
use plan::resource::policy::Policy;
use plan::resource::role::Role;
use plan::resource::tags::Tags;
use plan::resource::trigger::{RawTrigger, Spec, Trigger};
use plan::step::{Member, PolicyRef, Step};

/// Why a step was refused.
pub(crate) type Refusal = String;

/// A function as the cloud keeps it.
#[derive(Clone, PartialEq)]
pub(crate) struct CloudFunction {
    pub(crate) function: Function,
    pub(crate) mark: Option<Mark>,
    pub(crate) code: Code,
    pub(crate) triggers: Vec<RawTrigger>,
    /// What reading it does not give.
    pub(crate) not_given: Vec<Setting>,
}

/// Everything that an account holds. Equal clouds hold equal objects; ids do not count.
#[derive(Clone, Default)]
pub(crate) struct Cloud {
    pub(crate) policies: BTreeMap<String, (u64, Policy)>,
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) namespaces: BTreeMap<(String, String), (Namespace, Option<Mark>)>,
    pub(crate) functions: BTreeMap<FunctionKey, CloudFunction>,
    next_id: u64,
}

impl PartialEq for Cloud {
    fn eq(&self, other: &Self) -> bool {
        self.differences(other).is_empty()
    }
}

impl Cloud {
    /// Names of the objects that are not equal, for messages.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        fn of<K: Ord + Clone, V: PartialEq>(
            a: &BTreeMap<K, V>,
            b: &BTreeMap<K, V>,
            name: impl Fn(&K) -> String,
        ) -> Vec<String> {
            let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
            keys.into_iter().filter(|k| a.get(*k) != b.get(*k)).map(name).collect()
        }
        let policies = |c: &Self| c.policies.iter().map(|(n, (_, p))| (n.clone(), p.clone())).collect();
        let functions = |c: &Self| {
            let sorted = |mut f: CloudFunction| {
                f.triggers.sort_by(|a, b| (&a.kind, &a.name, &a.desc).cmp(&(&b.kind, &b.name, &b.desc)));
                f
            };
            c.functions.iter().map(|(k, f)| (k.clone(), sorted(f.clone()))).collect::<BTreeMap<_, _>>()
        };
        let mut all = of(&policies(self), &policies(other), |n| format!("policy {n}"));
        all.extend(of(&self.roles, &other.roles, |n| format!("role {n}")));
        all.extend(of(&self.namespaces, &other.namespaces, |(r, n)| format!("namespace {r}/{n}")));
        all.extend(of(&functions(self), &functions(other), |k| format!("function {k}")));
        all
    }

    /// What reading this cloud for a stack yields: what it declares, and what carries its mark.
    pub(crate) fn observe(&self, stack: &Stack) -> Observed {
        let mut observed = Observed { account: "100000000001".into(), ..Observed::default() };
        let owned = |tags: &Tags| tags.get(STACK_TAG) == Some(&stack.name);
        for declared in &stack.policies {
            observed.policies.insert(declared.name.clone(), None);
        }
        for (name, (id, policy)) in &self.policies {
            if observed.policies.contains_key(name) || owned(&policy.tags) {
                observed.policies.insert(name.clone(), Some(ObservedPolicy { id: *id, policy: policy.clone() }));
            }
        }
        for declared in &stack.roles {
            observed.roles.insert(declared.name.clone(), None);
        }
        for (name, role) in &self.roles {
            if observed.roles.contains_key(name) || owned(&role.tags) {
                let id = |policy: &String| self.policies.get(policy).map_or(1, |(id, _)| *id);
                let attached = role.policies.iter().map(|p| (p.clone(), id(p))).collect();
                let present = ObservedRole { id: name.clone(), role: role.clone(), attached };
                observed.roles.insert(name.clone(), Some(present));
            }
        }
        for declared in &stack.namespaces {
            observed.namespaces.insert((declared.region.clone(), declared.name.clone()), None);
        }
        for (key, (namespace, mark)) in &self.namespaces {
            let identity = mark::identity(&stack.name, &key.0, &key.1, "");
            if observed.namespaces.contains_key(key) || mark.as_ref().is_some_and(|m| m.identity == identity) {
                let is_other = |(k, f): &(&FunctionKey, &CloudFunction)| {
                    let identity = mark::identity(&stack.name, &k.region, &k.namespace, &k.name);
                    let ownership = mark::ownership(&stack.name, &f.function.tags, f.mark.as_ref(), Some(&identity));
                    (&k.region, &k.namespace) == (&key.0, &key.1) && !matches!(ownership, mark::Ownership::Ours { .. })
                };
                let others = self.functions.iter().filter(is_other).count();
                let present = ObservedNamespace { namespace: namespace.clone(), mark: mark.clone(), others };
                observed.namespaces.insert(key.clone(), Some(present));
            }
        }
        for declared in &stack.functions {
            observed.functions.insert(declared.key.clone(), None);
        }
        for (key, present) in &self.functions {
            let identity = mark::identity(&stack.name, &key.region, &key.namespace, &key.name);
            let marked = present.mark.as_ref().is_some_and(|m| m.identity == identity);
            if observed.functions.contains_key(key) || marked || owned(&present.function.tags) {
                observed.functions.insert(key.clone(), Some(Box::new(self.observed_function(stack, key, present))));
            }
        }
        observed
    }

    fn observed_function(&self, stack: &Stack, key: &FunctionKey, present: &CloudFunction) -> ObservedFunction {
        let mut function = present.function.clone();
        // Read only where declared, as the command line does.
        if !stack.functions.iter().any(|f| f.key == *key && f.function.asynchronous.is_some()) {
            function.asynchronous = None;
        }
        let image = match &present.code.source {
            CodeSource::Image(image) => Some(Box::new(ServedImage {
                uri: image.uri.clone(),
                command: Some(image.command.clone().unwrap_or_default()),
                args: Some(image.args.clone().unwrap_or_default()),
                port: image.port,
                accelerate: Some(image.accelerate),
            })),
            CodeSource::Package | CodeSource::Cos(_) | CodeSource::Demo(_) => None,
        };
        ObservedFunction {
            function: function.into(),
            mark: present.mark.clone(),
            status: Status::Active,
            not_given: present.not_given.clone(),
            image,
            triggers: present.triggers.clone(),
        }
    }

    /// Reads and plans, asking for holders of MPS event types where the planner does.
    pub(crate) fn plan(&self, stack: &Stack) -> Plan {
        let mut observed = self.observe(stack);
        let plan = plan::plan(stack, &observed);
        if plan.wanted_holders.is_empty() {
            return plan;
        }
        observed.holders = Some(plan.wanted_holders.iter().map(|e| (e.clone(), self.holder(e))).collect());
        plan::plan(stack, &observed)
    }

    fn holder(&self, event: &str) -> Holder {
        let bound = |t: &&RawTrigger| t.kind == "mps" && !t.unbound && t.normal_form().key().key == event;
        self.functions
            .iter()
            .find_map(|(key, f)| Some(Holder::Function(key.clone(), f.triggers.iter().find(bound)?.clone())))
            .unwrap_or(Holder::Nobody)
    }

    /// Applies a plan as `provision` does: whatever may start has started, and `choose` says which of the running
    /// changes sends its next step. Ends after `limit` steps. Returns how many were carried out.
    pub(crate) fn apply(
        &mut self,
        plan: &Plan,
        limit: usize,
        mut choose: impl FnMut(usize) -> usize,
    ) -> Result<usize, Refusal> {
        let mut progress = Progress::new(plan);
        let mut running: Vec<(usize, usize)> = Vec::new();
        let mut done = 0;
        loop {
            running.extend(progress.start_ready().into_iter().map(|change| (change, 0)));
            if running.is_empty() {
                break;
            }
            let picked = choose(running.len()) % running.len();
            let (change, at) = running[picked];
            if let Some(step) = plan.changes[change].steps.get(at) {
                if done == limit {
                    return Ok(done);
                }
                self.execute(step)
                    .map_err(|why| format!("{} of {}: {why}", step.action(), plan.changes[change].address))?;
                done += 1;
                running[picked].1 += 1;
            } else {
                progress.finish(change, Outcome::Applied);
                running.remove(picked);
            }
        }
        assert!(progress.is_over(), "changes wait for each other");
        Ok(done)
    }

    /// Applies a plan in its own order, to its end.
    pub(crate) fn apply_all(&mut self, plan: &Plan) -> Result<(), Refusal> {
        self.apply(plan, usize::MAX, |_| 0).map(drop)
    }

    /// Carries out one step.
    pub(crate) fn execute(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::CreateRole { name, description, trust, session_duration, console_login, tags } => {
                let role = Role {
                    description: description.clone(),
                    trust: trust.clone(),
                    policies: BTreeSet::new(),
                    session_duration: session_duration.or(Some(7200)),
                    console_login: console_login.or(Some(false)),
                    tags: tags.clone(),
                };
                absent(self.roles.insert(name.clone(), role).is_some(), "the role exists")
            }
            Step::UpdateRoleDescription { name, description } => {
                self.role(name)?.description.clone_from(description);
                Ok(())
            }
            Step::UpdateAssumeRolePolicy { name, trust } => {
                self.role(name)?.trust = trust.clone();
                Ok(())
            }
            Step::UpdateRoleSessionDuration { name, seconds } => {
                self.role(name)?.session_duration = Some(*seconds);
                Ok(())
            }
            Step::UpdateRoleConsoleLogin { name, allowed } => {
                self.role(name)?.console_login = Some(*allowed);
                Ok(())
            }
            Step::TagRole { name, tags } => {
                self.role(name)?.tags.extend(tags.clone());
                Ok(())
            }
            Step::UntagRole { name, keys } => {
                self.role(name)?.tags.retain(|k, _| !keys.contains(k));
                Ok(())
            }
            Step::AttachRolePolicy { role, policy } => {
                if let PolicyRef::Custom(name) = policy
                    && !self.policies.contains_key(name)
                {
                    return Err(format!("there is no policy {name}"));
                }
                self.role(role)?.policies.insert(policy.name().to_owned());
                Ok(())
            }
            Step::DetachRolePolicy { role, policy } => {
                // By name only presets are found.
                let own = self.policies.get(policy.name()).map_or(1, |(id, _)| *id);
                let found = match policy {
                    PolicyRef::Preset(name) => !self.policies.contains_key(name),
                    PolicyRef::Custom(_) => true,
                    PolicyRef::Attached { id, .. } => *id == own,
                };
                absent(!found, "no such policy")?;
                self.role(role)?.policies.remove(policy.name());
                Ok(())
            }
            Step::DeleteRole { name } => {
                let role = self.role(name)?;
                absent(!role.policies.is_empty(), "policies are attached")?;
                absent(self.functions.values().any(|f| &f.function.role == name), "functions use it")?;
                self.roles.remove(name);
                Ok(())
            }
            Step::CreatePolicy { name, description, document, tags } => {
                self.next_id += 1;
                let policy =
                    Policy { description: description.clone(), document: document.clone(), tags: tags.clone() };
                absent(self.policies.insert(name.clone(), (self.next_id, policy)).is_some(), "the policy exists")
            }
            Step::UpdatePolicy { id, description, document, .. } => {
                let policy = self.policy(*id)?;
                policy.description.clone_from(description);
                policy.document = document.clone();
                Ok(())
            }
            Step::TagPolicy { id, tags } => {
                self.policy(*id)?.tags.extend(tags.clone());
                Ok(())
            }
            Step::UntagPolicy { id, keys } => {
                self.policy(*id)?.tags.retain(|k, _| !keys.contains(k));
                Ok(())
            }
            Step::DeletePolicy { id, name } => {
                self.policy(*id)?;
                absent(self.roles.values().any(|r| r.policies.contains(name)), "it is attached")?;
                self.policies.remove(name);
                Ok(())
            }
            Step::CreateNamespace { region, name, description } => {
                let (description, mark) = mark::split(description);
                let before = self.namespaces.insert((region.clone(), name.clone()), (Namespace { description }, mark));
                absent(before.is_some(), "the namespace exists")
            }
            Step::UpdateNamespace { region, name, description } => {
                let (description, mark) = mark::split(description);
                match self.namespaces.get_mut(&(region.clone(), name.clone())) {
                    Some(present) => *present = (Namespace { description }, mark),
                    None => return Err("there is no such namespace".into()),
                }
                Ok(())
            }
            Step::DeleteNamespace { region, name } => {
                let used = self.functions.keys().any(|k| &k.region == region && &k.namespace == name);
                absent(used, "functions are in it")?;
                let gone = self.namespaces.remove(&(region.clone(), name.clone()));
                absent(gone.is_none(), "there is no such namespace")
            }
            _ => self.execute_on_function(step),
        }
    }

    fn execute_on_function(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::CreateFunction { key, function, code, description, tags } => {
                absent(self.functions.contains_key(key), "the function exists")?;
                let place = (key.region.clone(), key.namespace.clone());
                absent(key.namespace != "default" && !self.namespaces.contains_key(&place), "there is no namespace")?;
                self.role_exists(&function.role)?;
                let (description, mark) = mark::split(description);
                let function = Function {
                    description,
                    tags: tags.clone(),
                    init_timeout: function.init_timeout.or(Some(65)),
                    reserved_concurrency: None,
                    asynchronous: Some(AsyncConfig { retries: 2, max_age: 21_600 }),
                    protect: false,
                    ..(**function).clone()
                };
                let made =
                    CloudFunction { function, mark, code: code.clone(), triggers: Vec::new(), not_given: Vec::new() };
                self.functions.insert(key.clone(), made);
                Ok(())
            }
            Step::UpdateFunctionCode { key, code, handler, .. } => {
                let present = self.function(key)?;
                present.code = code.clone();
                present.function.handler.clone_from(handler);
                Ok(())
            }
            Step::UpdateFunctionConfiguration { key, members, function, description } => {
                if members.contains(&Member::Role) {
                    self.role_exists(&function.role)?;
                }
                let present = self.function(key)?;
                for member in members {
                    configure(present, *member, function, description);
                }
                Ok(())
            }
            Step::PutReservedConcurrency { key, megabytes } => {
                self.function(key)?.function.reserved_concurrency = Some(*megabytes);
                Ok(())
            }
            Step::DeleteReservedConcurrency { key } => {
                self.function(key)?.function.reserved_concurrency = None;
                Ok(())
            }
            Step::UpdateEventInvokeConfig { key, retries, max_age } => {
                self.function(key)?.function.asynchronous = Some(AsyncConfig { retries: *retries, max_age: *max_age });
                Ok(())
            }
            Step::TagFunction { key, tags } => {
                self.function(key)?.function.tags.extend(tags.clone());
                Ok(())
            }
            Step::UntagFunction { key, keys } => {
                self.function(key)?.function.tags.retain(|k, _| !keys.contains(k));
                Ok(())
            }
            Step::DeleteFunction { key } => {
                absent(!self.function(key)?.triggers.is_empty(), "it has triggers, which would go on firing")?;
                self.functions.remove(key);
                Ok(())
            }
            Step::CreateTrigger { key, trigger, description } => {
                let raw = listed(trigger, description.as_deref());
                self.add_trigger(key, raw)
            }
            Step::BindTrigger { key, event, qualifier } => {
                if let Holder::Function(holder, _) = self.holder(event) {
                    return Err(format!("the event type is bound to {holder}"));
                }
                let raw = RawTrigger {
                    kind: "mps".into(),
                    name: format!("{event}Event"),
                    enabled: true,
                    qualifier: qualifier.clone(),
                    resource_id: format!("qcs::mps:{}:uin/100000000001:TriggerType/{event}Event", key.region),
                    ..RawTrigger::default()
                };
                self.function(key)?.triggers.retain(|t| !(t.unbound && t.name == raw.name));
                self.add_trigger(key, raw)
            }
            Step::UpdateTrigger { key, present, trigger, description } => {
                let updated = RawTrigger { name: present.name.clone(), ..listed(trigger, description.as_deref()) };
                *self.trigger(key, present)? = updated;
                Ok(())
            }
            Step::UpdateTriggerStatus { key, present, enabled } => {
                self.trigger(key, present)?.enabled = *enabled;
                Ok(())
            }
            Step::DeleteTrigger { key, present } | Step::UnbindTrigger { key, present } => {
                self.trigger(key, present)?;
                self.function(key)?.triggers.retain(|t| !same_trigger(t, present));
                Ok(())
            }
            other => unreachable!("{} is no step of functions", other.action()),
        }
    }

    fn role(&mut self, name: &str) -> Result<&mut Role, Refusal> {
        self.roles.get_mut(name).ok_or_else(|| format!("there is no role {name}"))
    }

    fn role_exists(&mut self, name: &str) -> Result<(), Refusal> {
        if name.is_empty() { Ok(()) } else { self.role(name).map(drop) }
    }

    fn policy(&mut self, id: u64) -> Result<&mut Policy, Refusal> {
        self.policies.values_mut().find(|(i, _)| *i == id).map(|(_, p)| p).ok_or_else(|| "there is no policy".into())
    }

    fn function(&mut self, key: &FunctionKey) -> Result<&mut CloudFunction, Refusal> {
        self.functions.get_mut(key).ok_or_else(|| format!("there is no function {key}"))
    }

    fn trigger(&mut self, key: &FunctionKey, wanted: &RawTrigger) -> Result<&mut RawTrigger, Refusal> {
        self.function(key)?
            .triggers
            .iter_mut()
            .find(|t| same_trigger(t, wanted))
            .ok_or_else(|| "there is no such trigger".into())
    }

    /// Adds a trigger unless its place is taken: one per name and type, one per bucket and event, one URL a qualifier.
    pub(crate) fn add_trigger(&mut self, key: &FunctionKey, raw: RawTrigger) -> Result<(), Refusal> {
        let present = self.function(key)?;
        let place = |t: &RawTrigger| match t.normal_form().spec {
            Spec::Http { .. } => format!("http {}", t.qualifier),
            Spec::Cos { domain, events, .. } => format!("cos {domain} {events}"),
            Spec::Mps { .. } | Spec::Timer { .. } | Spec::Ckafka { .. } | Spec::Raw { .. } => {
                format!("{} {}", t.kind, t.name)
            }
        };
        absent(present.triggers.iter().any(|t| place(t) == place(&raw)), "the trigger's place is taken")?;
        present.triggers.push(raw);
        Ok(())
    }
}

fn absent(present: bool, refusal: &str) -> Result<(), Refusal> {
    if present { Err(refusal.to_owned()) } else { Ok(()) }
}

fn same_trigger(a: &RawTrigger, b: &RawTrigger) -> bool {
    (&a.kind, &a.name, &a.qualifier, &a.desc) == (&b.kind, &b.name, &b.qualifier, &b.desc)
}

/// A trigger as the service lists it after it was sent.
fn listed(trigger: &Trigger, description: Option<&str>) -> RawTrigger {
    RawTrigger {
        kind: trigger.kind().to_owned(),
        name: trigger.platform_name(),
        desc: trigger.wire_desc(),
        enabled: trigger.enabled,
        qualifier: trigger.qualifier.clone(),
        argument: trigger.argument().unwrap_or_default().to_owned(),
        description: description.unwrap_or_default().to_owned(),
        ..RawTrigger::default()
    }
}

fn configure(present: &mut CloudFunction, member: Member, sent: &Function, description: &str) {
    let now = &mut present.function;
    match member {
        Member::Description => {
            let (text, mark) = mark::split(description);
            now.description = text;
            present.mark = mark;
        }
        Member::Memory => now.memory = sent.memory,
        Member::Timeout => now.timeout = sent.timeout,
        Member::InitTimeout => now.init_timeout = sent.init_timeout,
        Member::Role => now.role.clone_from(&sent.role),
        Member::Environment => now.environment.clone_from(&sent.environment),
        Member::Vpc => now.vpc.clone_from(&sent.vpc),
        Member::PublicNet => (now.public_network, now.fixed_ip) = (sent.public_network, sent.fixed_ip),
        Member::Intranet => now.fixed_intranet_ip = sent.fixed_intranet_ip,
        Member::Layers => now.layers.clone_from(&sent.layers),
        Member::Log => now.log.clone_from(&sent.log),
        Member::DeadLetter => now.dead_letter.clone_from(&sent.dead_letter),
        Member::InstanceConcurrency => now.instance_concurrency = sent.instance_concurrency,
        Member::FileSystems => now.file_systems.clone_from(&sent.file_systems),
        Member::DnsCache => now.dns_cache = sent.dns_cache,
        Member::InstallDependency => now.install_dependencies = sent.install_dependencies,
        Member::Protocol => now.websocket = sent.websocket,
    }
}
