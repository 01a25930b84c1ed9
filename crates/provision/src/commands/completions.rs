//! `provision completions SHELL`, `provision man`: what shells and manuals know of the command line, from its
//! definition.

use std::path::Path;

use clap::CommandFactory as _;

use super::Run;
use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::{CommandError, exit};

/// Prints the script of a shell.
pub(crate) fn run(run: &mut Run, arguments: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "provision", &mut script);
    run.ui.data(&String::from_utf8_lossy(&script));
    exit::DONE
}

/// Writes one page for `provision` and one for each command.
pub(crate) fn man(run: &mut Run, arguments: &ManArgs) -> u8 {
    let folder = run.world.folder.join(&arguments.out);
    match write_pages(&folder) {
        Ok(pages) => {
            run.ui.say(&format!(
                "{pages} pages in {}; read one: man -l {}/provision.1",
                arguments.out.display(),
                arguments.out.display()
            ));
            exit::DONE
        }
        Err(error) => {
            let doing = format!("cannot write the manual into {}", arguments.out.display());
            run.fail(&CommandError::Local { doing, source: error.into(), help: None }, None)
        }
    }
}

fn write_pages(folder: &Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let mut command = Cli::command();
    command.build();
    // Building gives each command the name of its page: `provision-plan`.
    let pages: Vec<clap::Command> = std::iter::once(command.clone())
        .chain(command.get_subcommands().filter(|c| !c.is_hide_set()).cloned())
        .collect();
    for page in &pages {
        clap_mangen::Man::new(page.clone()).generate_to(folder)?;
    }
    Ok(pages.len())
}
