//! Packages that are too large for a request, through the real binary: what goes to the bucket, when, how often, and
//! what a failure leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use localcloud::{Effect, Faults, Options, Rule};
use support::{Cloud, Project};

/// Two functions with the same large code, which is nothing but a folder.
const MANIFEST: &str = r"
stack: large
region: ap-beijing
package_bucket: deploy-1250000000
functions:
  one: { runtime: CustomRuntime, handler: main, code: { dir: ../code } }
  two: { runtime: CustomRuntime, handler: main, code: { dir: ../code } }
";

/// Bytes that do not compress: five parts and a bit.
const NOISE: usize = 9 << 20;

fn project(cloud: &Cloud) -> Project {
    let project = Project::on(cloud, MANIFEST);
    // The folder stays below the top of the tree.
    std::fs::create_dir(project.path(".git")).unwrap();
    project.write("code/bootstrap", "#!/bin/sh\nexit 1\n");
    noise(&project, 1);
    project
}

fn noise(project: &Project, seed: u32) {
    std::fs::write(project.path("code/noise"), support::noise(seed, NOISE)).unwrap();
}

fn count(cloud: &Cloud, action: &str) -> usize {
    cloud.calls().iter().filter(|(seen, _)| seen == action).count()
}

fn with_faults(rules: Vec<Rule>) -> Cloud {
    Cloud::with(Options { faults: Some(Faults::new(rules)), ..Options::default() })
}

#[test]
fn equal_packages_are_uploaded_once_and_before_any_function_is_made() {
    let cloud = Cloud::start();
    let project = project(&cloud);
    let applied = project.run(&["apply", "--yes"]).exits(0);
    for line in
        ["uploading the package of function.one, 9.0 MB to deploy-1250000000 in ap-beijing", "75% of", "uploaded"]
    {
        assert!(applied.stderr.contains(line), "no {line:?}: {}", applied.stderr);
    }
    let writes = cloud.writes();
    assert_eq!(writes.iter().filter(|w| *w == "UploadPart").count(), 5, "{writes:?}");
    let completed = writes.iter().position(|w| w == "CompleteMultipartUpload").unwrap();
    let created = writes.iter().position(|w| w == "CreateFunction").unwrap();
    assert!(completed < created, "{writes:?}");
    project.run(&["plan", "--detailed-exitcode"]).exits(0);

    // The object is there: what is made anew takes it again.
    project.run(&["destroy", "--yes", "--max-deletes", "unlimited"]).exits(0);
    let again = project.run(&["apply", "--yes"]).exits(0);
    assert!(again.stderr.contains("is in the bucket already"), "{}", again.stderr);
    assert_eq!(count(&cloud, "UploadPart"), 5);

    // Other settings send no code, other code does.
    project.edit("one: {", "one: { memory: 256,");
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(count(&cloud, "HeadObject"), 2);
    noise(&project, 2);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(count(&cloud, "UploadPart"), 10);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn without_a_bucket_the_plan_says_what_to_add_and_nothing_is_written() {
    let cloud = Cloud::start();
    let project = project(&cloud);
    project.edit("package_bucket: deploy-1250000000\n", "");
    for arguments in [&["plan"][..], &["apply", "--yes"]] {
        let ran = project.run(arguments).exits(1);
        assert!(ran.stderr.contains("error[P061]") && ran.stderr.contains("add `package_bucket:"), "{}", ran.stderr);
    }
    assert_eq!(cloud.writes(), Vec::<String>::new());
    let json = project.run(&["plan", "--format", "json"]).exits(1).json();
    assert_eq!(json["stacks"][0]["diagnostics"][0]["code"], "P061", "{json}");
    // Removing needs no bucket, and an option names one as well.
    project.run(&["destroy", "--yes"]).exits(0);
    project.run(&["apply", "--yes", "--package-bucket", "other-1250000000"]).exits(0);
    let wrong = project.run(&["plan", "--package-bucket", "other"]).exits(1);
    assert!(wrong.stderr.contains("lacks the appid"), "{}", wrong.stderr);
}

#[test]
fn a_bucket_that_refuses_leaves_every_function_as_it_was() {
    let missing = Effect::Refuse { code: "NoSuchBucket".to_owned(), message: "it is not there".to_owned() };
    let cloud = with_faults(vec![Rule::on("InitiateMultipartUpload", missing)]);
    let project = project(&cloud);
    let ran = project.run(&["apply", "--yes", "--format", "json"]).exits(1);
    let error = ran.json()["error"].clone();
    assert_eq!(
        (error["code"].as_str(), error["call"].as_str()),
        (Some("NoSuchBucket"), Some("InitiateMultipartUpload"))
    );
    assert!(error["help"].as_str().unwrap().contains("make the bucket first"), "{error}");
    assert_eq!(count(&cloud, "CreateFunction"), 0);
}

#[test]
fn faults_on_the_way_are_settled_by_looking_and_the_upload_ends_well() {
    let cloud = with_faults(vec![
        Rule::on("HeadObject", Effect::HttpStatus(502)).nth(1),
        Rule::on("InitiateMultipartUpload", Effect::LoseAnswer).nth(1),
        Rule::on("UploadPart", Effect::Throttle).nth(1),
        Rule::on("UploadPart", Effect::LoseAnswer).nth(2),
        Rule::on("UploadPart", Effect::HttpStatus(500)).nth(3),
        Rule::on("UploadPart", Effect::DropBefore).nth(4),
        Rule::on("CompleteMultipartUpload", Effect::LoseAnswer).nth(1),
    ]);
    let project = project(&cloud);
    project.run(&["apply", "--yes"]).exits(0);
    // The lost beginning was found, the lost end was seen to have happened.
    assert_eq!(count(&cloud, "InitiateMultipartUpload"), 1);
    assert_eq!(count(&cloud, "CompleteMultipartUpload"), 1);
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

/// Starts an apply and returns when some parts have arrived.
fn under_way(cloud: &Cloud, project: &Project, parts: usize) -> std::process::Child {
    let mut command = project.command(&["apply", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while count(cloud, "UploadPart") < parts {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no part arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_killed_upload_is_taken_up_again() {
    // Parts four and five do not get through, so that the first run cannot end before it is killed.
    let cloud = with_faults(vec![
        Rule::on("UploadPart", Effect::Delay { ms: 30_000 }).nth(4),
        Rule::on("UploadPart", Effect::Delay { ms: 30_000 }).nth(5),
    ]);
    let project = project(&cloud);
    let mut child = under_way(&cloud, &project, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(count(&cloud, "InitiateMultipartUpload"), 1);
    let outcomes: Vec<String> = cloud.calls().into_iter().filter(|(a, _)| a == "UploadPart").map(|(_, o)| o).collect();
    assert!(outcomes.len() <= 7, "parts that were there were sent again: {outcomes:?}");
    project.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_upload_is_aborted_and_changes_nothing() {
    let cloud = with_faults(vec![
        Rule::on("UploadPart", Effect::Delay { ms: 30_000 }).nth(4),
        Rule::on("UploadPart", Effect::Delay { ms: 30_000 }).nth(5),
    ]);
    let project = project(&cloud);
    let mut child = under_way(&cloud, &project, 3);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(count(&cloud, "AbortMultipartUpload"), 1);
    assert_eq!(count(&cloud, "CreateFunction"), 0);
}
