//! Who wants to know of each batch: a simulator that checks the platform's books against its own.

use std::fmt::Debug;

use crate::queue::Key;

/// Told of each batch when it is queued, sent, and answered for good. It is called
/// from the car's loop, so it does nothing that waits.
pub trait BatchObserver: Debug + Send + Sync {
    /// A batch of so many samples is in the queue.
    fn queued(&self, key: Key, samples: u32);

    /// The batch was handed to the car's socket; again after a lost link.
    fn published(&self, key: Key, samples: u32);

    /// The platform has stored the batch, or has refused it for ever. Fewer samples than were queued
    /// when a grant was withdrawn meanwhile.
    fn settled(&self, key: Key, samples: u32, stored: bool);
}
