//! How far long work is: a bar on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::plain;

/// A bar for `total` pieces of work. In a pipe it shows nothing.
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows the bar as soon as something is done.
    pub fn start() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self(bar)
    }

    /// `done` of `total` changes are made; `next` is what comes now.
    pub fn show(&self, done: usize, total: usize, next: &str) {
        self.0.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        self.0.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        self.0.set_message(plain(next).into_owned());
        // Without a first tick a bar that never moves again is never drawn.
        self.0.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
