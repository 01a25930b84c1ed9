//! What a person sees while changes are carried out: a live display on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use plan::plan::Plan;
use plan::progress::Outcome;
use plan::render::style::{Style, visible};

use crate::apply::Event;
use crate::ui::{Folds, Secrets};

/// Most changes shown at work at once; the rest is counted.
const ROWS: usize = 12;

/// A display of one stack's apply, on stderr.
pub(crate) struct View {
    names: Vec<String>,
    live: Option<Live>,
    style: Style,
    secrets: Secrets,
    talk: bool,
    folds: Folds,
    ended: usize,
}

struct Live {
    all: MultiProgress,
    total: ProgressBar,
    rows: BTreeMap<usize, ProgressBar>,
}

impl View {
    pub(crate) fn new(plan: &Plan, live: bool, style: Style, secrets: Secrets, talk: bool, folds: Folds) -> Self {
        let names: Vec<String> =
            plan.changes.iter().map(|c| format!("{} {}", c.action.word(), visible(c.address.as_str()))).collect();
        let live = live.then(|| {
            let all = MultiProgress::new();
            let total = all.add(ProgressBar::new(names.len() as u64));
            if let Ok(bar) = ProgressStyle::with_template("{bar:24} {pos}/{len} changes, {elapsed}") {
                total.set_style(bar);
            }
            total.enable_steady_tick(Duration::from_millis(200));
            Live { all, total, rows: BTreeMap::new() }
        });
        Self { names, live, style, secrets, talk, folds, ended: 0 }
    }

    pub(crate) fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(index) => {
                if let Some(live) = self.live.as_mut().filter(|l| l.rows.len() < ROWS) {
                    let row = live.all.insert_before(&live.total, ProgressBar::new_spinner());
                    row.set_message(self.names[*index].clone());
                    row.enable_steady_tick(Duration::from_millis(120));
                    live.rows.insert(*index, row);
                }
            }
            Event::Doing(index, what) => {
                if let Some(row) = self.live.as_ref().and_then(|l| l.rows.get(index)) {
                    row.set_message(format!("{}  {}", self.names[*index], self.style.dim(what)));
                }
            }
            Event::Ended(index, outcome, trouble, took) => {
                self.ended += 1;
                let mark = match outcome {
                    Outcome::Applied => self.style.green("ok"),
                    Outcome::Failed | Outcome::Unknown | Outcome::Skipped => self.style.red(outcome.word()),
                };
                let why = trouble.map_or_else(String::new, |t| format!(": {}", visible(&t.message)));
                let line =
                    self.secrets.filter(&format!("{mark} {} ({:.1} s){why}", self.names[*index], took.as_secs_f64()));
                match &mut self.live {
                    Some(live) => {
                        if let Some(row) = live.rows.remove(index) {
                            row.finish_and_clear();
                        }
                        live.total.inc(1);
                        let _ = live.all.println(line);
                    }
                    None if self.talk => self.plain(&line),
                    None => {}
                }
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        if let Some(live) = &mut self.live {
            live.total.finish_and_clear();
            let _ = live.all.clear();
        }
    }

    /// A reader of stderr that went away must not stop an apply.
    fn plain(&self, line: &str) {
        use std::io::Write as _;
        let line = self.folds.harmless(line);
        let _ = writeln!(std::io::stderr().lock(), "[{}/{}] {line}", self.ended, self.names.len());
    }
}
