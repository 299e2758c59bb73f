//! A recording that waits until its car is ready.

use std::fs::File;

use brain::provider::{Input, Provider, ReplayProvider};
use bus::{BusMessage, log::Pace};
use model::Timestamp;
use tokio::sync::oneshot;

use crate::clock;

/// Plays a log from the time that it is released at. Before that, it is a car with a silent bus.
pub(super) struct HeldReplay {
    waiting: Option<(File, oneshot::Receiver<Timestamp>)>,
    pace: Pace,
    playing: Option<ReplayProvider>,
}

impl HeldReplay {
    pub(super) fn new(log: File, pace: Pace, released: oneshot::Receiver<Timestamp>) -> Self {
        Self { waiting: Some((log, released)), pace, playing: None }
    }
}

impl Provider for HeldReplay {
    async fn next(&mut self) -> Option<Input> {
        if let Some((_, released)) = &mut self.waiting {
            let start = released.await.ok();
            let (log, _) = self.waiting.take()?;
            self.playing = Some(ReplayProvider::new(log, self.pace, start?, clock::now));
        }
        self.playing.as_mut()?.next().await
    }

    fn try_next(&mut self) -> Option<Input> {
        self.playing.as_mut()?.try_next()
    }

    /// Nobody listens to a recording.
    fn send(&mut self, _message: BusMessage) -> bool {
        false
    }

    fn is_live(&self) -> bool {
        self.playing.as_ref().is_none_or(Provider::is_live)
    }
}
