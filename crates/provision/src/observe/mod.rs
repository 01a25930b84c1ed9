//! The cloud to observed state. Reads concurrently, and only what is not known already. A read ends in one of
//! three ways: present, absent (the service's own not-found code), or an error that fails the plan (rule 1).

mod holders;
mod roles;
mod tagged;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use plan::desired::{FunctionResource, Stack};
use plan::mark;
use plan::observed::{FunctionKey, Observed, ObservedFunction, ObservedNamespace, Status};
use plan::resource::function::AsyncConfig;
use tencentcloud::{Client, Error, scf, sts};

pub(crate) use holders::holders;
pub(crate) use roles::{Asked, policy_by_name, role_by_name};

use crate::error::CommandError;
use crate::wire;

/// How long a plan waits for a busy function before its state counts as unknown (design section 5).
const BUSY_LIMIT: Duration = Duration::from_secs(60);

/// Functions being read for each call that may be in flight.
const READS_PER_CALL: usize = 2;

/// How long a function may answer that its version is gone before that counts as a failure.
const VERSION_LAG: Duration = Duration::from_secs(60);

/// Names what was being read.
pub(crate) fn failed(doing: impl Into<String>, address: Option<&dyn ToString>) -> impl FnOnce(Error) -> CommandError {
    let (doing, address) = (doing.into(), address.map(ToString::to_string));
    move |source| CommandError::Call { doing, address, source: Box::new(source) }
}

/// Reads everything a plan of this stack needs: first what lists and names tell, then what they leave open.
/// Stacks that share `asked` read each policy of the account once.
pub(crate) async fn observe(client: &Client, stack: &Stack, asked: &Asked) -> Result<Observed, CommandError> {
    let (identity, tagged, roles, policies) = tokio::try_join!(
        async {
            client
                .call(Some(default_region(stack)), &sts::GetCallerIdentity::default())
                .await
                .map_err(failed("find out whose credentials these are", None))
        },
        tagged::tagged(client, &stack.name),
        roles::read(client, stack),
        roles::list_policies(client),
    )?;
    let mut observed = Observed { account: identity.account_id, ..Observed::default() };
    observed.left_out.clone_from(&tagged.left_out);
    let (roles, policies, ()) = tokio::try_join!(
        roles::roles(client, stack, &tagged, roles),
        roles::policies(client, stack, &tagged, policies, asked),
        functions(client, stack, tagged.functions.clone(), &mut observed),
    )?;
    Ok(Observed { roles, policies, ..observed })
}

fn default_region(stack: &Stack) -> &str {
    let first = stack.functions.first().map(|f| f.key.region.as_str());
    Some(stack.region.as_str()).filter(|r| !r.is_empty()).or(first).unwrap_or("ap-guangzhou")
}

