//! Resource addresses: the only way to refer to a resource in output, errors and tests.
//! `function.ID`, `trigger.ID.NAME`, `role.NAME`, `policy.NAME`, `namespace.NAME[@REGION]`, and the
//! bracketed forms for objects that no manifest declares.

use std::fmt;

/// The kinds of resources, in the order they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A custom CAM policy.
    Policy,
    /// A CAM role.
    Role,
    /// An SCF namespace.
    Namespace,
    /// An SCF function.
    Function,
    /// A trigger of a function.
    Trigger,
}

impl Kind {
    /// The word used in addresses.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Policy => "policy",
            Kind::Role => "role",
            Kind::Namespace => "namespace",
            Kind::Function => "function",
            Kind::Trigger => "trigger",
        }
    }
}

/// Names one resource of a stack, or one object of the cloud that the stack owns but no longer declares.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceAddress {
    kind: Kind,
    text: String,
}

impl ResourceAddress {
    /// `policy.NAME`.
    #[must_use]
    pub fn policy(name: &str) -> Self {
        Self::new(Kind::Policy, format!("policy.{name}"))
    }

    /// `role.NAME`.
    #[must_use]
    pub fn role(name: &str) -> Self {
        Self::new(Kind::Role, format!("role.{name}"))
    }

    /// `namespace.NAME`, with `@REGION` when the stack has it in several regions.
    #[must_use]
    pub fn namespace(name: &str, region: Option<&str>) -> Self {
        Self::new(
            Kind::Namespace,
            region.map_or_else(|| format!("namespace.{name}"), |r| format!("namespace.{name}@{r}")),
        )
    }

    /// `function.ID`.
    #[must_use]
    pub fn function(id: &str) -> Self {
        Self::new(Kind::Function, format!("function.{id}"))
    }

    /// `trigger.ID.NAME`.
    #[must_use]
    pub fn trigger(function: &str, name: &str) -> Self {
        Self::new(Kind::Trigger, format!("trigger.{function}.{name}"))
    }

    /// `policy[NAME]`: owned, no longer declared.
    #[must_use]
    pub fn undeclared_policy(name: &str) -> Self {
        Self::new(Kind::Policy, format!("policy[{name}]"))
    }

    /// `role[NAME]`: owned, no longer declared.
    #[must_use]
    pub fn undeclared_role(name: &str) -> Self {
        Self::new(Kind::Role, format!("role[{name}]"))
    }

    /// `namespace[REGION/NAME]`: owned, no longer declared.
    #[must_use]
    pub fn undeclared_namespace(region: &str, name: &str) -> Self {
        Self::new(Kind::Namespace, format!("namespace[{region}/{name}]"))
    }

    /// `function[REGION/NAMESPACE/NAME]`: owned, no longer declared.
    #[must_use]
    pub fn undeclared_function(region: &str, namespace: &str, name: &str) -> Self {
        Self::new(Kind::Function, format!("function[{region}/{namespace}/{name}]"))
    }

    /// `trigger.ID[TYPE/KEY]`, or `trigger[REGION/NAMESPACE/NAME][TYPE/KEY]` when its function is undeclared too.
    #[must_use]
    pub fn undeclared_trigger(function: &ResourceAddress, kind: &str, key: &str) -> Self {
        let rest = function.text.strip_prefix("function").unwrap_or(&function.text);
        Self::new(Kind::Trigger, format!("trigger{rest}[{kind}/{key}]"))
    }

    /// An object as pins name it; only ever used to key digests.
    pub(crate) fn pinned(text: &str) -> Self {
        Self::new(Kind::Function, text.to_owned())
    }

    fn new(kind: Kind, text: String) -> Self {
        Self { kind, text }
    }

    /// What kind of resource this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The printed form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The printed form of the function that a trigger belongs to.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        let rest = self.text.strip_prefix("trigger").filter(|_| self.kind == Kind::Trigger)?;
        let end = match rest.strip_prefix('[') {
            Some(inner) => inner.find(']')? + 2,
            None => rest.get(1..)?.find(['.', '['])? + 1,
        };
        Some(format!("function{}", rest.get(..end)?))
    }

    /// Whether `target` names this resource, or the function that a trigger belongs to.
    #[must_use]
    pub fn is_within(&self, target: &str) -> bool {
        self.text == target
            || target.strip_prefix("function").is_some_and(|rest| {
                self.kind == Kind::Trigger
                    && self
                        .text
                        .strip_prefix("trigger")
                        .and_then(|t| t.strip_prefix(rest))
                        .is_some_and(|t| t.starts_with(['.', '[']))
            })
    }
}

impl fmt::Display for ResourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for ResourceAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_target_takes_its_triggers_along_and_no_other_functions() {
        let trigger = ResourceAddress::trigger("web", "nightly");
        assert!(trigger.is_within("function.web"));
        assert!(trigger.is_within("trigger.web.nightly"));
        assert!(!ResourceAddress::trigger("web2", "nightly").is_within("function.web"));
        assert_eq!(trigger.owner().as_deref(), Some("function.web"));
        assert_eq!(
            ResourceAddress::undeclared_trigger(&ResourceAddress::function("web"), "timer", "t").owner().as_deref(),
            Some("function.web")
        );
        assert_eq!(ResourceAddress::function("web").owner(), None);
        let function = ResourceAddress::undeclared_function("ap-beijing", "default", "old");
        assert_eq!(
            ResourceAddress::undeclared_trigger(&function, "timer", "t").as_str(),
            "trigger[ap-beijing/default/old][timer/t]"
        );
        let undeclared = ResourceAddress::undeclared_trigger(&function, "timer", "t.u");
        assert_eq!(undeclared.owner().as_deref(), Some("function[ap-beijing/default/old]"));
    }
}
