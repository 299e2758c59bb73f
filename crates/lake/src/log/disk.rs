//! What the embedded log needs of a disk, so that tests can take the disk away at any moment.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A directory of segment files.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new file of zeros, all of it allocated and durable under its name.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Durable when it returns.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// How people find the file.
    fn path(&self, name: &str) -> String;
}

/// A file of a fixed length.
pub(super) trait DiskFile: fmt::Debug + Send + Sync {
    fn len(&self) -> io::Result<u64>;
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()>;
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Returns when everything written before is on the medium.
    fn sync(&self) -> io::Result<()>;
}

/// The real one. Holds an exclusive lock on the directory while it lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    handle: File,
    _lock: File,
}

/// How much of a new segment is written between two syncs: a log that is being synced every 100 µs
/// must not wait behind 64 MiB of zeros.
const ZERO_STEP: usize = 1 << 20;

impl Directory {
    /// Creates the directory if it is not there. `None` when another process holds it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(path)?;
        let handle = File::open(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), handle, _lock: lock })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<File> {
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
        // Allocated but never written blocks would still cost a journal commit at each sync: a
        // sync takes 170 µs in them and 120 µs in blocks that hold zeros.
        let zeros = vec![0; ZERO_STEP];
        let mut position = 0;
        while position < bytes {
            let step = usize::try_from(bytes - position).map_or(ZERO_STEP, |left| left.min(ZERO_STEP));
            file.write_all_at(&zeros[..step], position)?;
            file.sync_data()?;
            position += step as u64;
        }
        file.sync_all()?;
        self.handle.sync_all()?;
        Ok(file)
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        match self.allocate(&path, bytes) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => {
                // Give back what a full disk did allocate. The first error is the one to report.
                std::fs::remove_file(&path).ok();
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.handle.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn path(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        self.read_exact_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.write_all_at(bytes, position)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
