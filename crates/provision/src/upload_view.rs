//! What a person sees of an upload: a bar with bytes and percent on a terminal, a line at each quarter elsewhere.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use plan::address::ResourceAddress;
use plan::render::style::visible;
use tencentcloud::cos::Bucket;

use crate::ui::{Secrets, Ui};

/// Shows uploads on stderr.
pub(crate) struct UploadView {
    live: bool,
    talk: bool,
    secrets: Secrets,
}

impl UploadView {
    pub(crate) fn of(ui: &Ui) -> Self {
        Self { live: ui.live && ui.verbosity == 1, talk: ui.verbosity > 0, secrets: ui.secrets.clone() }
    }

    /// Begins to show one upload.
    pub(crate) fn begin(&self, address: &ResourceAddress, size: u64, bucket: &Bucket) -> Shown<'_> {
        let what = format!("package of {}", visible(address.as_str()));
        let to = format!("{} to {}", megabytes(size), visible(&bucket.to_string()));
        let bar = self.live.then(|| {
            let bar = ProgressBar::new(size);
            let template = "uploading {msg}  {bar:24} {percent:>3}%  {prefix}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(self.secrets.filter(&what));
            bar.set_prefix(format!("0.0 of {}", megabytes(size)));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let shown = Shown { view: self, bar, what, size, quarter: Mutex::new(0) };
        if shown.bar.is_none() {
            shown.say(&format!("uploading the {}, {to}", shown.what));
        }
        shown
    }
}

/// One upload being shown.
pub(crate) struct Shown<'a> {
    view: &'a UploadView,
    bar: Option<ProgressBar>,
    what: String,
    size: u64,
    /// Quarters told so far.
    quarter: Mutex<u64>,
}

impl Shown<'_> {
    /// The service has that many bytes.
    pub(crate) fn reached(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("{} of {}", tenths(bytes), megabytes(self.size)));
            bar.set_position(bytes);
            return;
        }
        let Ok(mut told) = self.quarter.lock() else { return };
        let quarter = bytes.saturating_mul(4) / self.size.max(1);
        // The end has a line of its own.
        if quarter > *told && quarter < 4 {
            *told = quarter;
            self.say(&format!("  {}% of the {}, {}", quarter * 25, self.what, megabytes(bytes)));
        }
    }

    /// It ended well, with the object there already or not, or it did not.
    pub(crate) fn end(&self, ended: Option<(bool, Duration)>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        match ended {
            Some((true, _)) => self.say(&format!("the {} is in the bucket already", self.what)),
            Some((false, took)) => self.say(&format!("uploaded the {} ({:.1} s)", self.what, took.as_secs_f64())),
            None => {}
        }
    }

    /// A reader of stderr that went away must not stop an upload.
    fn say(&self, line: &str) {
        use std::io::Write as _;
        if self.view.talk {
            let _ = writeln!(std::io::stderr().lock(), "{}", self.view.secrets.filter(line));
        }
    }
}

/// `12.0 MB`, powers of 1024 as everywhere here.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", tenths(bytes))
}

fn tenths(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}
