//! Whole lists: every row once, or an error.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tencentcloud::{ErrorKind, Unknown, cam, scf, tag};

use crate::support::{Reply, Request, Server};

const REGION: Option<&str> = Some("ap-beijing");

fn row(number: u64) -> Value {
    json!({ "FunctionName": format!("f{number}"), "Namespace": "default", "Status": "Active" })
}

/// The page that a request asks for, out of `total` functions.
fn page(request: &Request, total: u64) -> Reply {
    let asked = request.json();
    let (offset, limit) = (asked["Offset"].as_u64().unwrap_or(0), asked["Limit"].as_u64().unwrap_or(20));
    let rows: Vec<_> = (offset..total.min(offset + limit)).map(row).collect();
    Reply::Response(json!({ "Functions": rows, "TotalCount": total }))
}

#[tokio::test]
async fn lists_of_any_length_come_whole_and_in_order() {
    for (total, calls) in [(0, 1), (1, 1), (100, 1), (101, 2), (1234, 13)] {
        let server = Server::start(move |_, request| page(request, total)).await;
        let rows = server.client().list(REGION, &scf::ListFunctions::default()).await.expect("a list");
        let names: Vec<_> = rows.into_iter().map(|row| row.function_name).collect();
        assert_eq!(names, (0..total).map(|number| format!("f{number}")).collect::<Vec<_>>());
        assert_eq!(server.requests().len(), calls, "calls for {total} rows");
    }
}

#[tokio::test]
async fn a_service_that_gives_fewer_rows_than_asked_is_followed() {
    let server = Server::start(|_, request| {
        let offset = request.json()["Offset"].as_u64().unwrap_or(0);
        let rows: Vec<_> = (offset..70.min(offset + 20)).map(row).collect();
        Reply::Response(json!({ "Functions": rows, "TotalCount": 70 }))
    })
    .await;
    let rows = server.client().list(REGION, &scf::ListFunctions::default()).await.expect("a list");
    assert_eq!(rows.len(), 70);
}

