//! What is started for a runtime: the package's own `bootstrap`, or a small loop in Python or Node.js that
//! loads the handler and speaks the runtime API for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::state::scf::Target;

/// Program and arguments, or why the runtime does not run here.
pub(super) fn command(target: &Target, code: &Path, root: &Path) -> Result<(PathBuf, Vec<OsString>), String> {
    if target.kind == "HTTP" {
        return Err("a function of type HTTP takes requests on its function URL, not events".to_owned());
    }
    let (program, name, text) = match target.runtime.as_str() {
        "CustomRuntime" => return Ok((code.join("bootstrap"), Vec::new())),
        runtime if runtime.starts_with("Python3") => ("python3", "shim.py", include_str!("shim/shim.py")),
        runtime if runtime.starts_with("Nodejs") => ("node", "shim.cjs", include_str!("shim/shim.cjs")),
        runtime => return Err(format!("the local cloud does not run {runtime}")),
    };
    let Some(program) = on_path(program) else {
        return Err(format!("runtime {} needs {program} on the PATH of the local cloud", target.runtime));
    };
    let script = root.join(name);
    std::fs::write(&script, text).map_err(|error| format!("the shim cannot be written: {error}"))?;
    Ok((program, vec![script.into()]))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
