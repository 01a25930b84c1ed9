//! `provision explain` from outside: languages, beginnings of codes, slips, JSON.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::process::{Command, Output};

fn explain(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provision"));
    command.arg("explain").args(arguments).env_clear().envs(environment.iter().copied()).output().unwrap()
}

fn out(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = explain(arguments, environment);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn findings_and_codes_of_the_platform_are_told_in_the_language_of_the_environment() {
    assert!(out(&["P010"], &[]).starts_with("P010: no such key\n"));
    assert!(out(&["p010"], &[("LANG", "zh_CN.UTF-8")]).starts_with("P010: 没有这个键\n"));
    assert!(out(&["p010"], &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]).starts_with("P010: no such key\n"));
    assert!(out(&["P010", "--lang", "en"], &[("LC_ALL", "zh_TW")]).starts_with("P010: no such key\n"));
    let clock = out(&["authfailure.signatureexpire"], &[]);
    assert!(clock.starts_with("AuthFailure.SignatureExpire: ") && clock.contains("clock"), "{clock}");
}

#[test]
fn a_family_lists_its_codes_and_stands_in_for_unknown_ones() {
    let family = out(&["FailedOperation"], &[]);
    assert!(family.contains("FailedOperation.CreateFunction  "), "{family}");
    let unknown = out(&["FailedOperation.NeverHeardOf"], &[]);
    assert!(
        unknown.starts_with("FailedOperation: ") && unknown.contains("`FailedOperation.NeverHeardOf`"),
        "{unknown}"
    );
    assert!(out(&[], &[]).lines().count() > 150);
}

#[test]
fn a_slip_gets_the_nearest_codes_and_exit_1() {
    let output = explain(&["SignatureExpired"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("did you mean AuthFailure.SignatureExpire?"),
        "{output:?}"
    );
}

#[test]
fn json_holds_cause_and_way_out() {
    let json: serde_json::Value =
        serde_json::from_str(&out(&["RequestLimitExceeded", "--format", "json"], &[])).unwrap();
    assert_eq!(json["codes"][0]["code"], "RequestLimitExceeded");
    assert_eq!(json["codes"][0]["kind"], "platform");
    assert!(json["codes"].as_array().unwrap().len() > 3, "{json}");
    assert!(json["codes"][0]["help"].as_str().unwrap().ends_with('.'));
}
