//! A table: its Delta log, its data files, and the rows that are not in a file yet.

mod compact;
mod delta;
mod file;
mod pages;
mod read;
mod rows;
mod vacuum;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path as FsPath,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::record_batch::RecordBatch;
use campaigns::RowGroup;
use model::{Brand, ShardId, SubjectId, Timestamp};
use object_store::{ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use tokio::sync::Semaphore;

use crate::{
    Chunk, Cut, Error, Place, States, TableName,
    buffer::Buffer,
    history::QUERIES_MAX,
    schema::{Columns, Names},
};
pub use compact::Compaction;
use delta::Delta;
pub use file::DataFile;
use pages::Encoded;
pub(crate) use read::CountingReader;

/// How a region's tables are laid out and kept.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Buckets of subjects in a partition, fixed when the table is created.
    pub buckets: u32,
    /// zstd's level for files that compaction writes; flushes take a faster one.
    pub compact_level: i32,
    /// A partition with this many files below the target size is compacted.
    pub compact_files_min: usize,
    /// What compaction fills files to.
    pub file_bytes_target: u64,
    /// A checkpoint is written after this many commits.
    pub checkpoint_commits: u64,
    /// Footers kept in memory.
    pub footers_max: usize,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            buckets: 1,
            compact_level: 9,
            compact_files_min: 8,
            file_bytes_target: 64 << 20,
            checkpoint_commits: 32,
            footers_max: 512,
        }
    }
}

/// The tables of a region.
#[derive(Debug)]
pub struct Lake {
    tables: [Arc<Table>; 2],
    states: States,
    /// For history queries.
    pub(crate) queries: Arc<Semaphore>,
}

impl Lake {
    /// Opens the tables in a local folder, or creates them. Blocks on the disk; within a
    /// multi-threaded tokio runtime, which reads Delta's log.
    pub fn open(root: &FsPath, options: &LakeOptions) -> Result<Self, Error> {
        let place = root.display().to_string();
        let io = |source: std::io::Error| Error::Storage {
            operation: "creating",
            path: place.clone(),
            source: object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) },
        };
        // Delta's kernel wants a local table's folder to be there.
        TableName::ALL
            .iter()
            .try_for_each(|table| std::fs::create_dir_all(root.join(table.slug())))
            .map_err(io)?;
        let root = root.canonicalize().map_err(io)?;
        let path = Path::from_absolute_path(&root).map_err(|source| Error::Storage {
            operation: "naming",
            path: place,
            source: source.into(),
        })?;
        // A commit or a data file that a power cut takes back would take acknowledged rows with it.
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new().with_fsync(true));
        Self::on(store, &path, "file:///", options)
    }

    /// Opens the tables under a path of a store, whose URL is `base` and the path.
    pub fn on(
        store: Arc<dyn ObjectStore>,
        root: &Path,
        base: &str,
        options: &LakeOptions,
    ) -> Result<Self, Error> {
        let open = |name: TableName| {
            Table::open(Arc::clone(&store), root, base, name, options.clone()).map(Arc::new)
        };
        let tables = [open(TableName::Telemetry)?, open(TableName::Location)?];
        let states = States::new(Arc::clone(&store), child(root, "owners"));
        Ok(Self { tables, states, queries: Arc::new(Semaphore::new(QUERIES_MAX)) })
    }

    /// Where shard owners keep their snapshots.
    pub fn states(&self) -> &States {
        &self.states
    }

    pub fn table(&self, name: TableName) -> &Arc<Table> {
        &self.tables[name.index()]
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.iter()
    }

    /// What the buffers of all tables take.
    pub fn buffered_bytes(&self) -> usize {
        self.tables().map(|table| table.state().buffer.bytes()).sum()
    }
}

/// One table. Its methods that write files or Delta's log are for its one committer and the owners
/// of its shards; queries see each change whole.
#[derive(Debug)]
pub struct Table {
    name: TableName,
    options: LakeOptions,
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// Of the table, for people.
    place: String,
    delta: Mutex<Delta>,
    state: Mutex<State>,
    footers: Mutex<HashMap<String, ArrowReaderMetadata>>,
}

