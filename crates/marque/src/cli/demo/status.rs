//! What the demo says while it runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Progress at a terminal, or plain lines for a log.
#[derive(Debug)]
pub(super) struct Status {
    headless: bool,
}

impl Status {
    pub(super) const fn new(headless: bool) -> Self {
        Self { headless }
    }

    /// A step that takes a moment.
    pub(super) fn step(&self, text: &str) {
        say(text);
    }

    /// A bar that counts to `of`; without a terminal a line at its start.
    pub(super) fn bar(&self, text: &'static str, of: u32) -> ProgressBar {
        if self.headless {
            say(&format!("{text}: {of}"));
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg:28} {bar:40} {pos}/{len} {elapsed}")
            .expect("the template is one that indicatif knows");
        ProgressBar::new(u64::from(of)).with_style(style).with_message(text)
    }

    /// One line that is written over again and again; hidden without a terminal.
    pub(super) fn live(&self) -> ProgressBar {
        if self.headless {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .expect("the template is one that indicatif knows");
        let line = ProgressBar::new_spinner().with_style(style);
        line.enable_steady_tick(Duration::from_millis(250));
        line
    }
}

#[expect(clippy::print_stdout, reason = "the demo talks to the person who started it")]
pub(super) fn say(text: &str) {
    println!("{text}");
}
