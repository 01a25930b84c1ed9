//! The command line as typed. What it means is decided by the commands.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::ui::ColorChoice;

/// Infrastructure as code for Tencent Cloud functions, triggers and roles.
#[derive(Debug, Parser)]
#[command(name = "provision", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Start with `provision plan --local`: it needs no account.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Manifest file, or folder of manifests [default: manifests/]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub file: Vec<PathBuf>,
    /// Only this stack
    #[arg(long, global = true, value_name = "NAME")]
    pub stack: Vec<String>,
    /// Only this resource and what it depends on
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// Sets a variable of the manifests
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Reads variables from a flat YAML or TOML file
    #[arg(long, global = true, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    /// Region of functions that name none
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Profile of ~/.tccli
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Send every call to this address (http or https)
    #[arg(long, global = true, env = "PROVISION_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Bucket (NAME-APPID) for packages above 7 MB of manifests that name none
    #[arg(long, global = true, env = "PROVISION_PACKAGE_BUCKET", value_name = "BUCKET")]
    pub package_bucket: Option<String>,
    /// Use the embedded local cloud: no account, state in .provision/local/
    #[arg(long, global = true)]
    pub local: bool,
    /// Most calls in flight at once
    #[arg(long, global = true, value_name = "N", default_value_t = 64)]
    pub parallelism: usize,
    /// Where call rates start
    #[arg(long, global = true, value_name = "MODE", default_value = "adaptive")]
    pub rate: Rate,
    /// How results are written; docs/output.md says which command takes which
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Set by commands that take `--changed-since`.
    #[arg(skip)]
    pub changed_since: Option<String>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Say results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say each call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Where call rates start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rate {
    /// Free, falling back to the documented rate at the first throttling.
    Adaptive,
    /// At the documented rate.
    Documented,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For comments of pull requests.
    Markdown,
    /// For GitHub Actions: annotations, step summary, step outputs.
    Github,
    /// For GitLab CI: the plan widget, or Code Quality for findings.
    Gitlab,
    /// For code scanning: findings.
    Sarif,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a project: a manifest, a function that works, and next steps
    Init(InitArgs),
    /// Check the manifests; calls nothing
    Validate,
    /// Show what would change, exactly
    Plan(PlanArgs),
    /// Make it so: shows the plan, asks, applies
    Apply(ApplyPlanArgs),
    /// Remove everything the stack owns
    Destroy(ApplyArgs),
    /// Show what changed in the cloud, or may have, though the manifest did not; exit 2 if anything
    Drift,
    /// Build and pack code, nothing else
    Package(PackageArgs),
    /// Run a function once; show its answer, log and figures
    Invoke(InvokeArgs),
    /// Show what a function wrote
    Logs(LogsArgs),
    /// Print a realistic event, or deliver it on the local cloud
    Event(EventArgs),
    /// Serve the local cloud for SDKs, Terraform and other tools
    Local(LocalArgs),
    /// Write what the cloud holds now, without its secrets, for plans that need no credentials
    Snapshot(SnapshotArgs),
    /// Print the least CAM policies for plan and apply of these manifests; calls nothing
    Permissions(PermissionsArgs),
    /// Put the keys of manifests into canonical order; comments stay
    Fmt(FmtArgs),
    /// Print the JSON Schema of a manifest, for editors
    Schema,
    /// Say what a code of a finding or of the platform means, and the way out
    Explain(ExplainArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write manual pages
    Man(ManArgs),
}

/// Options of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Exit with 2 when changes are pending
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Save the plan, for `provision apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Plan against a picture that `provision snapshot` made: no credentials, no calls
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Plan the removal of everything the stack owns
    #[arg(long)]
    pub destroy: bool,
    /// Only stacks whose manifest, variable files or code changed in git since this revision
    #[arg(long, value_name = "REV")]
    pub changed_since: Option<String>,
    /// Warn when more would be deleted or replaced (a number, or `unlimited`)
    #[arg(long, value_name = "N")]
    pub max_deletes: Option<String>,
}

/// Options of `apply`: a saved plan, and what `destroy` takes too.
#[derive(Debug, Clone, Args)]
pub struct ApplyPlanArgs {
    /// Plan made by `provision plan --out FILE`; carried out only if nothing moved since
    #[arg(value_name = "PLANFILE")]
    pub plan_file: Option<PathBuf>,
    /// The rest.
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// Options of `apply` and `destroy`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Refuse when more would be deleted or replaced (a number, or `unlimited`)
    #[arg(long, value_name = "N")]
    pub max_deletes: Option<String>,
    /// Use packages that `provision package` built; build nothing
    #[arg(long)]
    pub no_build: bool,
    /// Build this function's code again even when a package is there
    #[arg(long, value_name = "ADDRESS")]
    pub rebuild: Vec<String>,
    /// Keep others from applying at the same time: `on`, `off`, or `break[:ID]` to take over from a run that is dead
    #[arg(long, value_name = "MODE", env = "PROVISION_LEASE", default_value = "on")]
    pub lease: LeaseMode,
    /// When somebody else is applying, wait this long (such as 60s or 5m), then plan anew [default: refuse at once]
    #[arg(long, value_name = "TIME", value_parser = wait_time)]
    pub lease_wait: Option<Duration>,
}

/// What to do about leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseMode {
    /// Take one for each stack that is written to.
    On,
    /// Take none.
    Off,
    /// Take one, from whoever has it now, or from the holder with this id only.
    Break(Option<String>),
}

impl FromStr for LeaseMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            // A variable that is set but empty counts as unset.
            "on" | "" => Ok(Self::On),
            "off" => Ok(Self::Off),
            "break" => Ok(Self::Break(None)),
            _ => match text.strip_prefix("break:") {
                Some(id) if !id.is_empty() => Ok(Self::Break(Some(id.to_owned()))),
                _ => Err("it is `on`, `off`, `break` or `break:ID`".to_owned()),
            },
        }
    }
}

/// Seconds, or a number with `s` or `m`.
fn wait_time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n <= 24 * 3600);
    seconds.map(Duration::from_secs).ok_or_else(|| "it is a time such as 60s or 5m, a day at most".to_owned())
}

/// Options of `package`.
#[derive(Debug, Clone, Args)]
pub struct PackageArgs {
    /// Build this function's code again even when a package is there
    #[arg(long, value_name = "ADDRESS")]
    pub rebuild: Vec<String>,
}

/// Options of `invoke`.
#[derive(Debug, Clone, Args)]
pub struct InvokeArgs {
    /// Id or address of a function of the manifests
    pub function: String,
    /// File with the event, JSON [default: {}]
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// Version or alias
    #[arg(long, value_name = "NAME", default_value = "$DEFAULT")]
    pub qualifier: String,
    /// Send the event and do not wait for the answer
    #[arg(long = "async")]
    pub asynchronous: bool,
}

/// Options of `logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Id or address of a function of the manifests
    pub function: String,
    /// Go on until interrupted
    #[arg(long)]
    pub follow: bool,
    /// Runs to show at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u64,
}

