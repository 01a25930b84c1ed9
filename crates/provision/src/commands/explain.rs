//! `provision explain CODE`: what a finding means and the way out.

use plan::diagnostic::{Code, did_you_mean};

use super::Run;
use crate::cli::ExplainArgs;
use crate::error::{CommandError, exit};

/// Runs it.
pub(crate) fn run(run: &mut Run, arguments: &ExplainArgs) -> u8 {
    let Some(wanted) = &arguments.code else {
        for code in Code::ALL {
            run.ui.data(&format!("{}  {}\n", code.as_str(), code.title()));
        }
        return exit::DONE;
    };
    let upper = wanted.to_uppercase();
    match Code::ALL.iter().find(|c| c.as_str() == upper) {
        Some(code) => {
            run.ui.data(&format!("{}: {}\n\n{}\n", code.as_str(), code.title(), code.explanation()));
            exit::DONE
        }
        None => {
            let close = did_you_mean(&upper, Code::ALL.iter().map(|c| c.as_str()));
            let error = CommandError::Usage {
                message: format!("no finding has the code `{wanted}`"),
                help: close.map(|c| format!("did you mean {c}?")),
            };
            run.fail(&error, None, &[])
        }
    }
}
