//! `provision init`: a starter project that works as it is. Nothing that exists is overwritten, and nothing stays
//! half-written. What a template holds is in `templates/`.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use plan::diagnostic::did_you_mean;
use serde_json::json;

use super::Run;
use crate::cli::InitArgs;
use crate::error::{CommandError, exit};

/// Where functions stand unless --region says otherwise: where the media service began.
const REGION: &str = "ap-beijing";

struct Template {
    name: &'static str,
    about: &'static str,
    manifest: &'static str,
    code: &'static str,
    /// An event of `provision event` that the function understands.
    event: &'static str,
    function: &'static str,
}

macro_rules! template {
    ($name:literal, $function:literal, $event:literal, $about:literal) => {
        Template {
            name: $name,
            about: $about,
            manifest: include_str!(concat!("../../templates/", $name, "/manifest.yaml")),
            code: include_str!(concat!("../../templates/", $name, "/index.py")),
            event: $event,
            function: $function,
        }
    };
}

const TEMPLATES: [Template; 4] = [
    template!("mps-webhook", "media-notify", "mps-workflow-processing", "media tasks end, a WeCom group is told"),
    template!("timer", "nightly", "timer", "a function that runs at set times"),
    template!("http", "hello", "http", "a function behind a URL of its own"),
    template!("cos", "on-upload", "cos", "a function that runs when a file arrives in a bucket"),
];

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &InitArgs) -> u8 {
    if arguments.list {
        return list(run);
    }
    match make(run, arguments) {
        Ok(text) => {
            run.ui.data(&text);
            exit::DONE
        }
        Err(error) => run.fail(&error, None),
    }
}

fn list(run: &mut Run) -> u8 {
    if run.is_json() {
        let all: Vec<_> = TEMPLATES.iter().map(|t| json!({ "name": t.name, "description": t.about })).collect();
        run.ui.json(&json!({ "format_version": plan::render::json::FORMAT_VERSION, "templates": all }));
    } else {
        let text: String = TEMPLATES.iter().map(|t| format!("{:12} {}\n", t.name, t.about)).collect();
        run.ui.data(&text);
    }
    exit::DONE
}

fn make(run: &mut Run, arguments: &InitArgs) -> Result<String, CommandError> {
    let folder = run.world.folder.join(&arguments.dir);
    let template = chosen(run, arguments)?;
    let stack = match &arguments.name {
        Some(name) if plan::validate::names::is_stack(name) => name.clone(),
        Some(name) => {
            return Err(CommandError::Usage {
                message: format!("`{name}` is no stack name"),
                help: Some(format!("2 to 40 of a-z, 0-9 and `-`, a letter first, such as {}", fitting(name))),
            });
        }
        None => repository_name(&folder),
    };
    let region = run.global.region.clone().unwrap_or_else(|| REGION.to_owned());
    let filled = template.manifest.replace("{{stack}}", &stack).replace("{{region}}", &region);
    let mut files = vec![
        (format!("manifests/{stack}.yaml"), filled),
        (format!("manifests/{stack}/index.py"), template.code.to_owned()),
    ];
    // A second stack in the same folder finds the schema of the first.
    let schema = ("manifests/schema.json".to_owned(), plan::schema::text());
    if fs::read_to_string(folder.join(&schema.0)).ok().as_ref() != Some(&schema.1) {
        files.push(schema);
    }
    write_all(&folder, &files)?;
    let ignored = ignore(&folder)?;
    if run.is_json() {
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let document = json!({ "format_version": plan::render::json::FORMAT_VERSION, "stack": stack, "template": template.name, "files": names });
        return Ok(format!("{document:#}\n"));
    }
    Ok(next_steps(template, &stack, &files, ignored, &arguments.dir))
}

fn next_steps(template: &Template, stack: &str, files: &[(String, String)], ignored: bool, dir: &Path) -> String {
    let mut text = format!("stack {stack}, from template {}\n\n", template.name);
    for (name, _) in files {
        text.push_str(&format!("  {name}\n"));
    }
    if ignored {
        text.push_str("  .gitignore (.provision/ added)\n");
    }
    text.push_str("\nnext, without an account:\n\n");
    if dir != Path::new(".") {
        text.push_str(&format!("  cd {}\n", dir.display()));
    }
    if template.name == "mps-webhook" {
        text.push_str("  export WECOM_WEBHOOK_KEY=...      # any text will do as long as it is --local\n");
    }
    let (event, function) = (template.event, template.function);
    text.push_str(&format!(
        "  provision plan --local\n  provision apply --local --yes\n  provision event {event} > event.json\n  provision invoke {function} --event event.json --local\n"
    ));
    text.push_str("\nin the cloud: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, and leave --local out\n");
    text
}

/// The template that was named, or chosen on a terminal.
fn chosen(run: &mut Run, arguments: &InitArgs) -> Result<&'static Template, CommandError> {
    if let Some(wanted) = &arguments.template {
        return TEMPLATES.iter().find(|t| t.name == wanted).ok_or_else(|| {
            let close = did_you_mean(wanted, TEMPLATES.iter().map(|t| t.name));
            CommandError::Usage {
                message: format!("no template is called `{wanted}`"),
                help: Some(close.map_or_else(
                    || "`provision init --list` shows them".to_owned(),
                    |close| format!("did you mean `{close}`?"),
                )),
            }
        });
    }
    if arguments.yes {
        return Ok(&TEMPLATES[0]);
    }
    if !run.world.stdin_is_terminal {
        let names: Vec<&str> = TEMPLATES.iter().map(|t| t.name).collect();
        return Err(CommandError::Usage {
            message: "which template?".to_owned(),
            help: Some(format!("add --template NAME, one of: {}", names.join(", "))),
        });
    }
    ask(run)
}

