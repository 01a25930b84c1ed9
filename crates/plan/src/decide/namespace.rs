//! Namespaces: owned through the line in their description, for they carry no tags.

use super::{Context, claim};
use crate::address::ResourceAddress;
use crate::change::{Action, Cause, Decision, differing};
use crate::desired::{NamespaceResource, identity};
use crate::diagnostic::{Code, Diagnostic};
use crate::mark::{self, Mark};
use crate::observed::ObservedNamespace;
use crate::resource::Origin;
use crate::resource::namespace::COMPARISON;
use crate::step::Step;

fn mark_of(context: Context<'_>, region: &str, name: &str) -> Mark {
    Mark { identity: mark::identity(context.stack, region, name, ""), code: None, configuration: None }
}

/// What is to be done about a declared namespace.
#[must_use]
pub fn namespace(context: Context<'_>, desired: &NamespaceResource, observed: Option<&ObservedNamespace>) -> Decision {
    let wanted = desired.namespace.attributes();
    let mark = mark_of(context, &desired.region, &desired.name);
    let description = mark::append(&desired.namespace.description, &mark);
    let (region, name) = (desired.region.clone(), desired.name.clone());
    let Some(observed) = observed else {
        let mut decision = Decision::new(Action::Create, Cause::Unknown, super::ABSENT);
        decision.attributes = COMPARISON.created(
            &wanted,
            &crate::resource::namespace::Namespace::default().attributes(),
            &desired.origin,
        );
        decision.steps = vec![Step::CreateNamespace { region, name, description }];
        return decision;
    };
    let ownership = mark::ownership(context.stack, &[].into(), observed.mark.as_ref(), Some(&mark.identity));
    // A namespace has no tag half; its line alone is the whole mark.
    let ownership = match ownership {
        mark::Ownership::Ours { line, .. } => mark::Ownership::Ours { tag: true, line },
        other => other,
    };
    let claimed = match claim(
        &ownership,
        &desired.adopt,
        context.stack,
        &desired.address,
        &desired.origin,
        &format!("namespace `{}` in {}", desired.name, desired.region),
    ) {
        Ok(claimed) => claimed,
        Err(finding) => return Decision::refused(finding),
    };
    let mut attributes = COMPARISON.diff(&wanted, &observed.namespace.attributes(), &desired.origin);
    attributes.extend(claimed);
    if attributes.is_empty() {
        return Decision::nothing();
    }
    let mut decision = Decision::new(Action::Update, Cause::Unknown, differing(&attributes));
    decision.attributes = attributes;
    decision.steps = vec![Step::UpdateNamespace { region, name, description }];
    decision
}

/// What is to be done about a namespace that nobody declares any more. `None`: it is not ours.
#[must_use]
pub fn undeclared_namespace(
    context: Context<'_>,
    region: &str,
    name: &str,
    observed: &ObservedNamespace,
) -> Option<(ResourceAddress, Decision, Origin)> {
    let mark = mark_of(context, region, name);
    if observed.mark.as_ref().is_none_or(|m| m.identity != mark.identity) {
        return None;
    }
    let going =
        context.going(&identity::namespace(region, name), || ResourceAddress::undeclared_namespace(region, name));
    if observed.others > 0 {
        // The service would refuse to delete it, each time anew, until they are gone.
        let (count, are) =
            (observed.others, if observed.others == 1 { "function of others is" } else { "functions of others are" });
        let message = format!("namespace `{name}` in {region} is {}, and stays: {count} {are} in it", going.reason);
        let mut finding = Diagnostic::warning(Code::SharedNamespace, message).on(&going.address);
        finding.span = going.origin.span;
        let mut decision = Decision::nothing();
        decision.findings.push(finding.help("it goes with the first apply after they are gone"));
        return Some((going.address, decision, going.origin));
    }
    let mut decision = Decision::new(Action::Delete, Cause::Manifest, going.reason);
    decision.steps = vec![Step::DeleteNamespace { region: region.to_owned(), name: name.to_owned() }];
    Some((going.address, decision, going.origin))
}
