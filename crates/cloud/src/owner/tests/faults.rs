//! A machine that dies at a chosen step: from then on nothing reaches its disk or its SQL.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::stream::{BoxStream, StreamExt as _};
use lake::{TableName, log::BoxFuture};
use model::Timestamp;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use store::Store;
use tokio::sync::Notify;

use crate::owner::{Ledger, LedgerError, Recorded};

/// Counts the steps that change something, and dies at one of them.
#[derive(Debug, Clone)]
pub(super) struct Faults(Arc<State>);

#[derive(Debug)]
struct State {
    steps: AtomicUsize,
    crash_at: usize,
    /// Whether the last step still takes place.
    done: bool,
    dead: AtomicBool,
    crashed: Notify,
}

/// Whether a step may take place, and whether it is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Live,
    Last,
    Dead,
}

impl Faults {
    pub(super) fn never() -> Self {
        Self::at(usize::MAX, false)
    }

    pub(super) fn at(crash_at: usize, done: bool) -> Self {
        Self(Arc::new(State {
            steps: AtomicUsize::new(0),
            crash_at,
            done,
            dead: AtomicBool::new(false),
            crashed: Notify::new(),
        }))
    }

    pub(super) fn kill(&self) {
        self.0.dead.store(true, Ordering::SeqCst);
        self.0.crashed.notify_one();
    }

    pub(super) async fn crashed(&self) {
        self.0.crashed.notified().await;
    }

    fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    fn step(&self) -> Step {
        if self.is_dead() {
            return Step::Dead;
        }
        if self.0.steps.fetch_add(1, Ordering::SeqCst) < self.0.crash_at {
            return Step::Live;
        }
        if self.0.done { Step::Last } else { Step::Dead }
    }

    /// Runs a step as far as it comes; `dead` is what it answers when it does not.
    async fn run<T, E>(
        &self,
        step: impl Future<Output = std::result::Result<T, E>>,
        dead: impl FnOnce() -> E,
    ) -> std::result::Result<T, E> {
        let fate = self.step();
        if fate == Step::Live {
            return step.await;
        }
        if fate == Step::Last {
            // Its answer reaches nobody.
            step.await.ok();
        }
        self.kill();
        Err(dead())
    }
}

fn dead() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "the machine is dead".into() }
}

#[derive(Debug)]
pub(super) struct FaultyStore {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) faults: Faults,
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store that dies")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.faults.run(self.inner.put_opts(location, payload, opts), dead).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.faults.run(self.inner.put_multipart_opts(location, opts), dead).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.faults.is_dead() { Err(dead()) } else { self.inner.get_opts(location, options).await }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.faults.step() {
            Step::Live => self.inner.delete_stream(locations),
            Step::Last | Step::Dead => {
                self.faults.kill();
                futures::stream::once(async { Err(dead()) }).boxed()
            }
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.run(self.inner.copy_opts(from, to, options), dead).await
    }
}

#[derive(Debug)]
pub(super) struct FaultyLedger {
    pub(super) inner: Store,
    pub(super) faults: Faults,
}

fn dead_ledger() -> LedgerError {
    LedgerError::Table("the machine is dead".to_owned())
}

impl Ledger for FaultyLedger {
    fn record<'a>(
        &'a self,
        files: &'a [Recorded],
        now: Timestamp,
    ) -> BoxFuture<'a, std::result::Result<(), LedgerError>> {
        Box::pin(self.faults.run(self.inner.record(files, now), dead_ledger))
    }

    fn pending(&self, table: TableName) -> BoxFuture<'_, std::result::Result<Vec<Recorded>, LedgerError>> {
        self.inner.pending(table)
    }

    fn committed<'a>(
        &'a self,
        files: &'a [Recorded],
        now: Timestamp,
    ) -> BoxFuture<'a, std::result::Result<(), LedgerError>> {
        Box::pin(self.faults.run(self.inner.committed(files, now), dead_ledger))
    }

    fn forget_committed(&self, table: TableName) -> BoxFuture<'_, std::result::Result<(), LedgerError>> {
        Box::pin(self.faults.run(self.inner.forget_committed(table), dead_ledger))
    }

    fn drop_files<'a>(
        &'a self,
        files: &'a [Recorded],
    ) -> BoxFuture<'a, std::result::Result<(), LedgerError>> {
        Box::pin(self.faults.run(self.inner.drop_files(files), dead_ledger))
    }
}