/// Namespaces and functions: lists first, then one GetFunction per function of interest.
async fn functions(
    client: &Client,
    stack: &Stack,
    tagged: BTreeSet<FunctionKey>,
    observed: &mut Observed,
) -> Result<(), CommandError> {
    let mut regions: BTreeSet<&str> = stack.functions.iter().map(|f| f.key.region.as_str()).collect();
    regions.extend(stack.namespaces.iter().map(|n| n.region.as_str()));
    regions.extend(tagged.iter().map(|k| k.region.as_str()));
    if !stack.region.is_empty() {
        regions.insert(&stack.region);
    }
    let mut wanted_places = BTreeSet::new();
    for function in &stack.functions {
        wanted_places.insert((function.key.region.as_str(), function.key.namespace.as_str()));
    }
    for key in &tagged {
        wanted_places.insert((key.region.as_str(), key.namespace.as_str()));
    }
    let listed = try_join_all(regions.iter().map(|region| async move {
        let list = client.list(Some(region), &scf::ListNamespaces::default()).await;
        list.map(|rows| (*region, rows)).map_err(failed(format!("list the namespaces of {region}"), None))
    }))
    .await?;

    let mut in_use: BTreeSet<(String, String)> = BTreeSet::new();
    // A namespace of ours goes only when nobody else uses it. Whether it is to go is not asked here: one that is declared
    // goes by `destroy`, and by a manifest that is planned from a snapshot of this reading.
    let mut owned: BTreeSet<(String, String)> = BTreeSet::new();
    for (region, rows) in &listed {
        for row in rows {
            let present = wire::namespace(row);
            let identity = mark::identity(&stack.name, region, &row.name, "");
            let ours = present.mark.as_ref().is_some_and(|m| m.identity == identity);
            let declared = stack.namespaces.iter().any(|n| n.region == *region && n.name == row.name);
            let used = wanted_places.contains(&(*region, row.name.as_str()));
            if ours {
                owned.insert(((*region).to_owned(), row.name.clone()));
            }
            if ours || declared {
                observed.namespaces.insert(((*region).to_owned(), row.name.clone()), Some(present));
            }
            if ours || used || row.name == "default" {
                in_use.insert(((*region).to_owned(), row.name.clone()));
            }
        }
    }
    for namespace in &stack.namespaces {
        observed.namespaces.entry((namespace.region.clone(), namespace.name.clone())).or_insert(None);
    }

    let declared: BTreeMap<_, &FunctionResource> = stack.functions.iter().map(|f| (&f.key, f)).collect();
    let mut wanted: BTreeMap<FunctionKey, Option<u64>> = tagged.into_iter().map(|k| (k, None)).collect();
    let lists = in_use.iter().map(|(region, namespace)| {
        let (declared, wanted) = (&declared, &wanted);
        let counted = owned.contains(&(region.clone(), namespace.clone()));
        async move {
            let of_interest = |row: scf::Function| {
                let key = FunctionKey::new(region.as_str(), namespace.as_str(), row.function_name);
                let identity = mark::identity(&stack.name, region, namespace, &key.name);
                let (_, line) = mark::split(row.description.as_deref().unwrap_or(""));
                let marked = line.is_some_and(|m| m.identity == identity);
                let owned = row.tags.iter().any(|t| t.key == mark::STACK_TAG && t.value == stack.name);
                let tagged = wanted.contains_key(&key);
                let is_of_interest = marked || owned || tagged || declared.contains_key(&key);
                let found = is_of_interest.then_some((key, row.reserved_concurrency_mem));
                // Whose it is decides what is ours; of others only the number counts.
                match (counted && !(marked || owned || tagged), found) {
                    (false, None) => None,
                    (other, found) => Some((other, found)),
                }
            };
            let request = scf::ListFunctions { namespace: Some(namespace.clone()), ..Default::default() };
            match client.list_with(Some(region), &request, of_interest).await {
                Ok(rows) => Ok(((region, namespace), rows)),
                Err(error) if scf::is_namespace_absent(&error) => Ok(((region, namespace), Vec::new())),
                Err(error) => Err(failed(format!("list the functions of {region}/{namespace}"), None)(error)),
            }
        }
    });
    let listed = try_join_all(lists).await?;
    for ((region, namespace), rows) in listed {
        let others = rows.iter().filter(|(other, _)| *other).count();
        if let Some(Some(present)) = observed.namespaces.get_mut(&(region.clone(), namespace.clone())) {
            present.others = others;
        }
        wanted.extend(rows.into_iter().filter_map(|(_, found)| found));
    }

    let declared = &declared;
    let reads = wanted.into_iter().map(|(key, reserved)| async move {
        let resource = declared.get(&key);
        // Of what the manifest declares the key is there already.
        let key = resource.map_or(key, |f| f.key.clone());
        let function = resource.map(|f| &f.function);
        let ask = Ask {
            // In the list, too, `null` is none and 0 a value: no new runs (facts SCF 2.7).
            reserved: function.is_some_and(|f| f.reserved_concurrency.is_some()) || reserved.is_some(),
            asynchronous: function.is_some_and(|f| f.asynchronous.is_some()),
        };
        function_at_rest(client, &key, ask).await.map(|found| (key, found.map(Box::new)))
    });
    // Each read under way has a request and an answer of its own: a bound keeps memory from growing with the stack.
    let found = stream::iter(reads).buffer_unordered(READS_PER_CALL * client.parallelism());
    observed.functions = found.try_collect().await?;
    for function in &stack.functions {
        observed.functions.entry(function.key.clone()).or_insert(None);
    }
    Ok(())
}

/// Which of the slower reads a function needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask {
    /// GetReservedConcurrencyConfig.
    pub(crate) reserved: bool,
    /// GetFunctionEventInvokeConfig.
    pub(crate) asynchronous: bool,
}

