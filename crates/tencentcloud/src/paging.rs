//! Reads whole lists out of pages. The platform pages by offset, so a list that changes meanwhile shifts: rows come
//! twice or not at all. A list counts as read only when its pages fit together, and is never quietly short. Lists that
//! can be had in order of names are asked for so: by default some come by the time of the last change, and then every
//! write moves rows between pages.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::api::{Action, cam, scf, tag};
use crate::client::Client;
use crate::error::{CallName, Error, Unknown};

/// How often a list is read before it counts as unstable.
const READS: u32 = 5;
/// How long a list that changed while it was read is left alone before the second reading; doubled before each further
/// one, for whoever is changing it is seldom done after one write.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
/// Pages under way at once. A page of functions is some 100 KB, each connection keeps room for the largest that it has
/// read, and a client may have many connections.
const PAGES_AT_ONCE: usize = 16;
/// More pages than any quota fills: a length beyond this is nonsense and not worth reading.
const MOST_PAGES: u64 = 10_000;

/// A list that comes in pages, and tells its length.
pub trait Paged: Action + Clone + 'static
where
    Self::Response: 'static,
{
    /// What it lists.
    type Item: Send + 'static;
    /// Rows asked for per page, the most that the service gives.
    const PAGE_SIZE: u64;
    /// Asks for `limit` rows from row `offset` (counted from 0, a multiple of `limit`).
    fn set_range(&mut self, offset: u64, limit: u64);
    /// The rows of a page, and the length of the whole list if told.
    fn rows(response: Self::Response) -> (Vec<Self::Item>, Option<u64>);
    /// What tells one row from any other.
    fn key(item: &Self::Item) -> String;
}

/// Reads a list and keeps what `keep` makes of its rows, page by page.
pub(crate) async fn list<A: Paged, T>(
    client: &Client,
    region: Option<&str>,
    request: &A,
    keep: impl Fn(A::Item) -> Option<T>,
) -> Result<Vec<T>, Error> {
    for reading in 0..READS {
        pause_before(reading).await;
        if let Some(items) = read_once(client, region, request, &keep).await? {
            return Ok(items);
        }
    }
    Err(failed::<A>(region, Unknown::Unstable))
}

/// Waits before every reading but the first, which has number 0.
async fn pause_before(reading: u32) {
    if let Some(repetition) = reading.checked_sub(1) {
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(repetition)).await;
    }
}

fn failed<A: Action>(region: Option<&str>, why: Unknown) -> Error {
    let call = CallName { service: A::SERVICE, action: A::NAME, region: region.map(str::to_owned), effect: A::EFFECT };
    Error::unknown(call, why)
}

