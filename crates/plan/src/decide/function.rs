//! Functions: created, changed in place as far as the API can, else replaced; the description line is written last.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Context, claim, protected, tag_changes};
use crate::address::ResourceAddress;
use crate::attributes::{AttributeChange, Attributes, Side};
use crate::change::{Action, Cause, Decision, Made, differing};
use crate::desired::{CodeDeclaration, FunctionResource, identity};
use crate::diagnostic::{Code as DiagnosticCode, Diagnostic};
use crate::mark::{self, Mark, Ownership};
use crate::observed::{FunctionKey, ObservedFunction, Status, protects};
use crate::resource::Origin;
use crate::resource::function::{COMPARISON, Code, Function, FunctionType, IMMUTABLE, LEFT_ALONE};
use crate::resource::tags;
use crate::step::{Member, Step};

/// What is to be done about a declared function. Its code digest must have been set.
#[must_use]
pub fn function(context: Context<'_>, desired: &FunctionResource, observed: Option<&ObservedFunction>) -> Decision {
    let mut decision = decided(context, desired, observed);
    decision.findings.extend(observed.and_then(|observed| left_open(desired, observed)));
    decision
}

/// Tells what the manifest asks for and the platform does not tell of, for an edit of that changes nothing. A runtime that
/// goes without saying is not asked for.
fn left_open(desired: &FunctionResource, observed: &ObservedFunction) -> Option<Diagnostic> {
    if observed.not_given.is_empty() {
        return None;
    }
    let (wanted, defaults) = (desired.function.attributes(), Function::default().attributes());
    let implied = |path: &str| path == "runtime" && matches!(desired.code, CodeDeclaration::Image(_));
    let mut open: Vec<&str> =
        observed.not_given.iter().filter_map(|setting| setting.paths().first().copied()).collect();
    open.retain(|path| wanted.get(path) != defaults.get(path) && wanted.has(path) && !implied(path));
    let first = open.first()?;
    let message = format!("the platform does not tell {}: not compared, and left as it is", open.join(", "));
    let mut finding = Diagnostic::warning(DiagnosticCode::Incomplete, message).on(&desired.address);
    finding.span = desired.origin.span_of(first);
    Some(finding.help("if the manifest was edited there, compare it in the console"))
}

fn decided(context: Context<'_>, desired: &FunctionResource, observed: Option<&ObservedFunction>) -> Decision {
    let Some(code) = desired.code() else { return Decision::nothing() };
    let write = Write::new(context, desired, code);
    let Some(observed) = observed else {
        let mut decision = Decision::new(Action::Create, Cause::Unknown, super::ABSENT);
        decision.made = Some(write.made());
        decision.steps = write.create();
        return decision;
    };
    let ownership =
        mark::ownership(context.stack, &observed.function.tags, observed.mark.as_ref(), Some(&write.mark.identity));
    let what = format!("function `{}` in {}/{}", desired.key.name, desired.key.region, desired.key.namespace);
    let claimed = match claim(&ownership, &desired.adopt, context.stack, &desired.address, &desired.origin, &what) {
        Ok(claimed) => claimed,
        Err(finding) => return Decision::refused(finding),
    };
    if let Status::CreateFailed(why) = &observed.status {
        // Never deleted on the strength of `adopt` alone, nor against its protection.
        if !matches!(ownership, Ownership::Ours { .. }) || desired.function.protect || protects(&observed.function.tags)
        {
            return Decision::refused(protected(&desired.address, &desired.origin));
        }
        let mut decision = Decision::new(Action::Replace, Cause::Cloud, format!("its creation failed earlier: {why}"));
        decision.made = Some(write.made());
        decision.events_may_be_missed = !observed.triggers.is_empty();
        decision.steps = write.replace(observed);
        return decision;
    }

    let attributes = write.differences(context, observed, claimed);
    if attributes.is_empty() {
        return Decision::nothing();
    }
    let requires_replace: Vec<String> =
        attributes.iter().filter(|a| IMMUTABLE.contains(&&*a.path)).map(|a| a.path.clone().into_owned()).collect();
    let cause = cause(desired, observed, &write);
    if requires_replace.is_empty() {
        let mut decision = Decision::new(Action::Update, cause, differing(&attributes));
        decision.steps = write.update(context, observed, &attributes);
        decision.attributes = attributes;
        return decision;
    }
    if desired.function.protect || protects(&observed.function.tags) {
        return Decision::refused(protected(&desired.address, &desired.origin));
    }
    let them = if requires_replace.len() == 1 { "it" } else { "they" };
    let mut decision = Decision::new(
        Action::Replace,
        cause,
        format!(
            "{} cannot be changed in place; the function is down until {them} took effect",
            requires_replace.join(", ")
        ),
    );
    decision.requires_replace = requires_replace;
    decision.events_may_be_missed = true;
    decision.attributes = attributes;
    decision.steps = write.replace(observed);
    decision
}

