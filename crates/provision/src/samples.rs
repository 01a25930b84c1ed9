//! Sample events, one per trigger type and per kind of MPS task. Every id, bucket and path in them is invented.

use serde_json::Value as Json;

/// A sample: its name, the trigger type it belongs to, and its text.
pub(crate) struct Sample {
    /// As typed on the command line.
    pub(crate) name: &'static str,
    /// `mps`, `timer`, `cos`, `ckafka` or `http`.
    pub(crate) trigger: &'static str,
    text: &'static str,
}

macro_rules! samples {
    ($($name:literal $trigger:literal;)*) => {
        /// Every sample.
        pub(crate) const ALL: &[Sample] = &[$(Sample { name: $name, trigger: $trigger, text: include_str!(concat!("../samples/", $name, ".json")) }),*];
    };
}

samples! {
    "mps-workflow" "mps";
    "mps-workflow-success" "mps";
    "mps-workflow-failed" "mps";
    "mps-workflow-processing" "mps";
    "mps-edit" "mps";
    "mps-edit-failed" "mps";
    "mps-schedule" "mps";
    "mps-batch" "mps";
    "mps-watermark" "mps";
    "timer" "timer";
    "cos" "cos";
    "ckafka" "ckafka";
    "http" "http";
}

impl Sample {
    /// The event.
    pub(crate) fn event(&self) -> Json {
        serde_json::from_str(self.text).unwrap_or(Json::Null)
    }
}

/// Sets `path` (`a.b[0].c`, or `a.b.0.c`) to `value`, which is JSON if it reads as JSON and text otherwise.
/// Missing members are made; an index may name the element after the last.
pub(crate) fn set(event: &mut Json, path: &str, value: &str) -> Result<(), String> {
    let value: Json = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
    let normal = path.replace('[', ".").replace(']', "");
    let mut place = event;
    for part in normal.split('.').filter(|p| !p.is_empty()) {
        place = match place {
            Json::Array(items) => {
                let index: usize = part.parse().map_err(|_| format!("`{part}` in `{path}` is no index of a list"))?;
                if index == items.len() {
                    items.push(Json::Null);
                }
                let length = items.len();
                items.get_mut(index).ok_or_else(|| format!("`{path}`: the list has {length} elements"))?
            }
            Json::Object(_) | Json::Null => {
                if place.is_null() {
                    *place = Json::Object(serde_json::Map::new());
                }
                let Json::Object(members) = place else { return Err(format!("`{path}` cannot be set")) };
                members.entry(part.to_owned()).or_insert(Json::Null)
            }
            _ => return Err(format!("`{part}` in `{path}` is inside a value that holds nothing")),
        };
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_an_event() {
        for sample in ALL {
            assert!(sample.event().is_object(), "{}", sample.name);
        }
    }

    #[test]
    fn members_are_set_by_path() {
        let mut event = serde_json::json!({"a": {"b": [1, {"c": 2}]}});
        set(&mut event, "a.b[1].c", "3").unwrap();
        set(&mut event, "a.b.2", "text").unwrap();
        set(&mut event, "x.y", "true").unwrap();
        assert_eq!(event, serde_json::json!({"a": {"b": [1, {"c": 3}, "text"]}, "x": {"y": true}}));
        assert!(set(&mut event, "a.b[9]", "1").is_err());
        assert!(set(&mut event, "x.y.z", "1").is_err());
    }
}
