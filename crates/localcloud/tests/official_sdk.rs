//! The official Python SDK, unmodified, against the local cloud. The SDK is installed into a virtual
//! environment under `target/`; without Python or a package index the test says that it is skipped, and
//! fails instead when `CI=true`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use localcloud::{LocalCloud, Options};

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!(
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The environment's Python, installed when the requirements changed since the last time.
fn python(requirements: &Path) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("no target folder")?;
    let folder = target.join("sdk-venv");
    let python = folder.join("bin/python");
    let wanted = std::fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    let stamp = folder.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements))?;
    std::fs::write(stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_works_unchanged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let requirements = folder.join("requirements.txt");
    let python = match tokio::task::spawn_blocking(move || python(&requirements)).await.expect("no panic") {
        Ok(python) => python,
        Err(why) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "the official SDK cannot be installed: {why}");
            eprintln!("SKIPPED: the official SDK cannot be installed, so this test proved nothing: {why}");
            return;
        }
    };
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    let mut command = Command::new(python);
    command.arg(folder.join("sdk_contract.py")).arg(cloud.address().to_string());
    let output = tokio::task::spawn_blocking(move || run(&mut command)).await.expect("no panic");
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(text.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{text}");
        }
        Err(why) => panic!("{why}"),
    }
    cloud.shutdown().await;
}
