//! Work that does not end with whoever waits for it.

use std::{future::Future, panic::resume_unwind};

use tracing::Instrument as _;

/// Runs work to its end, also when the future that waits for it is dropped, as a request's is when its client
/// hangs up.
pub(crate) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is going away, and this task with it.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
