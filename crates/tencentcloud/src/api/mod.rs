//! The actions of the services, typed, and named as the provider names them. Pure data: who sends them is
//! [`crate::Client`].
//!
//! Requests hold exactly the members of the official definition: required ones plain, the others `Option`, left out
//! when `None`. Answers are read tolerantly (`lenient`), but lack none of the members without which they would say
//! nothing. They hold what somebody reads and no more: a member that nobody asks for, spelled in a new way, must not make
//! an answer unreadable. `Debug` of a request shows its name only, since any text in it may be a secret.

#![allow(
    missing_docs,
    reason = "members carry the provider's names, which its reference explains; docs here are for traps"
)]

pub(crate) mod lenient;

pub mod cam;
pub mod mps;
pub mod scf;
pub mod sts;
pub mod tag;

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

/// A service of the provider, with the API version this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Functions.
    Scf,
    /// Roles and policies.
    Cam,
    /// Tags.
    Tag,
    /// Identities and temporary keys.
    Sts,
    /// Media processing.
    Mps,
    /// Objects, see [`crate::cos`].
    Cos,
}

impl Service {
    /// The short name: first label of the host, and part of the signature's scope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scf => "scf",
            Self::Cam => "cam",
            Self::Tag => "tag",
            Self::Sts => "sts",
            Self::Mps => "mps",
            Self::Cos => "cos",
        }
    }

    /// The API version; empty for COS, which has none.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Scf => "2018-04-16",
            Self::Cam => "2019-01-16",
            Self::Tag | Self::Sts => "2018-08-13",
            Self::Mps => "2019-06-12",
            Self::Cos => "",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What repeating an action does, which decides what may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Sets a state as a whole: doing it twice is doing it once.
    IdempotentWrite,
    /// Creates, deletes, attaches, invokes, or makes an object busy: never repeated while it is unknown whether it
    /// happened. The caller settles that by reading.
    Write,
}

/// A typed call: the request, and what it answers.
pub trait Action: Serialize + Send + Sync {
    /// The service it belongs to.
    const SERVICE: Service;
    /// The API version.
    const VERSION: &'static str = Self::SERVICE.version();
    /// The action's name.
    const NAME: &'static str;
    /// What repeating it does.
    const EFFECT: Effect;
    /// What it answers.
    type Response: DeserializeOwned + Send;
}

/// Defines a request and its [`Action`]: required members, then optional ones.
macro_rules! action {
    (
        $(#[$meta:meta])*
        $name:ident: $effect:ident -> $response:ty {
            $( $(#[$rm:meta])* $required:ident: $rt:ty, )*
        } optional {
            $( $(#[$om:meta])* $optional:ident: $ot:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $( $(#[$rm])* pub $required: $rt, )*
            $( $(#[$om])* #[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$ot>, )*
        }

        impl crate::api::Action for $name {
            const SERVICE: crate::api::Service = SERVICE;
            const NAME: &'static str = stringify!($name);
            const EFFECT: crate::api::Effect = crate::api::Effect::$effect;
            type Response = $response;
        }

        crate::api::opaque_debug!($name);
    };
}

/// Defines an object that requests and answers share: plain members (default when an answer lacks them), then
/// optional ones, then those that are only sent, which answers may spell as they like.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$rm:meta])* $plain:ident: $rt:ty, )*
        } optional {
            $( $(#[$om:meta])* $optional:ident: $ot:ty, )*
        } $( sent {
            $( $(#[$sm:meta])* $sent:ident: $st:ty, )*
        } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $(
                $(#[$rm])*
                #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
                pub $plain: $rt,
            )*
            $(
                $(#[$om])*
                #[serde(
                    default,
                    deserialize_with = "crate::api::lenient::defaulted",
                    skip_serializing_if = "Option::is_none"
                )]
                pub $optional: Option<$ot>,
            )*
            $( $(
                $(#[$sm])*
                #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
                pub $sent: Option<$st>,
            )* )?
        }

        crate::api::read_as_object!($name);
    };
}

/// Defines an answer: members without which it is unreadable, lists that may be missing, and optional members.
macro_rules! answer {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$rm:meta])* $required:ident: $rt:ty, )*
        } defaulted {
            $( $(#[$dm:meta])* $defaulted:ident: $dt:ty, )*
        } optional {
            $( $(#[$om:meta])* $optional:ident: $ot:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $( $(#[$rm])* #[serde(deserialize_with = "crate::api::lenient::required")] pub $required: $rt, )*
            $(
                $(#[$dm])*
                #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
                pub $defaulted: $dt,
            )*
            $(
                $(#[$om])*
                #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
                pub $optional: Option<$ot>,
            )*
            /// The provider's id of the call, for support requests.
            #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
            pub request_id: Option<String>,
        }
    };
}

/// Defines an object that only answers hold: as `answer`, inside others.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$rm:meta])* $required:ident: $rt:ty, )*
        } defaulted {
            $( $(#[$dm:meta])* $defaulted:ident: $dt:ty, )*
        } optional {
            $( $(#[$om:meta])* $optional:ident: $ot:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            $( $(#[$rm])* #[serde(deserialize_with = "crate::api::lenient::required")] pub $required: $rt, )*
            $(
                $(#[$dm])*
                #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
                pub $defaulted: $dt,
            )*
            $(
                $(#[$om])*
                #[serde(default, deserialize_with = "crate::api::lenient::defaulted")]
                pub $optional: Option<$ot>,
            )*
        }

        crate::api::read_as_object!($name);
    };
}

/// Lets an object stand inside others.
macro_rules! read_as_object {
    ($name:ident) => {
        impl crate::api::lenient::Lenient for $name {
            fn read(value: serde_json::Value) -> Result<Self, String> {
                serde_json::from_value(value).map_err(|error| error.to_string())
            }
        }
    };
}

/// A `Debug` that shows the type's name and none of its values.
macro_rules! opaque_debug {
    ($($name:ident),+ $(,)?) => {
        $(
            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name)).finish_non_exhaustive()
                }
            }
        )+
    };
}

pub(crate) use {action, answer, object, opaque_debug, read_as_object, row};

answer! {
    /// The answer of actions that only confirm.
    #[derive(Debug)]
    Done {
    } defaulted {
    } optional {
    }
}
