//! `docs/cli.md` is written by this test from the definition of the command line, completions load in the shells that
//! are there, and manual pages are made for every command.

#![expect(clippy::unwrap_used, reason = "the set-up of a test fails by panicking")]

use std::fmt::Write as _;
use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory as _};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

const HEAD: &str = "# The command line

Written by `crates/provision/tests/reference.rs` from the definition of the command line; renew it with
`UPDATE=1 cargo test -p provision --test reference`. `provision COMMAND --help` says the same.

Results go to standard output, everything else to standard error. What a manifest may hold is in
[manifest.md](manifest.md).

## Exit codes

| code | means |
| --- | --- |
| 0 | done, or nothing to do |
| 1 | failed: wrong command line, findings, a call that failed |
| 2 | changes are pending: `drift`, and `plan --detailed-exitcode` |
| 3 | refused: stale plan, protected or foreign object, held event type, wrong account, too many deletes |
| 130 | interrupted, after a clean stop |

Of several stacks the worst decides: 130, else 1, else 3, else 2.

## Environment

An empty variable counts as unset.

| variable | means |
| --- | --- |
| `PROVISION_ENDPOINT` | as `--endpoint` |
| `PROVISION_PACKAGE_BUCKET` | as `--package-bucket` |
| `PROVISION_LEASE` | as `--lease` |
| `PROVISION_LOCAL` | `1`: as `--local` |
| `PROVISION_LEASE` | as `--lease` |
| `PROVISION_PACKAGE_BUCKET` | as `--package-bucket` |
| `PROVISION_ACCOUNT` | guard: the owner's uin that the credentials have to belong to |
| `PROVISION_VAR_NAME` | the value of variable `NAME` of the manifests |
| `PROVISION_DIGEST_KEY` | key of the digests that stand for hidden values, so that two plans can be compared |
| `PROVISION_CALL_TIMEOUT` | seconds to wait for an answer, such as `2.5`; 60 when unset |
| `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY` | the key of the account |
| `TENCENTCLOUD_TOKEN`, `TENCENTCLOUD_SECURITY_TOKEN`, `TENCENTCLOUD_SESSION_TOKEN` | the token of temporary credentials; two that disagree are an error |
| `TENCENTCLOUD_ROLE_ARN`, `TENCENTCLOUD_PROVIDER_ID` | role to assume with the web identity of a CI system, and the identity provider's name in CAM |
| `TENCENTCLOUD_WEB_IDENTITY_TOKEN` | the token of that identity where the CI system hands it over by a variable, as GitLab does |
| `CI` | `true`: nothing is asked; `apply` deletes nothing without a saved plan or `--max-deletes`, `destroy` needs `--yes` |
| `NO_COLOR`, `TERM` | no colour when set, or `dumb` |
| `LC_ALL`, `LC_MESSAGES`, `LANG` | language of `explain` |
";

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn usage(arg: &Arg) -> String {
    let names =
        arg.get_value_names().map(|n| n.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default();
    let value = if arg.get_action().takes_values() { names.join(" ") } else { String::new() };
    if arg.is_positional() {
        return format!("`{}`", value.to_uppercase());
    }
    let flags = [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|l| format!("--{l}"))];
    let flags = flags.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if value.is_empty() { format!("`{flags}`") } else { format!("`{flags} {value}`") }
}

fn rows(out: &mut String, args: &[&Arg]) {
    writeln!(out, "\n| argument | means | default |\n| --- | --- | --- |").unwrap();
    for arg in args {
        let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let mut default: Vec<String> = arg
            .get_default_values()
            .iter()
            .filter(|_| arg.get_action().takes_values())
            .map(|v| format!("`{}`", v.to_string_lossy()))
            .collect();
        // Defaults that are worked out stand in the help.
        if let Some((before, said)) = help.clone().rsplit_once(" [default: ") {
            help = before.to_owned();
            default.push(said.trim_end_matches(']').to_owned());
        }
        let values: Vec<String> = if arg.get_action().takes_values() {
            arg.get_possible_values()
                .iter()
                .filter(|v| !v.is_hide_set())
                .map(|v| format!("`{}`", v.get_name()))
                .collect()
        } else {
            Vec::new()
        };
        if !values.is_empty() {
            write!(help, ": {}", values.join(", ")).unwrap();
        }
        if let Some(variable) = arg.get_env() {
            write!(help, "; also `{}`", variable.to_string_lossy()).unwrap();
        }
        if arg.is_required_set() {
            default = vec!["required".to_owned()];
        }
        writeln!(out, "| {} | {} | {} |", usage(arg), cell(&help), cell(&default.join(", "))).unwrap();
    }
}

fn page() -> String {
    let mut command = provision::cli::Cli::command();
    command.build();
    let mut out = HEAD.to_owned();
    let shown = |a: &&Arg| !a.is_hide_set() && a.get_id() != "help" && a.get_id() != "version";
    out.push_str("\n## Global options\n\nEvery command takes them; not every command needs them.\n");
    rows(&mut out, &command.get_arguments().filter(|a| a.is_global_set()).filter(shown).collect::<Vec<_>>());
    for inner in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        section(&mut out, inner, shown);
    }
    out
}

fn section(out: &mut String, command: &Command, shown: impl Fn(&&Arg) -> bool + Copy) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    write!(out, "\n## {}\n\n{}.\n", name, command.get_about().map(ToString::to_string).unwrap_or_default()).unwrap();
    let args: Vec<&Arg> = command.get_arguments().filter(|a| !a.is_global_set()).filter(shown).collect();
    if !args.is_empty() {
        rows(out, &args);
    }
    for inner in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        section(out, inner, shown);
    }
}

#[test]
fn the_page_on_the_command_line_is_current() {
    let current = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &current).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == current, "docs/cli.md is stale; renew it: UPDATE=1 cargo test -p provision --test reference");
}

#[test]
fn every_command_and_option_says_what_it_is_for() {
    let mut command = provision::cli::Cli::command();
    command.build();
    for inner in std::iter::once(&command).chain(command.get_subcommands()) {
        assert!(inner.get_about().is_some(), "{}", inner.get_name());
        for arg in inner.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty() && !help.ends_with('.'), "{} {}: {help:?}", inner.get_name(), arg.get_id());
        }
    }
}

fn provision(arguments: &[&str]) -> String {
    let output = Process::new(env!("CARGO_BIN_EXE_provision")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_know_every_command_and_load_in_bash() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = provision(&["completions", shell]);
        for command in provision::cli::Cli::command().get_subcommands() {
            assert!(script.contains(command.get_name()), "{shell} lacks {}", command.get_name());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c"), provision(&["completions", "bash"])).unwrap();
    // What bash itself offers after `provision va`.
    let asked = "source ./c && COMP_WORDS=(provision va) COMP_CWORD=1 && _provision provision va provision && echo \"${COMPREPLY[*]}\"";
    let output = Process::new("bash").args(["--norc", "-c", asked]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "validate", "{output:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    provision(&["man", "--quiet", "--out", &out.display().to_string()]);
    let page = std::fs::read_to_string(out.join("provision-plan.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("provision plan"), "{page}");
    let commands = provision::cli::Cli::command().get_subcommands().count();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), commands + 1);
}
