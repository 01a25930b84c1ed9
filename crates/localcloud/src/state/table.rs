//! A keyed table that remembers which rows changed, so that a store can save just those.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One changed row: its full key, and its bytes or `None` when it is gone.
pub(crate) type Write = (String, Option<Vec<u8>>);

/// Rows by key, in key order.
#[derive(Clone)]
pub(crate) struct Table<T> {
    name: &'static str,
    rows: BTreeMap<String, T>,
    changed: BTreeSet<String>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    /// An empty table. `name` prefixes its rows' keys in the store.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rows: BTreeMap::new(), changed: BTreeSet::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// A row to change. Handing it out counts as a change.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: String, row: T) {
        self.changed.insert(key.clone());
        self.rows.insert(key, row);
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &T)> {
        self.rows.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows whose key starts with `prefix`.
    pub(crate) fn under<'a, 'p>(
        &'a self,
        prefix: &'p str,
    ) -> impl Iterator<Item = (&'a String, &'a T)> + use<'a, 'p, T> {
        self.rows
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Rows after `key`, exclusive.
    pub(crate) fn after<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a String, &'a T)> {
        self.rows.range::<str, _>((Bound::Excluded(key), Bound::Unbounded))
    }

    /// Takes the changes since the last call. `keep` false only forgets them.
    pub(crate) fn take_changes(&mut self, keep: bool, into: &mut Vec<Write>) {
        if keep {
            for key in &self.changed {
                let bytes = self.rows.get(key).map(|row| serde_json::to_vec(row).expect("rows are plain data"));
                into.push((format!("{}:{key}", self.name), bytes));
            }
        }
        self.changed.clear();
    }

    /// Takes a stored row if it is one of this table's.
    pub(crate) fn load(&mut self, key: &str, bytes: &[u8]) -> Result<bool, serde_json::Error> {
        let Some(key) = key.strip_prefix(self.name).and_then(|rest| rest.strip_prefix(':')) else {
            return Ok(false);
        };
        self.rows.insert(key.to_owned(), serde_json::from_slice(bytes)?);
        Ok(true)
    }
}
