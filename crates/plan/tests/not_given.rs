//! Answers that leave settings open: what the service does not give is not compared, live or in a snapshot, and what it
//! gives beside that still counts.

mod support;

use plan::change::Action;
use plan::desired::Stack;
use plan::pin;
use plan::plan::Plan;
use plan::render::guard::DigestKey;
use plan::resource::function::{Function, FunctionType, Setting};
use plan::snapshot::{Snapshot, take};
use support::simulator::Cloud;

const ALL: [Setting; 15] = [
    Setting::Runtime,
    Setting::Type,
    Setting::Memory,
    Setting::Timeout,
    Setting::InitTimeout,
    Setting::PublicNetwork,
    Setting::FixedIp,
    Setting::FixedIntranetIp,
    Setting::InstanceConcurrency,
    Setting::DnsCache,
    Setting::InstallDependencies,
    Setting::AsyncExecution,
    Setting::Tracing,
    Setting::Websocket,
    Setting::WebsocketIdleTimeout,
];

/// Every setting away from its default at least once.
const MANIFEST: &str = r#"
stack: media
region: ap-beijing
functions:
  events:
    runtime: Nodejs18.15
    code: { demo: x }
    memory: 256
    timeout: 30
    init_timeout: 90
    vpc: { id: vpc-1, subnet: subnet-1 }
    public_network: false
    fixed_intranet_ip: true
    dns_cache: true
    install_dependencies: true
    async_execution: true
    tracing: true
  pages:
    type: http
    runtime: Go1
    code: { demo: x }
    fixed_ip: true
    instance_concurrency: { max: 10 }
    websocket: { idle_timeout: 60 }
  small:
    code: { image: { uri: "ccr/x:1", registry: personal, command: node, args: a.js, port: -1 } }
"#;

fn stack() -> Stack {
    support::stack(MANIFEST, &[]).1
}

/// The stack as it was applied, with answers that give none of these settings: what stands there instead is nonsense.
fn answered(not_given: &[Setting]) -> Cloud {
    let mut cloud = Cloud::default();
    cloud.apply_all(&cloud.plan(&stack())).expect("the manifest can be applied");
    for present in cloud.functions.values_mut() {
        let kind = match present.function.kind {
            FunctionType::Event => FunctionType::Http,
            FunctionType::Http => FunctionType::Event,
        };
        let nonsense = Function {
            kind,
            memory: 1,
            timeout: 1,
            init_timeout: Some(1),
            public_network: !present.function.public_network,
            fixed_ip: !present.function.fixed_ip,
            fixed_intranet_ip: !present.function.fixed_intranet_ip,
            dns_cache: !present.function.dns_cache,
            install_dependencies: !present.function.install_dependencies,
            async_execution: !present.function.async_execution,
            tracing: None,
            websocket: None,
            ..Function::default()
        };
        present.function.take(not_given, &nonsense);
        present.not_given = not_given.to_vec();
    }
    cloud
}

fn from_snapshot(cloud: &Cloud) -> Plan {
    let picture = take(&stack(), &cloud.observe(&stack())).expect("no name is sensitive");
    plan::snapshot::plan(&stack(), &Snapshot::new("2026-01-02T03:04:05Z".into(), vec![picture]))
}

#[test]
fn what_is_not_given_makes_no_change() {
    for setting in ALL {
        let cloud = answered(&[setting]);
        assert!(cloud.plan(&stack()).is_empty(), "{setting:?}: {:?}", cloud.plan(&stack()).changes);
    }
    let cloud = answered(&ALL);
    assert!(cloud.plan(&stack()).is_empty(), "{:?}", cloud.plan(&stack()).changes);
    let offline = from_snapshot(&cloud);
    assert!(offline.is_empty(), "{:?}", offline.changes);
    let paths = |plan: &Plan| -> Vec<String> { plan.not_compared.iter().flat_map(|n| n.paths.clone()).collect() };
    assert!(paths(&offline).contains(&"runtime".to_owned()), "a snapshot says that it did not compare it");
    assert!(paths(&from_snapshot(&answered(&[]))).is_empty());
}

