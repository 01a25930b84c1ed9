//! Infrastructure as code for Tencent Cloud functions, triggers and roles.
//!
//! [`run`] is where `main` and the tests both come in. A command (`commands`) gathers inputs (`load`, `session`,
//! `observe`), calls the pure crate `plan`, and carries out the answer (`build`, `upload`, `apply`). `wire` spells normal
//! forms for the API and back. Nothing here decides what changes.

mod apply;
mod build;
mod changed;
pub mod cli;
mod commands;
mod encode;
pub mod error;
mod explanations;
pub mod formats;
mod load;
mod local_http;
mod observe;
pub mod package;
mod plan_file;
mod progress_view;
mod review;
mod samples;
mod session;
mod signals;
mod ui;
mod upload;
mod upload_view;
mod wire;
pub mod world;

use std::ffi::OsString;

use clap::Parser as _;
use plan::render::guard::DigestKey;
use plan::render::style::Style;

use apply::Stop;
use cli::{Cli, Command, Format};
use commands::Run;
use error::{CommandError, exit};
use review::About;
use ui::{ColorChoice, Folds, Secrets, Ui};
use world::World;

/// Runs a command line and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, world: World) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments, world),
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() else {
        return exit::FAILED;
    };
    let (mut run, command) = prepare(cli, world);
    if let Err(error) = formats::check(&command, run.global.format) {
        run.explain_error(&error);
        return error.exit_code();
    }
    let code = runtime.block_on(async {
        let stop = Stop::default();
        if matches!(command, Command::Apply(_) | Command::Destroy(_) | Command::Package(_)) {
            // These finish what is in flight and report; the second signal ends the process.
            tokio::spawn(watch_signals(stop.clone()));
            return carry_out(&mut run, &command, &stop).await;
        }
        if matches!(command, Command::Local(_)) {
            return carry_out(&mut run, &command, &stop).await;
        }
        tokio::select! {
            code = carry_out(&mut run, &command, &stop) => Some(code),
            () = signals::stopped() => None,
        }
        .unwrap_or_else(|| run.fail(&CommandError::Interrupted, None))
    });
    // A prompt or a call that hangs must not keep the process.
    runtime.shutdown_background();
    code
}

async fn carry_out(run: &mut Run, command: &Command, stop: &Stop) -> u8 {
    match command {
        Command::Init(arguments) => commands::init::run(run, arguments),
        Command::Validate => commands::validate::run(run),
        Command::Plan(arguments) => commands::plan::run(run, arguments).await,
        Command::Apply(arguments) => {
            commands::apply::run(run, &arguments.apply, arguments.plan_file.as_deref(), false, stop).await
        }
        Command::Destroy(arguments) => commands::apply::run(run, arguments, None, true, stop).await,
        Command::Drift => commands::drift::run(run).await,
        Command::Package(arguments) => commands::package::run(run, arguments, stop),
        Command::Invoke(arguments) => commands::invoke::run(run, arguments).await,
        Command::Logs(arguments) => commands::logs::run(run, arguments).await,
        Command::Event(arguments) => commands::event::run(run, arguments).await,
        Command::Local(arguments) => commands::local::run(run, arguments).await,
        Command::Snapshot(arguments) => commands::snapshot::run(run, arguments).await,
        Command::Permissions(arguments) => commands::permissions::run(run, arguments),
        Command::Fmt(arguments) => commands::fmt::run(run, arguments),
        Command::Schema => commands::schema::run(run),
        Command::Explain(arguments) => commands::explain::run(run, arguments),
        Command::Completions(arguments) => commands::completions::run(run, arguments),
        Command::Man(arguments) => commands::completions::man(run, arguments),
    }
}

/// The first signal asks for a clean stop, the second one ends the process.
async fn watch_signals(stop: Stop) {
    signals::stopped().await;
    stop.ask();
    signals::stopped().await;
    std::process::exit(i32::from(exit::INTERRUPTED));
}

fn prepare(mut cli: Cli, mut world: World) -> (Run, Command) {
    // A variable that is set but empty counts as unset.
    cli.global.endpoint = cli.global.endpoint.filter(|e| !e.trim().is_empty());
    let no_color = world.variable("NO_COLOR").is_some() || world.variable("TERM") == Some("dumb");
    let style = |terminal: bool| Style {
        color: match cli.global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color,
        },
    };
    let ui = Ui {
        out_style: style(world.stdout_is_terminal),
        err_style: style(world.stderr_is_terminal),
        live: world.stderr_is_terminal && !no_color,
        out: std::mem::replace(&mut world.out, Box::new(std::io::sink())),
        err: std::mem::replace(&mut world.err, Box::new(std::io::sink())),
        secrets: Secrets::default(),
        verbosity: if cli.global.quiet { 0 } else { 1 + cli.global.verbose },
        folds: Folds::of(&world, cli.global.format),
        is_text: cli.global.format == Format::Text,
    };
    let about = About::of(&cli.command);
    let given = world.variable("PROVISION_DIGEST_KEY").map(|k| k.as_bytes().to_vec());
    let own_key = if given.is_some() { None } else { Some(random_key()) };
    let key = DigestKey::new(given.as_deref().or(own_key.as_deref()).unwrap_or_default());
    (Run { global: cli.global, world, ui, key, own_key, about }, cli.command)
}

/// A key nobody can guess: digests of short secrets must not be searchable.
fn random_key() -> Vec<u8> {
    let mut bytes = [0; 32];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.to_vec(),
        Err(error) => panic!("the system gives no random numbers: {error}"),
    }
}

/// Help and version are data; a wrong command line is a usage error, in JSON too when JSON was asked for.
fn usage(error: &clap::Error, arguments: &[OsString], mut world: World) -> u8 {
    use clap::error::ErrorKind;
    let text = error.render();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = write!(world.out, "{text}");
        return exit::DONE;
    }
    let wants_json = arguments.windows(2).any(|w| w[0] == "--format" && w[1] == "json")
        || arguments.iter().any(|a| a == "--format=json");
    if wants_json {
        let message = text.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let failure = CommandError::Usage { message, help: Some("see --help".to_owned()) };
        let _ = writeln!(
            world.out,
            "{}",
            serde_json::json!({ "format_version": "1", "stacks": [], "diagnostics": [], "error": failure.json() })
        );
    }
    let _ = write!(world.err, "{text}");
    exit::FAILED
}