#[derive(Debug)]
struct State {
    columns: Arc<Columns>,
    files: HashMap<(Brand, u32), Arc<Vec<Arc<DataFile>>>>,
    /// Files that are or were written and are not in the table yet.
    written: HashSet<String>,
    buffer: Buffer,
}

/// What one query reads, all of one moment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) columns: Arc<Columns>,
    pub(crate) files: Arc<Vec<Arc<DataFile>>>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl Table {
    fn open(
        store: Arc<dyn ObjectStore>,
        root: &Path,
        base: &str,
        name: TableName,
        options: LakeOptions,
    ) -> Result<Self, Error> {
        let path = child(root, name.slug());
        let url = format!("{base}{path}/");
        let delta = Delta::open(Arc::clone(&store), name, &url, options.buckets)?;
        let mut state = State {
            columns: Arc::new(delta.columns()?),
            files: HashMap::new(),
            written: HashSet::new(),
            buffer: Buffer::default(),
        };
        state.add(delta.files()?);
        let options = LakeOptions { buckets: delta.buckets(), ..options };
        Ok(Self {
            name,
            options,
            store,
            root: path,
            place: url,
            delta: Mutex::new(delta),
            state: Mutex::new(state),
            footers: Mutex::default(),
        })
    }

    pub fn name(&self) -> TableName {
        self.name
    }

    /// Buckets of subjects in a partition.
    pub fn buckets(&self) -> u32 {
        self.options.buckets
    }

    /// Adds rows that can be read at once. Gives them back where they were copied, for their memory.
    pub fn append(&self, chunk: Chunk) -> Option<RowGroup> {
        self.state().buffer.push(chunk)
    }

    /// Samples that are in no file yet.
    pub fn buffered_samples(&self) -> u64 {
        self.state().buffer.samples()
    }

    /// Parts what is buffered now from what will come.
    pub fn cut(&self) -> Cut {
        self.state().buffer.cut()
    }

    /// Writes a cut to one file for each partition, durable when this returns. The same cut under
    /// the same name gives the same files. They are in the table only after [`Table::replace_cut`].
    pub async fn write(
        self: &Arc<Self>,
        cut: &Cut,
        name: &str,
        now: Timestamp,
    ) -> Result<Vec<DataFile>, Error> {
        let (table, cut) = (Arc::clone(self), cut.clone());
        let encoded = tokio::task::spawn_blocking(move || table.encode(&cut)).await;
        let mut files = Vec::new();
        for (place, encoded) in encoded.map_err(|_| Error::Stopped)?? {
            files.push(self.put(place, name, encoded, now).await?);
        }
        Ok(files)
    }

    /// Files take the place of the rows that they hold.
    pub fn replace_cut(&self, cut: &Cut, files: Vec<DataFile>) {
        let mut state = self.state();
        state.add(files);
        state.buffer.release(cut);
    }

    /// Adds files that an earlier life recorded but did not commit, and the columns that they have.
    /// Files that are there stay.
    pub async fn add_recorded(&self, files: Vec<DataFile>) -> Result<(), Error> {
        for file in &files {
            let footer = self.footer(file, &mut self.reader(file)).await?;
            let mut state = self.state();
            let columns = Arc::make_mut(&mut state.columns);
            for (name, kind) in pages::columns_of(&footer).iter() {
                columns.insert(name.to_owned(), kind);
            }
        }
        self.state().add(files);
        Ok(())
    }

    /// The offset up to which a shard's rows are committed.
    pub fn committed(&self, shard: ShardId) -> Result<Option<u64>, Error> {
        lock(&self.delta).committed(shard)
    }

    /// Commits recorded files with how far each of their shards now is; adds columns that the table
    /// does not have. Blocks on the disk. Repeating a commit that was made is harmless: its shards
    /// are found to be there.
    pub fn commit(&self, files: &[DataFile], shards: &[(ShardId, u64)]) -> Result<(), Error> {
        let columns = Arc::clone(&self.state().columns);
        let mut delta = lock(&self.delta);
        delta.add_columns(&columns)?;
        delta.commit(files, shards)?;
        delta.checkpoint_if_due(self.options.checkpoint_commits)
    }

    /// Writes a checkpoint of Delta's log now.
    pub fn checkpoint(&self) -> Result<(), Error> {
        lock(&self.delta).checkpoint_if_due(0)
    }

    /// All files, by partition, then by path.
    pub fn files(&self) -> Vec<Arc<DataFile>> {
        let state = self.state();
        let mut files: Vec<_> = state.files.values().flat_map(|files| files.iter()).cloned().collect();
        files.sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
        files
    }

    pub(crate) fn view(&self, brand: Brand, subject: SubjectId) -> View {
        let state = self.state();
        let bucket = crate::chunk::bucket_of(subject, self.options.buckets);
        View {
            columns: Arc::clone(&state.columns),
            files: state.files.get(&(brand, bucket)).cloned().unwrap_or_default(),
            chunks: state.buffer.of(subject),
        }
    }

    fn location(&self, path: &str) -> Path {
        child(&self.root, path)
    }

    /// The columns of a cut are added to the table's before its files are written.
    fn encode(&self, cut: &Cut) -> Result<Vec<(Place, Encoded)>, Error> {
        let mut encoded = Vec::new();
        for (place, chunks) in cut.partitions() {
            let mut names = Names::default();
            let mut columns = Columns::default();
            let mut state = self.state();
            for chunk in &chunks {
                for column in &chunk.rows.columns {
                    let found = names.find(&mut state.columns, &chunk.catalogue, column.signal);
                    if let Some((name, kind)) = found
                        && !columns.contains(name)
                    {
                        columns.insert(name.clone(), *kind);
                    }
                }
            }
            drop(state);
            let batches = rows::batches(&chunks, &columns, &names);
            encoded.push((place, pages::encode(&self.place, &columns, batches, pages::FLUSH_LEVEL)?));
        }
        Ok(encoded)
    }

    async fn put(
        &self,
        place: Place,
        name: &str,
        encoded: Encoded,
        now: Timestamp,
    ) -> Result<DataFile, Error> {
        let path = format!("{}/{name}.parquet", file::folder(place));
        let Encoded { bytes, rows, times, received } = encoded;
        let file = DataFile {
            place,
            bytes: bytes.len() as u64,
            rows,
            source_times: times,
            receive_times: received,
            modified: now,
            path,
        };
        let location = self.location(&file.path);
        self.state().written.insert(file.path.clone());
        self.store.put(&location, bytes.into()).await.map_err(Error::storage("writing", &file.path))?;
        Ok(file)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn add(&mut self, files: Vec<DataFile>) {
        let mut by_part: BTreeMap<(Brand, u32), Vec<Arc<DataFile>>> = BTreeMap::new();
        for file in files {
            by_part.entry((file.place.brand, file.place.bucket)).or_default().push(Arc::new(file));
        }
        for (part, new) in by_part {
            let files = Arc::make_mut(self.files.entry(part).or_default());
            for file in new {
                self.written.remove(&file.path);
                if files.iter().all(|known| known.path != file.path) {
                    files.push(file);
                }
            }
        }
    }

    fn remove(&mut self, part: (Brand, u32), paths: &HashSet<String>) {
        if let Some(files) = self.files.get_mut(&part) {
            Arc::make_mut(files).retain(|file| !paths.contains(&file.path));
        }
    }
}

/// A path below another; the text has no part that would need encoding.
fn child(root: &Path, path: &str) -> Path {
    Path::from_iter(root.parts().chain(Path::from(path).parts()))
}

/// Batches of rows, sorted as the file is.
type Batches<'a> = dyn Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>> + 'a;

/// A panic while holding one of these locks leaves nothing half done that matters: all changes are
/// single assignments.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