#[test]
fn what_the_manifest_asks_for_and_nobody_tells_is_said() {
    let warned = |not_given: &[Setting]| -> Vec<String> {
        let plan = answered(not_given).plan(&stack());
        assert!(plan.is_empty() && plan.errors().next().is_none());
        let said = plan.findings.iter().map(|f| format!("{} {}", f.address.as_ref().expect("on what"), f.message));
        said.map(|m| m.replace(": not compared, and left as it is", "")).collect()
    };
    assert_eq!(warned(&[]), [""; 0]);
    assert_eq!(
        warned(&[Setting::Runtime, Setting::FixedIp, Setting::Websocket]),
        [
            "function.events the platform does not tell runtime",
            "function.pages the platform does not tell runtime, fixed_ip, websocket",
        ],
        "an image's runtime and what is left at its default are not asked for"
    );
}

#[test]
fn a_difference_beside_what_is_not_given_shows_and_has_its_cause() {
    let mut cloud = answered(&[Setting::Runtime, Setting::Type, Setting::PublicNetwork]);
    for present in cloud.functions.values_mut() {
        present.function.memory = 1024;
    }
    for plan in [cloud.plan(&stack()), from_snapshot(&cloud)] {
        assert_eq!(plan.changes.len(), 3);
        for change in &plan.changes {
            let attributes = change.attributes();
            let paths: Vec<&str> = attributes.iter().map(|a| &*a.path).collect();
            assert_eq!((change.action, paths), (Action::Update, vec!["memory"]), "{}", change.address);
        }
    }
    assert!(cloud.plan(&stack()).changes.iter().all(|c| c.cause.word() == "cloud"));
}

#[test]
fn a_speaker_of_websocket_that_is_not_named_as_one_keeps_its_idle_timeout_compared() {
    let mut cloud = answered(&[]);
    for present in cloud.functions.values_mut().filter(|f| f.function.websocket.is_some()) {
        present.not_given = vec![Setting::Websocket];
        present.function.websocket = Some(15);
    }
    let plan = cloud.plan(&stack());
    let change = plan.changes.first().expect("a change");
    let attributes = change.attributes();
    let paths: Vec<&str> = attributes.iter().map(|a| &*a.path).collect();
    assert_eq!((plan.changes.len(), change.action, paths), (1, Action::Update, vec!["websocket.idle_timeout"]));
}

#[test]
fn an_image_that_is_not_given_is_the_one_that_the_mark_names() {
    let mut cloud = answered(&[]);
    let planned = |cloud: &Cloud| -> Vec<String> {
        let plan = cloud.plan(&stack());
        plan.changes.iter().flat_map(|c| c.attributes().into_owned()).map(|a| a.path.into_owned()).collect()
    };
    assert_eq!(planned(&cloud), Vec::<String>::new());
    for present in cloud.functions.values_mut() {
        if let plan::resource::function::CodeSource::Image(_) = present.code.source {
            present.code.source = plan::resource::function::CodeSource::Package;
        }
    }
    assert_eq!(planned(&cloud), Vec::<String>::new(), "no image was given");
    for present in cloud.functions.values_mut().filter(|f| f.function.runtime == "CustomImage") {
        present.function.runtime = "Go1".into();
    }
    assert_eq!(planned(&cloud), ["runtime"], "that it runs no image at all shows");
}

#[test]
fn an_answer_that_gives_less_or_more_than_the_one_before_is_no_move() {
    let key = DigestKey::new(b"k");
    let seen = |cloud: &Cloud| {
        let mut all = pin::Pins::new();
        let stack = stack();
        pin::each(&cloud.observe(&stack), &pin::Sensitive::of(&stack), &key, |name, pin| drop(all.insert(name, pin)));
        all
    };
    let (whole, open) = (answered(&[]), answered(&ALL));
    assert_eq!(pin::moved(&seen(&whole), &seen(&open)), []);
    assert_eq!(pin::moved(&seen(&open), &seen(&whole)), []);
    let mut moved = answered(&[Setting::Runtime]);
    for present in moved.functions.values_mut() {
        present.function.memory = 1024;
    }
    let paths: Vec<String> = pin::moved(&seen(&whole), &seen(&moved)).into_iter().map(|m| m.path).collect();
    assert_eq!(paths, ["memory"; 3]);
}