#[tokio::test]
async fn pages_that_are_counted_from_one_are_asked_for_so() {
    let server = Server::start(|_, request| {
        let asked = request.json();
        let (page, rows) = (asked["Page"].as_u64().expect("a page"), asked["Rp"].as_u64().expect("rows"));
        let from = (page - 1) * rows;
        let list: Vec<_> = (from..450.min(from + rows))
            .map(|id| json!({ "RoleId": id.to_string(), "RoleName": "r", "PolicyDocument": "{}" }))
            .collect();
        Reply::Response(json!({ "List": list, "TotalNum": 450 }))
    })
    .await;
    let roles = server.client().list(None, &cam::DescribeRoleList::default()).await.expect("a list");
    let ids: Vec<u64> = roles.iter().map(|role| role.role_id.parse().expect("a number")).collect();
    assert_eq!(ids, (0..450).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_are_asked_for_in_order_of_names_unless_told_otherwise() {
    let server = Server::start(|_, request| {
        let namespaces = request.action() == "ListNamespaces";
        let rows = if namespaces { "Namespaces" } else { "Functions" };
        Reply::Response(json!({ rows: [], "TotalCount": 0 }))
    })
    .await;
    let client = server.client();
    client.list(REGION, &scf::ListFunctions::default()).await.expect("a list");
    client.list(REGION, &scf::ListNamespaces::default()).await.expect("a list");
    let latest = scf::ListFunctions { orderby: Some("ModTime".to_owned()), ..Default::default() };
    client.list(REGION, &latest).await.expect("a list");
    let asked: Vec<Value> = server.requests().iter().map(|r| r.json()).collect();
    let order: Vec<_> = asked.iter().map(|a| (a["Orderby"].as_str(), a["Order"].as_str())).collect();
    assert_eq!(order, [(Some("FunctionName"), Some("ASC")), (Some("Name"), Some("ASC")), (Some("ModTime"), None)]);
}

#[tokio::test]
async fn a_list_that_changed_is_left_alone_for_a_while_before_it_is_read_again() {
    let server =
        Server::start(|number, request| page(request, if number < 6 { 150 + number as u64 } else { 160 })).await;
    let started = Instant::now();
    let rows = server.client().list(REGION, &scf::ListFunctions::default()).await.expect("a list");
    assert_eq!(rows.len(), 160);
    assert!(started.elapsed() >= Duration::from_millis(40 + 80 + 160), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_list_that_grew_while_it_was_read_is_read_again() {
    let server = Server::start(|number, request| page(request, if number == 0 { 150 } else { 151 })).await;
    let rows = server.client().list(REGION, &scf::ListFunctions::default()).await.expect("a list");
    assert_eq!(rows.len(), 151);
}

#[tokio::test]
async fn a_row_that_comes_twice_means_reading_again() {
    let server = Server::start(|number, request| {
        let offset = request.json()["Offset"].as_u64().unwrap_or(0);
        // On the first reading the second page is shifted by one: its first row was on page one, the last is missed.
        let shift = u64::from(number == 1);
        let rows: Vec<_> = (offset - shift.min(offset)..150.min(offset + 100) - shift).map(row).collect();
        Reply::Response(json!({ "Functions": rows, "TotalCount": 150 }))
    })
    .await;
    let rows = server.client().list(REGION, &scf::ListFunctions::default()).await.expect("a list");
    assert_eq!(rows.len(), 150);
    assert!(server.requests().len() > 2);
}

#[tokio::test]
async fn a_list_that_stays_short_is_an_error_and_not_a_shorter_list() {
    let server = Server::start(|_, request| {
        let offset = request.json()["Offset"].as_u64().unwrap_or(0);
        let rows: Vec<_> = (offset..149.min(offset + 100)).map(row).collect();
        Reply::Response(json!({ "Functions": rows, "TotalCount": 150 }))
    })
    .await;
    let error = server.client().list(REGION, &scf::ListFunctions::default()).await.expect_err("no list");
    assert!(matches!(error.kind(), ErrorKind::Unknown(Unknown::Unstable)), "{error:?}");
}

#[tokio::test]
async fn a_list_without_its_length_or_with_a_mad_one_is_an_error() {
    for total in [Value::Null, json!(u64::MAX)] {
        let server =
            Server::start(move |_, _| Reply::Response(json!({ "Functions": [row(1)], "TotalCount": total }))).await;
        let error = server.client().list(REGION, &scf::ListFunctions::default()).await.expect_err("no list");
        assert!(matches!(error.kind(), ErrorKind::Unknown(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    let server = Server::start(|_, request| match request.json()["Offset"].as_u64() {
        Some(100) => Reply::Refuse("UnauthorizedOperation.CAM"),
        _ => page(request, 300),
    })
    .await;
    let error = server.client().list(REGION, &scf::ListFunctions::default()).await.expect_err("no list");
    assert_eq!(error.code(), Some("UnauthorizedOperation.CAM"));
}

#[tokio::test]
async fn tagged_resources_are_followed_by_token() {
    let server = Server::start(|_, request| {
        let asked = request.json();
        assert_eq!(asked["MaxResults"], 200);
        let page: u64 = asked["PaginationToken"].as_str().map_or(0, |token| token.parse().expect("our token"));
        Reply::Response(json!({
            "ResourceTagMappingList": [{ "Resource": format!("r{page}"), "Tags": null }],
            "PaginationToken": if page < 4 { (page + 1).to_string() } else { String::new() },
        }))
    })
    .await;
    let found = server.client().list_tagged(&tag::GetResources::default()).await.expect("a list");
    let names: Vec<_> = found.iter().map(|found| found.resource.as_str()).collect();
    assert_eq!(names, ["r0", "r1", "r2", "r3", "r4"]);
}

#[tokio::test]
async fn a_token_that_leads_in_a_circle_is_an_error() {
    let server = Server::start(|number, _| {
        Reply::Response(json!({
            "ResourceTagMappingList": [{ "Resource": format!("r{number}"), "Tags": [] }],
            "PaginationToken": "again",
        }))
    })
    .await;
    let error = server.client().list_tagged(&tag::GetResources::default()).await.expect_err("no list");
    assert!(matches!(error.kind(), ErrorKind::Unknown(Unknown::Unstable)), "{error:?}");
}
