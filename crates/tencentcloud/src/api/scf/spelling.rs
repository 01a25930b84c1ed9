//! The three ways in which SCF spells yes and no. Requests must use the right one; answers mix them with numbers and
//! real booleans, so reading accepts them all.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::api::lenient::Lenient;

macro_rules! spelled {
    ($(#[$meta:meta])* $name:ident, $yes:literal, $no:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub bool);

        impl From<bool> for $name {
            fn from(value: bool) -> Self {
                Self(value)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(if self.0 { $yes } else { $no })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(deserializer)?;
                <Self as Lenient>::read(value).map_err(serde::de::Error::custom)
            }
        }

        impl Lenient for $name {
            fn read(value: Value) -> Result<Self, String> {
                bool::read(value).map(Self)
            }
        }
    };
}

spelled!(
    /// `"TRUE"` or `"FALSE"`.
    Flag, "TRUE", "FALSE"
);
spelled!(
    /// `"ENABLE"` or `"DISABLE"`: network settings.
    Switch, "ENABLE", "DISABLE"
);
spelled!(
    /// `"OPEN"` or `"CLOSE"` in requests, 1 or 0 in answers: triggers.
    Enabled, "OPEN", "CLOSE"
);