/// Options of `event`.
#[derive(Debug, Clone, Args)]
pub struct EventArgs {
    /// Such as mps-workflow; without it, all are listed
    pub sample: Option<String>,
    /// Changes a member of the event
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Deliver it through the bound trigger (local cloud)
    #[arg(long)]
    pub send: bool,
}

/// Options of `local`.
#[derive(Debug, Clone, Args)]
pub struct LocalArgs {
    /// Address to serve on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7300")]
    pub listen: SocketAddr,
    /// Folder that keeps the state [default: .provision/local]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Faults to inject, as a file
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Accept this key besides `local` with secret `local`
    #[arg(long, value_name = "ID:SECRET")]
    pub key: Vec<String>,
    /// Owner uin of the account
    #[arg(long, value_name = "UIN", default_value = "100000000001")]
    pub account: String,
    /// Answer each call this much later, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
    /// Enforce the documented call rates
    #[arg(long)]
    pub rates: bool,
    /// Do not enforce quotas that can be raised on request
    #[arg(long)]
    pub no_quotas: bool,
}

/// Options of `snapshot`.
#[derive(Debug, Clone, Args)]
pub struct SnapshotArgs {
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Options of `permissions`.
#[derive(Debug, Clone, Args)]
pub struct PermissionsArgs {
    /// Only for this command [default: both]
    pub purpose: Option<Purpose>,
    /// Owner uin [default: what the manifests or PROVISION_ACCOUNT name]
    #[arg(long, value_name = "UIN")]
    pub account: Option<String>,
    /// Whether functions are named
    #[arg(long, value_name = "WHICH", default_value = "named")]
    pub resources: Resources,
    /// Print the role's trust document for the jobs of this CI system too
    #[arg(long, value_name = "SYSTEM", requires = "repository")]
    pub trust: Option<TrustSystem>,
    /// Repository whose jobs are trusted: OWNER/NAME, or the path of a GitLab project
    #[arg(long, value_name = "REPOSITORY", requires = "trust")]
    pub repository: Option<String>,
    /// Branch whose jobs are trusted
    #[arg(long, value_name = "NAME", requires = "trust")]
    pub branch: Option<String>,
    /// GitHub environment whose jobs may apply
    #[arg(long, value_name = "NAME", requires = "trust")]
    pub environment: Option<String>,
    /// Name of the identity provider in the account [default: GitHubActions or GitLab]
    #[arg(long, value_name = "NAME", requires = "trust")]
    pub provider: Option<String>,
    /// Who issues the tokens [default: github.com's or gitlab.com's issuer]
    #[arg(long, value_name = "URL", requires = "trust")]
    pub issuer: Option<String>,
    /// Audience of the tokens [default: sts.tencentcloudapi.com]
    #[arg(long, value_name = "TEXT", requires = "trust")]
    pub audience: Option<String>,
}

/// For which command permissions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// plan, drift and snapshot.
    Plan,
    /// apply and destroy.
    Apply,
}

/// Whether policies name resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Resources {
    /// Functions by name where CAM allows that.
    Named,
    /// `*`, for accounts that refuse the narrow form.
    Any,
}

/// CI systems whose tokens a role can trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrustSystem {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
}

/// Options of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Folder to start in
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Such as mps-webhook; without it, a terminal is asked
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Name of the stack [default: the repository's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Ask nothing: the first template, unless one is named
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Show the templates and do nothing
    #[arg(long)]
    pub list: bool,
}

/// Options of `fmt`.
#[derive(Debug, Clone, Args)]
pub struct FmtArgs {
    /// Manifests, or folders of manifests; `-` reads standard input [default: manifests/]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write nothing; show the differences and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Such as P010 or FailedOperation, or how it begins; without it, all are listed
    pub code: Option<String>,
    /// Language of the answer [default: by LC_ALL, LC_MESSAGES, LANG]
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
}

/// Languages of explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

/// Options of `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell; for bash: `source <(provision completions bash)`
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Folder to write them into
    #[arg(long, value_name = "DIR", default_value = "man")]
    pub out: PathBuf,
}
