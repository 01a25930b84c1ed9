//! One step to one call. Thin: spelling is `wire`'s, what to do about a failure is `change`'s.

use std::time::Duration;

use plan::resource::function::CodeSource;
use plan::step::{PolicyRef, Step};
use tencentcloud::{Error, cam, scf, tag};

use super::wait::Pauses;
use super::{Applier, Trouble};
use crate::upload::Ready;
use crate::wire;

/// How long another operation on the tags of a resource is waited for. Nothing documents how long one takes.
const TAGGING_LIMIT: Duration = Duration::from_secs(60);

/// How a step failed.
pub(super) enum StepError {
    /// The call failed; whoever runs the change decides what that means.
    Call(Box<Error>),
    /// It cannot succeed.
    Trouble(Trouble),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Call(Box::new(error))
    }
}

impl From<Trouble> for StepError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Applier<'_> {
    /// Sends one step. Deleting what is already gone is done.
    pub(super) async fn step(&self, step: &Step, address: &plan::address::ResourceAddress) -> Result<(), StepError> {
        match step {
            Step::CreateRole { .. }
            | Step::UpdateRoleDescription { .. }
            | Step::UpdateAssumeRolePolicy { .. }
            | Step::UpdateRoleSessionDuration { .. }
            | Step::UpdateRoleConsoleLogin { .. }
            | Step::TagRole { .. }
            | Step::UntagRole { .. }
            | Step::AttachRolePolicy { .. }
            | Step::DetachRolePolicy { .. }
            | Step::DeleteRole { .. } => self.role_step(step).await,
            Step::CreatePolicy { .. }
            | Step::UpdatePolicy { .. }
            | Step::TagPolicy { .. }
            | Step::UntagPolicy { .. }
            | Step::DeletePolicy { .. } => self.policy_step(step).await,
            Step::CreateNamespace { region, name, description } => {
                self.client
                    .call(
                        Some(region),
                        &scf::CreateNamespace {
                            namespace: name.clone(),
                            description: Some(description.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
                Ok(())
            }
            Step::UpdateNamespace { region, name, description } => {
                self.client
                    .call(
                        Some(region),
                        &scf::UpdateNamespace { namespace: name.clone(), description: description.clone() },
                    )
                    .await?;
                Ok(())
            }
            Step::DeleteNamespace { region, name } => done_if(
                self.client.call(Some(region), &scf::DeleteNamespace { namespace: name.clone() }).await,
                scf::is_namespace_absent,
            ),
            Step::CreateTrigger { .. }
            | Step::UpdateTrigger { .. }
            | Step::UpdateTriggerStatus { .. }
            | Step::DeleteTrigger { .. }
            | Step::BindTrigger { .. }
            | Step::UnbindTrigger { .. } => self.trigger_step(step).await,
            _ => self.function_step(step, address).await,
        }
    }

    async fn role_step(&self, step: &Step) -> Result<(), StepError> {
        let client = self.client;
        match step {
            Step::CreateRole { name, description, trust, session_duration, console_login, tags } => {
                let request = cam::CreateRole {
                    role_name: name.clone(),
                    policy_document: trust.text(),
                    description: Some(description.clone()).filter(|d| !d.is_empty()),
                    console_login: console_login.map(u64::from),
                    session_duration: *session_duration,
                    tags: (!tags.is_empty()).then(|| wire::cam_tags(tags)),
                };
                let made = client.call(None, &request).await;
                // One that was refused is somebody else's, if it is there.
                if made.as_ref().err().is_none_or(Error::outcome_unknown) {
                    self.roles_made.lock().await.insert(name.clone(), tags.clone());
                }
                made?;
            }
            Step::UpdateRoleDescription { name, description } => {
                client
                    .call(
                        None,
                        &cam::UpdateRoleDescription {
                            description: description.clone(),
                            role_name: Some(name.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::UpdateAssumeRolePolicy { name, trust } => {
                client
                    .call(
                        None,
                        &cam::UpdateAssumeRolePolicy {
                            policy_document: trust.text(),
                            role_name: Some(name.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::UpdateRoleSessionDuration { name, seconds } => {
                client
                    .call(
                        None,
                        &cam::UpdateRoleSessionDuration {
                            session_duration: *seconds,
                            role_name: Some(name.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::UpdateRoleConsoleLogin { name, allowed } => {
                client
                    .call(
                        None,
                        &cam::UpdateRoleConsoleLogin {
                            console_login: u64::from(*allowed),
                            role_name: Some(name.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::TagRole { name, tags } => {
                client
                    .call(
                        None,
                        &cam::TagRole {
                            tags: wire::cam_tags(tags),
                            role_name: Some(name.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::UntagRole { name, keys } => {
                client
                    .call(
                        None,
                        &cam::UntagRole { tag_keys: keys.clone(), role_name: Some(name.clone()), ..Default::default() },
                    )
                    .await?;
            }
            Step::AttachRolePolicy { role, policy } => {
                let (policy_id, policy_name) = self.policy_reference(policy).await?;
                client
                    .call(
                        None,
                        &cam::AttachRolePolicy {
                            policy_id,
                            policy_name,
                            attach_role_name: Some(role.clone()),
                            ..Default::default()
                        },
                    )
                    .await?;
            }
            Step::DetachRolePolicy { role, policy } => {
                let (policy_id, policy_name) = self.policy_reference(policy).await?;
                let request = cam::DetachRolePolicy {
                    policy_id,
                    policy_name,
                    detach_role_name: Some(role.clone()),
                    ..Default::default()
                };
                // A policy that is gone is attached to nothing.
                return done_if(client.call(None, &request).await, cam::is_policy_absent);
            }
            Step::DeleteRole { name } => {
                return done_if(
                    client.call(None, &cam::DeleteRole { role_name: Some(name.clone()), ..Default::default() }).await,
                    cam::is_role_absent,
                );
            }
            other => return Err(misplaced(other)),
        }
        Ok(())
    }

    async fn policy_reference(&self, policy: &PolicyRef) -> Result<(Option<u64>, Option<String>), Trouble> {
        match policy {
            PolicyRef::Preset(name) => Ok((None, Some(name.clone()))),
            PolicyRef::Attached { id, .. } => Ok((Some(*id), None)),
            PolicyRef::Custom(name) => match self.policy_ids.lock().await.get(name) {
                Some(id) => Ok((Some(*id), None)),
                None => Err(Trouble::failed(format!("the policy `{name}` has no id: it was not made"))),
            },
        }
    }

    async fn policy_step(&self, step: &Step) -> Result<(), StepError> {
        let client = self.client;
        match step {
            Step::CreatePolicy { name, description, document, tags } => {
                let request = cam::CreatePolicy {
                    policy_name: name.clone(),
                    policy_document: document.text(),
                    description: Some(description.clone()).filter(|d| !d.is_empty()),
                    tags: Some(wire::cam_tags(tags)),
                };
                let answer = client.call(None, &request).await;
                // Not after a refusal: what has the name then is another's.
                if answer.as_ref().map_or_else(Error::outcome_unknown, |_| true) {
                    self.policies_made.lock().await.insert(name.clone(), tags.clone());
                }
                let answer = answer?;
                self.policy_ids.lock().await.insert(name.clone(), answer.policy_id);
            }
            Step::UpdatePolicy { id, description, document, .. } => {
                let request = cam::UpdatePolicy {
                    policy_id: Some(*id),
                    description: Some(description.clone()),
                    policy_document: Some(document.text()),
                    ..Default::default()
                };
                client.call(None, &request).await?;
            }
            Step::TagPolicy { id, tags } => self.tag(wire::policy_resource(&self.account, *id), tags).await?,
            Step::UntagPolicy { id, keys } => self.untag(wire::policy_resource(&self.account, *id), keys).await?,
            Step::DeletePolicy { id, .. } => {
                return done_if(
                    client.call(None, &cam::DeletePolicy { policy_id: vec![*id] }).await,
                    cam::is_policy_absent,
                );
            }
            other => return Err(misplaced(other)),
        }
        Ok(())
    }

    /// Sets tags, at most ten a call (facts CAM 5.1). A failed resource in a successful answer is a failure.
    async fn tag(&self, resource: String, tags: &plan::resource::tags::Tags) -> Result<(), StepError> {
        for part in wire::tag_tags(tags).chunks(10) {
            let request = tag::TagResources { resource_list: vec![resource.clone()], tags: part.to_vec() };
            let mut pauses = Pauses::for_at_most(TAGGING_LIMIT);
            loop {
                match self.client.call(None, &request).await?.failed_resources.first() {
                    None => break,
                    Some(failed) if failed.is_processing() && pauses.pause().await => {}
                    Some(failed) => return Err(failed_resource(failed).into()),
                }
            }
        }
        Ok(())
    }

    /// Removes tags, at most ten a call. One that is gone already is done.
    async fn untag(&self, resource: String, keys: &[String]) -> Result<(), StepError> {
        for part in keys.chunks(10) {
            let all_were_there = self.untag_at_once(&resource, part).await?;
            if !all_were_there && part.len() > 1 {
                // Nothing says what became of the others.
                for key in part {
                    self.untag_at_once(&resource, std::slice::from_ref(key)).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes these tags by one call; false when the service says that one of them is not there.
    async fn untag_at_once(&self, resource: &str, keys: &[String]) -> Result<bool, StepError> {
        let request = tag::UnTagResources { resource_list: vec![resource.to_owned()], tag_keys: keys.to_vec() };
        let mut pauses = Pauses::for_at_most(TAGGING_LIMIT);
        loop {
            let answer = match self.client.call(None, &request).await {
                Err(error) if tag::is_tag_absent(&error) => return Ok(false),
                answer => answer?,
            };
            match answer.failed_resources.first() {
                None => return Ok(true),
                Some(failed) if failed.is_tag_absent() => return Ok(false),
                Some(failed) if failed.is_processing() && pauses.pause().await => {}
                Some(failed) => return Err(failed_resource(failed).into()),
            }
        }
    }

    async fn function_step(&self, step: &Step, address: &plan::address::ResourceAddress) -> Result<(), StepError> {
        let client = self.client;
        match step {
            Step::CreateFunction { key, function, code, description, tags } => {
                let sent = self.code(&code.source, address)?;
                client.call(Some(&key.region), &wire::create_function(key, function, sent, description, tags)).await?;
            }
            Step::UpdateFunctionCode { key, code, handler, install_dependencies } => {
                let (sent, source) = self.code(&code.source, address)?;
                let request = scf::UpdateFunctionCode {
                    function_name: key.name.clone(),
                    namespace: Some(key.namespace.clone()),
                    handler: Some(handler.clone()).filter(|h| !h.is_empty()),
                    code: Some(sent),
                    // FALSE when it is left out: new code would run without its modules.
                    install_dependency: install_dependencies.then(|| true.into()),
                    // UpdateFunctionCode knows fewer sources by name than CreateFunction does.
                    code_source: source.filter(|s| s == "ZipFile" || s == "Cos"),
                    ..Default::default()
                };
                client.call(Some(&key.region), &request).await?;
            }
            Step::UpdateFunctionConfiguration { key, members, function, description } => {
                client
                    .call(Some(&key.region), &wire::update_configuration(key, members, function, description))
                    .await?;
            }
            Step::PutReservedConcurrency { key, megabytes } => {
                let request = scf::PutReservedConcurrencyConfig {
                    function_name: key.name.clone(),
                    namespace: Some(key.namespace.clone()),
                    reserved_concurrency_mem: *megabytes,
                };
                client.call(Some(&key.region), &request).await?;
            }
            Step::DeleteReservedConcurrency { key } => {
                let request = scf::DeleteReservedConcurrencyConfig {
                    function_name: key.name.clone(),
                    namespace: Some(key.namespace.clone()),
                };
                client.call(Some(&key.region), &request).await?;
            }
            Step::UpdateEventInvokeConfig { key, retries, max_age } => {
                let retry = scf::RetryConfig { retry_num: i64::try_from(*retries).unwrap_or(i64::MAX) };
                let request = scf::UpdateFunctionEventInvokeConfig {
                    function_name: key.name.clone(),
                    namespace: Some(key.namespace.clone()),
                    async_trigger_config: scf::AsyncTriggerConfig { retry_config: vec![retry], msg_ttl: *max_age },
                };
                client.call(Some(&key.region), &request).await?;
            }
            Step::TagFunction { key, tags } => self.tag(wire::function_resource(&self.account, key), tags).await?,
            Step::UntagFunction { key, keys } => self.untag(wire::function_resource(&self.account, key), keys).await?,
            Step::DeleteFunction { key } => {
                let request = scf::DeleteFunction {
                    function_name: key.name.clone(),
                    namespace: Some(key.namespace.clone()),
                    ..Default::default()
                };
                return done_if(client.call(Some(&key.region), &request).await, scf::is_function_absent);
            }
            other => return Err(misplaced(other)),
        }
        Ok(())
    }

    /// Code as the API wants it. A package travels inside the request or stands in its bucket by now.
    fn code(
        &self,
        source: &CodeSource,
        address: &plan::address::ResourceAddress,
    ) -> Result<(scf::Code, Option<String>), Trouble> {
        if *source != CodeSource::Package {
            return Ok(wire::code(source, None));
        }
        match self.packages.get(address) {
            None => Err(Trouble::failed(format!("the package of {address} was not made"))),
            Some(Ready::InRequest(archive)) => {
                let bytes = archive.bytes();
                let bytes = bytes.map_err(|e| Trouble::failed(format!("cannot read the package of {address}: {e}")))?;
                Ok(wire::code(source, Some(&bytes)))
            }
            Some(Ready::InBucket(object)) => Ok(wire::code(object, None)),
        }
    }

    async fn trigger_step(&self, step: &Step) -> Result<(), StepError> {
        let client = self.client;
        match step {
            Step::CreateTrigger { key, trigger, description } => {
                client.call(Some(&key.region), &wire::create_trigger(key, trigger, description.as_deref())).await?;
            }
            Step::UpdateTrigger { key, present, trigger, description } => {
                client
                    .call(Some(&key.region), &wire::update_trigger(key, present, trigger, description.as_deref()))
                    .await?;
            }
            Step::UpdateTriggerStatus { key, present, enabled } => {
                client.call(Some(&key.region), &wire::update_trigger_status(key, present, *enabled)).await?;
            }
            Step::DeleteTrigger { key, present } => {
                return done_if(client.call(Some(&key.region), &wire::delete_trigger(key, present)).await, |e| {
                    scf::is_trigger_absent(e) || scf::is_function_absent(e)
                });
            }
            Step::BindTrigger { key, event, qualifier } => {
                client.call(Some(&key.region), &wire::bind_trigger(key, event, qualifier)).await?;
            }
            Step::UnbindTrigger { key, present } => {
                client.call(Some(&key.region), &wire::unbind_trigger(key, present)).await?;
            }
            other => return Err(misplaced(other)),
        }
        Ok(())
    }
}

/// A step that no sender knows must not pass for done.
fn misplaced(step: &Step) -> StepError {
    Trouble::failed(format!("{} has no sender here; nothing was sent", step.action())).into()
}

/// A refusal that says "it is not there" ends a delete well.
fn done_if<T>(result: Result<T, Error>, absent: impl Fn(&Error) -> bool) -> Result<(), StepError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if absent(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn failed_resource(failed: &tag::FailedResource) -> Trouble {
    let mut trouble =
        Trouble::failed(format!("the Tag service did not change the tags of {}: {}", failed.resource, failed.message));
    trouble.code = Some(failed.code.clone());
    trouble
}
