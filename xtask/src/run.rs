//! Running other programs, and where things are.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use anyhow::{Context as _, Result, bail};

/// The folder of the workspace. Asked when it runs: a cache shared between clones may hold an xtask that
/// another of them built.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("xtask runs as `cargo xtask`");
        PathBuf::from(folder).parent().expect("xtask lies one level below the workspace").to_owned()
    });
    &ROOT
}

/// A folder for what is dear to fetch or build and the same for every checkout.
pub(crate) fn cache() -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("MARQUE_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("marque")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/marque")))
        .unwrap_or_else(|| root().join("target/cache"))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf> {
    Ok(PathBuf::from(
        metadata()?["target_directory"].as_str().context("cargo metadata names no target directory")?,
    ))
}

/// What cargo knows of the workspace's own packages.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let text = Step::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    serde_json::from_str(&text).context("read what cargo metadata prints")
}

/// Whether a program is on the PATH or at the given place.
pub(crate) fn exists(program: &str) -> bool {
    let check = Command::new("sh").args(["-c", "command -v \"$0\"", program]).stdout(Stdio::null()).status();
    check.is_ok_and(|status| status.success())
}

pub(crate) fn headline(text: &str) {
    println!("\n==> {text}");
}

/// A program to run in the workspace's folder; a failure names it and its arguments.
pub(crate) struct Step {
    command: Command,
    shown: String,
}

impl Step {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.current_dir(root());
        Self { command, shown: program.as_ref().to_string_lossy().into_owned() }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(root().join(dir));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().with_context(|| format!("start `{}`", self.shown))?;
        if !status.success() {
            bail!("`{}` failed with {status}", self.shown);
        }
        Ok(())
    }

    /// Runs it and takes what it prints; what it says on standard error goes through.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("start `{}`", self.shown))?;
        if !output.status.success() {
            bail!("`{}` failed with {}", self.shown, output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("read what `{}` prints", self.shown))
    }

    /// Starts it and leaves it running, for one that is stopped later.
    pub(crate) fn spawn(mut self) -> Result<std::process::Child> {
        self.command.spawn().with_context(|| format!("start `{}`", self.shown))
    }

    /// Becomes the program, so that signals reach it directly.
    pub(crate) fn exec(mut self) -> anyhow::Error {
        use std::os::unix::process::CommandExt as _;
        let error = self.command.exec();
        anyhow::Error::new(error).context(format!("start `{}`", self.shown))
    }
}