/// What is to be done about a function that nobody declares any more. `None`: it is not ours.
#[must_use]
pub fn undeclared_function(
    context: Context<'_>,
    key: &FunctionKey,
    observed: &ObservedFunction,
) -> Option<(ResourceAddress, Decision, Origin)> {
    let identity = mark::identity(context.stack, &key.region, &key.namespace, &key.name);
    let Ownership::Ours { .. } =
        mark::ownership(context.stack, &observed.function.tags, observed.mark.as_ref(), Some(&identity))
    else {
        return None;
    };
    let undeclared = || ResourceAddress::undeclared_function(&key.region, &key.namespace, &key.name);
    let going = context.going(&identity::function(key), undeclared);
    if going.protect || protects(&observed.function.tags) {
        return Some(going.refused());
    }
    let mut decision = Decision::new(Action::Delete, Cause::Manifest, going.reason);
    decision.events_may_be_missed = !observed.triggers.is_empty();
    decision.steps = vec![Step::DeleteFunction { key: key.clone() }];
    Some((going.address, decision, going.origin))
}

/// Everything that writing one function needs.
struct Write<'a> {
    desired: &'a FunctionResource,
    code: Code,
    mark: Mark,
    description: String,
    tags: tags::Tags,
}

impl<'a> Write<'a> {
    fn new(context: Context<'_>, desired: &'a FunctionResource, code: Code) -> Self {
        let mark = Mark {
            identity: mark::identity(context.stack, &desired.key.region, &desired.key.namespace, &desired.key.name),
            code: Some(code.digest.clone()),
            configuration: Some(configuration_digest(desired, &desired.function, &BTreeSet::new())),
        };
        let description = mark::append(&desired.function.description, &mark);
        let tags = tags::marked(&desired.function.tags, context.stack, desired.function.protect);
        Self { desired, code, mark, description, tags }
    }

    fn made(&self) -> Made {
        Made::Function(Arc::clone(&self.desired.function), self.code.digest.as_str().into())
    }

    fn differences(
        &self,
        context: Context<'_>,
        observed: &ObservedFunction,
        claimed: Option<AttributeChange>,
    ) -> Vec<AttributeChange> {
        let mut attributes = Vec::new();
        let carried =
            observed.mark.as_ref().filter(|m| m.identity == self.mark.identity).and_then(|m| m.code.as_deref());
        // An image that is not given is not compared. Of a function that runs none at all the runtime tells.
        let image_drifted = match (&self.desired.code, &observed.image) {
            (CodeDeclaration::Image(image), Some(served)) => !image.is_served_by(served),
            _ => false,
        };
        if carried != Some(self.code.digest.as_str()) || image_drifted {
            let before = match carried {
                Some(mark::UNDER_WAY) => Some("an upload that did not come to its end"),
                Some(digest) if image_drifted && digest == self.code.digest => Some("changed"),
                carried => carried,
            };
            attributes.push(code_change(before, &self.code.digest));
        }
        let compared = comparable(self.desired, observed, context);
        attributes.extend(COMPARISON.diff(
            &self.desired.function.attributes(),
            &compared.attributes(),
            &self.desired.origin,
        ));
        attributes.extend(claimed);
        attributes
    }

