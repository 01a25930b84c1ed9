//! `provision package`: builds and packs every declared code of this machine, and nothing else.

use plan::address::ResourceAddress;
use serde_json::json;

use super::Run;
use crate::apply::Stop;
use crate::build::{self, BuildOptions};
use crate::cli::PackageArgs;
use crate::error::exit;

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &PackageArgs, stop: &Stop) -> u8 {
    let loaded = match run.load_valid() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if let Err(error) = build::known_rebuilds(&loaded, &arguments.rebuild) {
        return run.fail(&error, run.is_json().then_some(&loaded));
    }
    let options =
        BuildOptions { no_build: false, rebuild: arguments.rebuild.clone(), folder: run.world.folder.clone() };
    let mut rows = Vec::new();
    for stack in &loaded.stacks {
        let wanted: Vec<&ResourceAddress> =
            stack.stack.functions.iter().filter(|f| f.code.reference_digest().is_none()).map(|f| &f.address).collect();
        match build::packages(stack, &wanted, &options, stop, &mut |line| run.ui.say(line)) {
            Ok(packages) => {
                rows.extend(
                    packages.into_iter().map(|(address, archive)| (stack.stack.name.clone(), address, archive)),
                );
            }
            Err(error) => return run.fail(&error, run.is_json().then_some(&loaded)),
        }
    }
    if run.is_json() {
        let packages: Vec<_> = rows.iter().map(|(stack, address, archive)| json!({ "stack": stack, "address": address, "sha256": archive.digest, "bytes": archive.size })).collect();
        run.ui.json(&json!({ "format_version": "1", "packages": packages }));
    } else {
        for (_, address, archive) in &rows {
            run.ui.data(&format!("{address}  {} bytes  sha256 {}\n", archive.size, &archive.digest[..16]));
        }
        if rows.is_empty() {
            run.ui.data("nothing to package: no function takes its code from this machine\n");
        }
    }
    exit::DONE
}
