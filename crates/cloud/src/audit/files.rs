//! Where the log's files are kept: a folder here, a bucket some day.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ::audit::{LogPath, Write};

/// A log's files. Calls may block; nobody makes them on a thread that others wait for.
pub trait LogFiles: Send + Sync + fmt::Debug + 'static {
    /// Nothing when it is not there.
    fn read(&self, path: LogPath) -> io::Result<Option<Vec<u8>>>;

    /// Writes all in their order, over what is there. All are durable when it returns.
    fn write(&self, writes: &[Write]) -> io::Result<()>;

    /// Puts the checkpoint in place of the one before. Whoever reads meanwhile, and a crash at any moment, finds
    /// one of both whole. The new one is durable when it returns.
    fn write_checkpoint(&self, note: &str) -> io::Result<()>;

    /// The paths of all files below the log's prefix.
    fn list(&self) -> io::Result<Vec<String>>;

    /// It need not be there.
    fn remove(&self, path: LogPath) -> io::Result<()>;

    /// Removes the partial forms of a file that has become full; there need not be any.
    fn remove_partial(&self, full: LogPath) -> io::Result<()>;
}

/// The local folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// A checkpoint that is being written; what a crash leaves of it counts for nothing.
const UNFINISHED: &str = "checkpoint.new";

impl Folder {
    /// Opens the folder and makes it when it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        create_folder(path)?;
        let folder = Self(path.to_owned());
        ignore_missing(fs::remove_file(folder.0.join(UNFINISHED)))?;
        Ok(folder)
    }

    /// A folder that is only read; nothing in it is touched.
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn place(&self, path: LogPath) -> PathBuf {
        self.0.join(path.to_string())
    }
}

impl LogFiles for Folder {
    fn read(&self, path: LogPath) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.place(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, writes: &[Write]) -> io::Result<()> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for Write { path, bytes } in writes {
            let place = self.place(*path);
            let folder = place.parent().unwrap_or(&self.0).to_owned();
            create_folder(&folder)?;
            write_synced(&place, bytes)?;
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    fn write_checkpoint(&self, note: &str) -> io::Result<()> {
        write_whole(&self.place(LogPath::Checkpoint), &self.0.join(UNFINISHED), note)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let (mut paths, mut folders) = (Vec::new(), vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(path) = entry.path().strip_prefix(&self.0) {
                    paths.push(path.to_string_lossy().into_owned());
                }
            }
        }
        paths.sort();
        Ok(paths)
    }

    fn remove(&self, path: LogPath) -> io::Result<()> {
        ignore_missing(fs::remove_file(self.place(path)))
    }

    fn remove_partial(&self, full: LogPath) -> io::Result<()> {
        ignore_missing(fs::remove_dir_all(self.0.join(format!("{full}.p"))))
    }
}

/// Beside, synced, then renamed: after a crash there is the old file or the new one.
pub(super) fn write_whole(path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    write_synced(beside, text.as_bytes())?;
    fs::rename(beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// With all above it that is missing, each durable in the one that holds it.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_folder(parent)?;
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        return sync_folder(parent);
    }
    fs::create_dir(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