    fn key(&self) -> FunctionKey {
        self.desired.key.clone()
    }

    fn create(&self) -> Vec<Step> {
        let mut steps = vec![Step::CreateFunction {
            key: self.key(),
            function: Arc::clone(&self.desired.function),
            code: self.code.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
        }];
        if let Some(megabytes) = self.desired.function.reserved_concurrency {
            steps.push(Step::PutReservedConcurrency { key: self.key(), megabytes });
        }
        if let Some(config) = self.desired.function.asynchronous {
            steps.push(Step::UpdateEventInvokeConfig {
                key: self.key(),
                retries: config.retries,
                max_age: config.max_age,
            });
        }
        steps
    }

    fn replace(&self, observed: &ObservedFunction) -> Vec<Step> {
        let mut triggers = observed.triggers.clone();
        triggers.sort_by(|a, b| (&a.kind, &a.name, &a.desc).cmp(&(&b.kind, &b.name, &b.desc)));
        let mut steps: Vec<Step> = triggers
            .into_iter()
            .map(|present| Step::DeleteTrigger { key: self.key(), present: Box::new(present) })
            .collect();
        steps.push(Step::DeleteFunction { key: self.key() });
        steps.extend(self.create());
        steps
    }

    /// Code first, settings next, the line last: a crash in between uploads again and forgets nothing. A line that says
    /// which code is there must not say so while another one comes, for whoever goes back to it would find nothing to do:
    /// before the code it is written without, and the settings go along.
    fn update(&self, context: Context<'_>, observed: &ObservedFunction, attributes: &[AttributeChange]) -> Vec<Step> {
        let differs = |path: &str| attributes.iter().any(|a| a.path == path);
        let function = &self.desired.function;
        let configure = |members: BTreeSet<Member>, description: String| Step::UpdateFunctionConfiguration {
            key: self.key(),
            members: members.into_iter().collect(),
            function: Arc::clone(function),
            description,
        };
        let mut members: BTreeSet<Member> = attributes.iter().filter_map(|a| Member::of(&a.path)).collect();
        let mut steps = Vec::new();
        let carried = observed.mark.as_ref().and_then(|m| m.code.as_deref());
        if differs("code") && carried.is_some_and(|code| code != mark::UNDER_WAY) {
            let under_way = Mark { code: Some(mark::UNDER_WAY.to_owned()), ..self.mark.clone() };
            members.insert(Member::Description);
            steps.push(configure(std::mem::take(&mut members), mark::append(&function.description, &under_way)));
            members.insert(Member::Description);
        }
        if differs("code") || differs("handler") {
            steps.push(Step::UpdateFunctionCode {
                key: self.key(),
                code: self.code.clone(),
                handler: function.handler.clone(),
                install_dependencies: function.install_dependencies,
            });
        }
        let (set, remove) = tag_changes(&self.tags, &observed.function.tags, context.ignore_tags);
        if !set.is_empty() {
            steps.push(Step::TagFunction { key: self.key(), tags: set });
        }
        if !remove.is_empty() {
            steps.push(Step::UntagFunction { key: self.key(), keys: remove });
        }
        if differs("reserved_concurrency") {
            steps.push(match function.reserved_concurrency {
                Some(megabytes) => Step::PutReservedConcurrency { key: self.key(), megabytes },
                None => Step::DeleteReservedConcurrency { key: self.key() },
            });
        }
        if let (true, Some(config)) = (attributes.iter().any(|a| a.path.starts_with("async.")), function.asynchronous) {
            steps.push(Step::UpdateEventInvokeConfig {
                key: self.key(),
                retries: config.retries,
                max_age: config.max_age,
            });
        }
        if observed.mark.as_ref() != Some(&self.mark) {
            members.insert(Member::Description);
        }
        if !members.is_empty() {
            steps.push(configure(members, self.description.clone()));
        }
        steps
    }
}

