//! Refusals that are about a role which is there: other services see a new one late. Says whether one is worth waiting
//! for; who waits is `change`.

use std::time::{Duration, Instant};

use plan::change::Change;
use plan::resource::role::Preset;
use plan::step::Step;
use tencentcloud::{Error, cam};

use super::pins::role_of;
use super::{Applier, Place};

/// How long other services may not see a role, from when one of them first did not. Nothing documents it; clients wait 5
/// to 10 s (facts CAM 3.9).
pub(super) const ROLE_LAG: Duration = Duration::from_secs(30);

impl Applier<'_> {
    /// A role that was made moments ago may not be visible everywhere yet, and it need not be this run that made it: of
    /// one that is known to exist, the word that it does not is waited out, once for all changes that use it.
    pub(super) async fn may_be_role_lag(&self, error: &Error, change: &Change, step: &Step) -> bool {
        // Also the word for an account that has never opened MPS: of a role that is older nothing is to be hoped, and an
        // event type that was taken from its holder for this goes back at once.
        let only_made = error.code() == Some("FailedOperation.InvalidMpsUser");
        let mut waits = false;
        for role in self.roles_meant(error, change, step) {
            let seen = !only_made && self.observed.roles.get(role).is_some_and(Option::is_some);
            if seen || self.roles_made.lock().await.contains_key(role) {
                let mut missed = self.roles_missed.lock().await;
                let since = missed.entry(role.to_owned()).or_insert_with(Instant::now);
                waits |= since.elapsed() < ROLE_LAG;
            }
        }
        waits
    }

    /// The roles that a refusal may be about; none when it is about none.
    fn roles_meant<'s>(&'s self, error: &Error, change: &Change, step: &'s Step) -> Vec<&'s str> {
        let (scf, mps) = (Preset::Scf.role_name(), Preset::Mps.role_name());
        let of_function = match self.places.get(&change.address) {
            Some(Place::Function(function) | Place::Trigger(function, _)) => Some(function.function.role.as_str()),
            Some(Place::Policy(_) | Place::Role(_) | Place::Namespace(_)) | None => None,
        };
        let used = role_of(step).or(of_function).filter(|role| !role.is_empty());
        if cam::is_role_absent(error) {
            return used.into_iter().collect();
        }
        match error.code() {
            Some("FailedOperation.QcsRoleNotFound") => vec![scf, mps],
            Some("FailedOperation.InvalidMpsUser") => vec![mps],
            Some(
                "ResourceNotFound.Role"
                | "ResourceNotFound.RoleCheck"
                | "InvalidParameter.RoleCheck"
                | "InvalidParameterValue.Role"
                | "FailedOperation.CallRoleFailed"
                | "UnauthorizedOperation.Role",
            ) => used.into_iter().chain([scf]).collect(),
            _ => Vec::new(),
        }
    }
}