/// Reads a function, waiting while the platform is busy with it. `None` is absent.
async fn function_at_rest(
    client: &Client,
    key: &FunctionKey,
    ask: Ask,
) -> Result<Option<ObservedFunction>, CommandError> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let Some(function) = function(client, key, ask).await? else { return Ok(None) };
        let Status::Busy(status) = &function.status else { return Ok(Some(function)) };
        if started.elapsed() > BUSY_LIMIT {
            return Err(CommandError::Local {
                doing: format!("function {key} is still {status} after {} seconds", BUSY_LIMIT.as_secs()),
                source: "its settings cannot be known until the platform is done with it".into(),
                help: Some("run the command again in a minute".to_owned()),
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
    }
}

/// Whether the list of its namespace holds a function.
pub(crate) async fn is_listed(client: &Client, key: &FunctionKey) -> Result<bool, CommandError> {
    let request = scf::ListFunctions { namespace: Some(key.namespace.clone()), ..Default::default() };
    let same = |row: scf::Function| (row.function_name == key.name).then_some(());
    match client.list_with(Some(&key.region), &request, same).await {
        Ok(found) => Ok(!found.is_empty()),
        Err(error) if scf::is_namespace_absent(&error) => Ok(false),
        Err(error) => Err(failed(format!("list the functions of {}/{}", key.region, key.namespace), Some(key))(error)),
    }
}

/// Reads a function once.
pub(crate) async fn function(
    client: &Client,
    key: &FunctionKey,
    ask: Ask,
) -> Result<Option<ObservedFunction>, CommandError> {
    let read = failed(format!("read function {key}"), Some(key));
    let get = scf::GetFunction {
        function_name: Some(key.name.clone()),
        namespace: Some(key.namespace.clone()),
        ..Default::default()
    };
    let region = Some(key.region.as_str());
    let reserved = async {
        if !ask.reserved {
            return Ok(None);
        }
        let request = scf::GetReservedConcurrencyConfig {
            function_name: key.name.clone(),
            namespace: Some(key.namespace.clone()),
        };
        match client.call(region, &request).await {
            // 0 with a reservation means "no new runs"; without one the member is null (facts SCF 2.7).
            Ok(answer) => Ok(answer.reserved_mem),
            Err(error) if scf::is_function_absent(&error) => Ok(None),
            Err(error) => Err(failed(format!("read the reserved concurrency of {key}"), Some(key))(error)),
        }
    };
    let asynchronous = async {
        if !ask.asynchronous {
            return Ok(None);
        }
        let request = scf::GetFunctionEventInvokeConfig {
            function_name: key.name.clone(),
            namespace: Some(key.namespace.clone()),
            ..Default::default()
        };
        match client.call(region, &request).await {
            Ok(answer) => Ok(asynchronous(&answer.async_trigger_config)),
            Err(error) if scf::is_function_absent(&error) => Ok(None),
            Err(error) => Err(failed(format!("read the asynchronous settings of {key}"), Some(key))(error)),
        }
    };
    let main = async {
        // While a function is being deleted its version may go first (facts SCF 7): ask again until it is gone itself.
        let deadline = Instant::now() + VERSION_LAG;
        let mut pause = Duration::from_millis(20);
        loop {
            match client.call(region, &get).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if scf::is_function_absent(&error) => return Ok(None),
                Err(error) if scf::is_version_absent(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 3 / 2).min(Duration::from_secs(1));
                }
                Err(error) => return Err(read(error)),
            }
        }
    };
    let (answer, reserved, asynchronous) = tokio::try_join!(main, reserved, asynchronous)?;
    Ok(answer.map(|a| wire::function(&a, wire::Extras { reserved, asynchronous })))
}

/// The Get example lists two retry settings, one of them -1: the first that is not negative counts (facts SCF 2.7).
fn asynchronous(config: &scf::AsyncTriggerConfig) -> Option<AsyncConfig> {
    let retries = config.retry_config.iter().map(|r| r.retry_num).find(|n| *n >= 0)?;
    Some(AsyncConfig { retries: u64::try_from(retries).ok()?, max_age: config.msg_ttl })
}

/// Reads one namespace.
pub(crate) async fn namespace(
    client: &Client,
    region: &str,
    name: &str,
) -> Result<Option<ObservedNamespace>, CommandError> {
    let rows = client
        .list(Some(region), &scf::ListNamespaces::default())
        .await
        .map_err(failed(format!("list the namespaces of {region}"), None))?;
    Ok(rows.iter().find(|r| r.name == name).map(wire::namespace))
}