/// The attributes of a new function.
pub(super) fn created(function: &Function, code: &str, origin: &Origin) -> Vec<AttributeChange> {
    let mut attributes = vec![code_change(None, code)];
    attributes.extend(COMPARISON.created(&function.attributes(), &Function::default().attributes(), origin));
    attributes
}

fn code_change(before: Option<&str>, after: &str) -> AttributeChange {
    AttributeChange {
        path: "code".into(),
        before: Side { value: before.map_or(Json::Null, Json::from), guarded: false },
        after: Side { value: Json::from(after), guarded: false },
    }
}

/// Observed settings without what the platform or others added: ignored tags, a handler where none is used. What the
/// platform left open is as it is wanted.
fn comparable(desired: &FunctionResource, observed: &ObservedFunction, context: Context<'_>) -> Function {
    let present = &observed.function;
    let tags = context.ignore_tags.keep(&present.tags, &desired.function.tags);
    let mut compared = Function { tags, ..Function::clone(present) };
    compared.take(&observed.not_given, &desired.function);
    compared.protect = protects(&present.tags);
    let unused = desired.function.kind == FunctionType::Http || matches!(desired.code, CodeDeclaration::Image(_));
    if unused && present.handler.is_empty() {
        compared.handler.clone_from(&desired.function.handler);
    }
    compared
}

/// The digest A: the settings under management, without guarded values. `without` names attributes that are
/// left alone when omitted and that this digest pretends are omitted.
#[must_use]
pub fn configuration_digest(desired: &FunctionResource, function: &Function, without: &BTreeSet<&str>) -> String {
    let managed: BTreeSet<String> = desired
        .function
        .attributes()
        .iter()
        .map(|a| a.path.clone().into_owned())
        .filter(|p| !without.iter().any(|w| p == w || p.starts_with(&format!("{w}."))))
        .collect();
    let attributes: Attributes = function.attributes();
    let list = COMPARISON.digestible(&attributes, &managed, &desired.origin);
    mark::digest(
        list.iter()
            .flat_map(|(path, value)| [path.clone(), value.to_string()])
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    )
}

/// Who made the difference, told from the digest A that the last apply left (design section 5).
fn cause(desired: &FunctionResource, observed: &ObservedFunction, write: &Write<'_>) -> Cause {
    let Some(applied) = observed.mark.as_ref().filter(|m| m.identity == write.mark.identity) else {
        return Cause::Unknown;
    };
    let Some(configuration) = &applied.configuration else { return Cause::Unknown };
    let mut cleaned = Function::clone(&observed.function);
    cleaned.take(&observed.not_given, &desired.function);
    cleaned.tags.retain(|k, _| !k.starts_with("provision-"));
    cleaned.protect = protects(&observed.function.tags);
    if cleaned.handler.is_empty() {
        cleaned.handler.clone_from(&desired.function.handler);
    }
    // A declared attribute of the kind that is left alone when omitted may not have been declared last time,
    // and ignored tags may have come since: any reading that explains the digest is accepted.
    let explains = |function: &Function| {
        subsets().iter().any(|without| configuration_digest(desired, function, without) == *configuration)
    };
    let manifest_moved = !explains(&desired.function) || applied.code.as_deref() != Some(write.code.digest.as_str());
    let cloud_moved =
        !explains(&cleaned) && !explains(&Function { tags: desired.function.tags.clone(), ..cleaned.clone() });
    match (manifest_moved, cloud_moved) {
        (false, true) => Cause::Cloud,
        (true, false) => Cause::Manifest,
        (true, true) => Cause::Both,
        (false, false) => Cause::Unknown,
    }
}

fn subsets() -> Vec<BTreeSet<&'static str>> {
    (0..1u32 << LEFT_ALONE.len())
        .map(|bits| {
            LEFT_ALONE.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, name)| *name).collect()
        })
        .collect()
}