/// A list that shrinks while it is searched: a number chooses, text filters, the last one left is taken.
fn ask(run: &mut Run) -> Result<&'static Template, CommandError> {
    let mut filter = String::new();
    loop {
        let left = matching(&filter);
        match left.as_slice() {
            [only] if !filter.is_empty() => return Ok(only),
            [] => run.ui.complain(&format!("nothing matches `{filter}`")),
            _ => {}
        }
        let left = if left.is_empty() { matching("") } else { left };
        let lines: String = left.iter().zip(1..).map(|(t, n)| format!("  {n}  {:12} {}\n", t.name, t.about)).collect();
        run.ui.ask(&format!("{lines}template (number, or text to search; empty for 1): "));
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer).unwrap_or(0) == 0 {
            return Err(CommandError::Interrupted);
        }
        let answer = answer.trim();
        match answer.parse::<usize>() {
            Ok(number) if (1..=left.len()).contains(&number) => return Ok(left[number - 1]),
            _ if answer.is_empty() => return Ok(left[0]),
            _ => answer.clone_into(&mut filter),
        }
    }
}

fn matching(filter: &str) -> Vec<&'static Template> {
    let filter = filter.to_lowercase();
    TEMPLATES.iter().filter(|t| t.name.contains(&filter) || t.about.to_lowercase().contains(&filter)).collect()
}

/// Makes all files or none. What exists stays as it is, and stops the whole.
fn write_all(folder: &Path, files: &[(String, String)]) -> Result<(), CommandError> {
    let in_the_way: Vec<&str> = files
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| fs::symlink_metadata(folder.join(name)).is_ok())
        .collect();
    if !in_the_way.is_empty() {
        return Err(CommandError::Usage {
            message: format!("these files exist already: {}", in_the_way.join(", ")),
            help: Some("nothing was written; choose another folder, or another --name".to_owned()),
        });
    }
    let mut made: Vec<PathBuf> = Vec::new();
    let result = files.iter().try_for_each(|(name, content)| {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create_new(&path)?;
        made.push(path);
        file.write_all(content.as_bytes())
    });
    result.map_err(|error: std::io::Error| {
        // The first failure is the one to tell; what cannot be removed was empty or ours.
        for path in &made {
            let _ = fs::remove_file(path);
        }
        CommandError::Local {
            doing: format!("cannot write into {}", folder.display()),
            source: error.into(),
            help: None,
        }
    })
}

/// Keeps local state and packages out of git; true when that took a new line.
fn ignore(folder: &Path) -> Result<bool, CommandError> {
    let path = folder.join(".gitignore");
    let failed = |error: std::io::Error| CommandError::Local {
        doing: "cannot write .gitignore".to_owned(),
        source: error.into(),
        help: Some("add the line `.provision/` yourself".to_owned()),
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    if text.lines().any(|l| matches!(l.trim(), ".provision" | ".provision/" | "/.provision" | "/.provision/")) {
        return Ok(false);
    }
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
    file.write_all(format!("{newline}.provision/\n").as_bytes()).map_err(failed)?;
    Ok(true)
}

/// The repository's name: of its remote, else of its folder, made to fit.
fn repository_name(folder: &Path) -> String {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let top = folder.ancestors().find(|f| f.join(".git").exists()).unwrap_or(&folder);
    let config = fs::read_to_string(top.join(".git/config")).unwrap_or_default();
    let remote = origin(&config).map(str::to_owned);
    let name = remote.or_else(|| top.file_name().map(|n| n.to_string_lossy().into_owned()));
    fitting(name.as_deref().unwrap_or_default())
}

/// The last part of origin's address in a git configuration.
fn origin(config: &str) -> Option<&str> {
    let section = config.split("[remote \"origin\"]").nth(1)?;
    let line = section
        .lines()
        .skip(1)
        .take_while(|l| !l.trim_start().starts_with('['))
        .find_map(|l| l.trim().strip_prefix("url"))?;
    let url = line.trim_start().strip_prefix('=')?.trim().trim_end_matches('/');
    let name = url.trim_end_matches(".git").rsplit(['/', ':']).next()?;
    (!name.is_empty()).then_some(name)
}

/// The nearest stack name.
fn fitting(text: &str) -> String {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        let c = if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        if !(c == '-' && (name.is_empty() || name.ends_with('-'))) {
            name.push(c);
        }
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.is_empty() {
        name.insert_str(0, "s-");
    }
    name.truncate(40);
    let name = name.trim_end_matches('-');
    if name.len() < 2 { "my-stack".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_are_made_to_fit() {
        for (given, wanted) in [
            ("media-tools", "media-tools"),
            ("My_Repo.Name", "my-repo-name"),
            ("2048", "s-2048"),
            ("媒体", "my-stack"),
            ("--a--b--", "a-b"),
            ("", "my-stack"),
        ] {
            assert_eq!(fitting(given), wanted);
        }
        assert!(plan::validate::names::is_stack(&fitting(&"x_".repeat(100))));
    }

    #[test]
    fn the_remote_names_the_repository() {
        let config = "[core]\n\tbare = false\n[remote \"origin\"]\n\tfetch = x\n\turl = git@example.com:team/Media.Hook.git\n[branch \"main\"]\n";
        assert_eq!(origin(config), Some("Media.Hook"));
        assert_eq!(origin("[remote \"origin\"]\n  url = https://example.com/a/b/\n"), Some("b"));
        assert_eq!(origin("[core]\n"), None);
    }
}
