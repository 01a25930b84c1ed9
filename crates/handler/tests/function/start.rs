//! Init: what is refused, and in which words.

use std::process::Command;

use crate::process::Function;
use crate::world::Robot;

fn refused(variables: &[(&str, &str)]) -> String {
    // Nobody listens at the runtime API: a refusal must come before `ready`.
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs([("SCF_RUNTIME_API", "127.0.0.1"), ("SCF_RUNTIME_API_PORT", "1")])
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn without_a_usable_robot_init_fails_in_words() {
    for variables in
        [&[][..], &[("WECOM_WEBHOOK_KEY", ""), ("WECOM_WEBHOOK_URL", "")][..], &[("WECOM_WEBHOOK_URL", "canary")][..]]
    {
        let words = refused(variables);
        assert!(words.contains("init failed: no usable WeCom robot: set WECOM_WEBHOOK_KEY"), "{words}");
        assert!(!words.contains("canary"), "{words}");
    }
}

#[test]
fn a_setting_that_cannot_be_meant_fails_init_by_name() {
    let words = refused(&[("WECOM_WEBHOOK_KEY", "k"), ("NOTIFY_LANG", "klingon")]);
    assert!(words.contains("NOTIFY_LANG is `klingon`: expected zh or en"), "{words}");
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let robot = Robot::start(vec![]);
    let mut function = Function::start(&[
        ("WECOM_WEBHOOK_URL", &robot.url()),
        ("http_proxy", "http://127.0.0.1:1"),
        ("https_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ]);
    function.invoke(b"{}").response();
    assert_eq!(robot.messages().len(), 1);
}