/// Reads all pages; none when they do not fit together.
async fn read_once<A: Paged, T>(
    client: &Client,
    region: Option<&str>,
    request: &A,
    keep: &impl Fn(A::Item) -> Option<T>,
) -> Result<Option<Vec<T>>, Error> {
    let (rows, total) = page(client.clone(), region.map(str::to_owned), request.clone(), 0, A::PAGE_SIZE).await?;
    let Some(total) = total else {
        return Err(failed::<A>(region, Unknown::Unreadable("a list without its length".to_owned())));
    };
    let mut seen = HashSet::with_capacity(rows.len());
    let mut take = |rows: Vec<A::Item>| -> Option<Vec<T>> {
        let distinct = rows.iter().all(|row| seen.insert(A::key(row)));
        distinct.then(|| rows.into_iter().filter_map(keep).collect())
    };
    let first = rows.len() as u64;
    let Some(mut items) = take(rows) else { return Ok(None) };
    if first == 0 || first >= total {
        return Ok((first == total).then_some(items));
    }
    // A service may give fewer rows than asked for; its page size then becomes ours.
    let size = first.min(A::PAGE_SIZE);
    if total / size > MOST_PAGES {
        return Ok(None);
    }
    let mut offsets = (size..total).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    let mut pages = JoinSet::new();
    let start = |offset| {
        let one = page(client.clone(), region.map(str::to_owned), request.clone(), offset, size);
        async move { (offset, one.await) }
    };
    for offset in offsets.by_ref().take(PAGES_AT_ONCE) {
        pages.spawn(start(offset));
    }
    let mut count = first;
    let mut rest = Vec::new();
    while let Some(joined) = pages.join_next().await {
        if let Some(offset) = offsets.next() {
            pages.spawn(start(offset));
        }
        match joined {
            Ok((offset, result)) => {
                let (rows, told) = result?;
                count += rows.len() as u64;
                let kept = if told == Some(total) { take(rows) } else { None };
                let Some(kept) = kept else { return Ok(None) };
                rest.push((offset, kept));
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    rest.sort_by_key(|(offset, _)| *offset);
    items.extend(rest.into_iter().flat_map(|(_, rows)| rows));
    Ok((count == total).then_some(items))
}

type Page<A> = (Vec<<A as Paged>::Item>, Option<u64>);

async fn page<A: Paged>(
    client: Client,
    region: Option<String>,
    mut request: A,
    offset: u64,
    limit: u64,
) -> Result<Page<A>, Error> {
    request.set_range(offset, limit);
    client.call(region.as_deref(), &request).await.map(A::rows)
}

/// Follows the token from page to page. A resource that turns up twice, or a token that leads in a circle, means that
/// the pages do not fit together.
pub(crate) async fn list_tagged(
    client: &Client,
    request: &tag::GetResources,
) -> Result<Vec<tag::ResourceTagMapping>, Error> {
    'reads: for reading in 0..READS {
        pause_before(reading).await;
        let mut items: Vec<tag::ResourceTagMapping> = Vec::new();
        let mut tokens = HashSet::new();
        let mut request = request.clone();
        // Documented as not to be used together with a list of resources, which is at most 10 long anyway.
        if request.resource_list.is_none() {
            request.max_results = Some(200);
        }
        loop {
            let answer = client.call(None, &request).await?;
            items.extend(answer.resource_tag_mapping_list);
            match answer.pagination_token.filter(|token| !token.is_empty()) {
                None => break,
                Some(token) if tokens.insert(token.clone()) => request.pagination_token = Some(token),
                Some(_) => continue 'reads,
            }
        }
        let mut seen = HashSet::with_capacity(items.len());
        if items.iter().all(|item| seen.insert(item.resource.clone())) {
            return Ok(items);
        }
    }
    Err(failed::<tag::GetResources>(None, Unknown::Unstable))
}

/// Lists by offset and limit, in order of a field where the definition has one that tells rows apart.
macro_rules! by_offset {
    (
        $request:ty, $item:ty, $size:literal, $rows:ident, $total:ident, |$row:ident| $key:expr, $convert:expr
        $(, in order of $field:literal)?
    ) => {
        impl Paged for $request {
            type Item = $item;
            const PAGE_SIZE: u64 = $size;

            fn set_range(&mut self, offset: u64, limit: u64) {
                self.offset = Some($convert(offset));
                self.limit = Some($convert(limit));
                $(
                    if self.orderby.is_none() {
                        self.orderby = Some($field.to_owned());
                        self.order = Some("ASC".to_owned());
                    }
                )?
            }

            fn rows(response: Self::Response) -> (Vec<$item>, Option<u64>) {
                (response.$rows, response.$total)
            }

            fn key($row: &$item) -> String {
                $key
            }
        }
    };
}

/// Lists by page number, counted from 1, and rows per page.
macro_rules! by_page {
    ($request:ty, $item:ty, |$row:ident| $key:expr, $convert:expr) => {
        impl Paged for $request {
            type Item = $item;
            const PAGE_SIZE: u64 = 200;

            fn set_range(&mut self, offset: u64, limit: u64) {
                self.page = $convert(offset / limit.max(1) + 1);
                self.rp = $convert(limit);
            }

            fn rows(response: Self::Response) -> (Vec<$item>, Option<u64>) {
                (response.list, response.total_num)
            }

            fn key($row: &$item) -> String {
                $key
            }
        }
    };
}

fn same(number: u64) -> u64 {
    number
}

// SCF documents a default of 20 rows and no bound; 100 is what the provider's own tools ask for.
by_offset!(
    scf::ListFunctions,
    scf::Function,
    100,
    functions,
    total_count,
    |row| format!("{}/{}", row.namespace, row.function_name),
    same,
    in order of "FunctionName"
);
by_offset!(
    scf::ListNamespaces,
    scf::Namespace,
    100,
    namespaces,
    total_count,
    |row| row.name.clone(),
    same,
    in order of "Name"
);
by_offset!(
    scf::ListVersionByFunction,
    scf::FunctionVersion,
    100,
    versions,
    total_count,
    |row| row.version.clone(),
    same
);
by_offset!(scf::ListAliases, scf::Alias, 100, aliases, total_count, |row| row.name.clone(), |n: u64| n.to_string());
by_offset!(
    scf::ListTriggers,
    scf::Trigger,
    100,
    triggers,
    total_count,
    // Triggers on one bucket share their name and differ in the description only.
    |row| format!("{:?}", (&row.r#type, &row.trigger_name, &row.qualifier, &row.trigger_desc, &row.resource_id)),
    same
);
by_offset!(
    tag::DescribeResourceTags,
    tag::TagResource,
    100,
    rows,
    total_count,
    |row| format!("{:?}", (&row.service_type, &row.resource_id, &row.tag_key)),
    same
);
// Documented as at most 1,000 rows a page, which is also how many values a key has.
by_offset!(
    tag::DescribeTags,
    tag::TagWithDelete,
    1000,
    tags,
    total_count,
    |row| format!("{:?}", (&row.tag_key, &row.tag_value)),
    same
);
// CAM documents at most 200 rows a page.
by_page!(cam::DescribeRoleList, cam::RoleInfo, |row| row.role_id.clone(), same);
by_page!(cam::ListAttachedRolePolicies, cam::AttachedPolicyOfRole, |row| row.policy_id.to_string(), same);
by_page!(cam::ListPolicies, cam::StrategyInfo, |row| row.policy_id.to_string(), Some);
by_page!(
    cam::ListEntitiesForPolicy,
    cam::AttachEntityOfPolicy,
    |row| format!("{:?}", (row.related_type, &row.id)),
    Some
);
