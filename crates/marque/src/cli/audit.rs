//! `marque audit`: verifies what the audit log says, without trust in who keeps it.
//!
//! It needs the log's public key, got in a way of its own, and nothing else. It changes no file but the
//! checkpoint that it was asked to remember.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use ::audit::{
    Auditor, Event, Evidence, Field, Follow, Label, LogPath, PROOF_BYTES_MAX, Policy, ProofPlan, Report,
    SignedCheckpoint, TlogProof, VerifierKey, follow, prove_growth,
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use cloud::audit::{Folder, LogFiles as _};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

use super::api::{Api, Login};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a whole log, one entry's proof, or both. Ends with code 0 only if everything is intact.
    Verify(Verify),
    /// Print the key by which a platform's log is verified.
    Key {
        /// The platform's data folder.
        #[arg(long, default_value = cloud::config::Options::DATA, value_name = "DIR")]
        data: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Verify {
    /// The folder with the log's files, such as `data/audit/log`, or a copy of it.
    #[arg(long, value_name = "DIR", conflicts_with = "url", required_unless_present_any = ["url", "proof"])]
    dir: Option<PathBuf>,

    /// The platform's API, for example `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The log's public key, or a file with it.
    #[arg(long, value_name = "KEY|FILE")]
    key: String,

    /// A file with the checkpoint that was seen last. The log must continue it; it then holds the new one.
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,

    /// A file with the proof of an entry, as `GET /v1/audit/entries/{index}/proof` gives it.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,

    #[command(flatten)]
    login: Login,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> Result<()> {
    match &options.command {
        Command::Verify(verify) => verify_all(verify, out),
        Command::Key { data } => {
            let file = data.join("audit").join(cloud::audit::VERIFIER_KEY_FILE);
            let key = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            write!(out, "{key}").context("print the key")
        }
    }
}

fn verify_all(options: &Verify, out: &mut impl Write) -> Result<()> {
    let policy = Policy::of_log(key(&options.key)?);
    if let Some(file) = &options.proof {
        verify_proof(file, &policy, out)?;
    }
    let source = match (&options.dir, &options.url) {
        (Some(dir), _) => Source::Folder(Folder::existing(dir)),
        (None, Some(url)) => Source::platform(url, &options.login)?,
        (None, None) => return Ok(()),
    };
    verify_log(&source, &policy, options.seen.as_deref(), out)
}

/// Where a log is read.
enum Source {
    Folder(Folder),
    Platform { runtime: Runtime, api: Api },
}

impl Source {
    fn platform(url: &str, login: &Login) -> Result<Self> {
        let runtime = super::runtime()?;
        let api = runtime.block_on(Api::sign_in(url, login))?;
        Ok(Self::Platform { runtime, api })
    }

    fn read(&self, path: LogPath) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => cloud::audit::read(folder, path).with_context(|| format!("read {path}")),
            Self::Platform { runtime, api } => {
                runtime.block_on(api.bytes(&format!("/v1/audit/log/{path}"), path.bytes_max()))
            }
        }
    }

    /// The names of all files, where they can be listed.
    fn list(&self) -> Result<Option<Vec<String>>> {
        match self {
            Self::Folder(folder) => folder.list().map(Some).context("list the log's folder"),
            Self::Platform { .. } => Ok(None),
        }
    }
}

fn verify_log(source: &Source, policy: &Policy, seen: Option<&Path>, out: &mut impl Write) -> Result<()> {
    let note = source.read(LogPath::Checkpoint)?.context("find the log's checkpoint: there is none here")?;
    let checkpoint = policy.verify(&String::from_utf8_lossy(&note)).context("verify the log's checkpoint")?;
    if let Some(file) = seen {
        compare(source, policy, file, &checkpoint, out)?;
    }
    let report = audit(source, &checkpoint)?;
    say(&report, out)?;
    ensure!(
        report.is_intact(),
        "the log is NOT intact: {} findings",
        report.findings.len() as u64 + report.omitted
    );
    let head = checkpoint.head();
    writeln!(out, "intact: {} entries in {} files of `{}`", report.entries, report.files, policy.origin())?;
    writeln!(out, "root {} of size {}", head.root, head.size)?;
    if let Some(file) = seen {
        replace(file, &checkpoint.note().to_string()).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

fn audit(source: &Source, checkpoint: &SignedCheckpoint) -> Result<Report> {
    let head = checkpoint.head();
    let mut auditor = match source.list()? {
        Some(listing) => Auditor::with_listing(head, listing)?,
        None => Auditor::new(head)?,
    };
    let style = ProgressStyle::with_template("{bar:32} {human_pos} of {human_len} entries, {eta} left")?;
    let progress = ProgressBar::new(head.size).with_style(style);
    while let Some(path) = auditor.poll_read() {
        auditor.handle_read(source.read(path)?.as_deref())?;
        if let LogPath::Entries { width, .. } = path {
            progress.inc(u64::from(width.get()));
        }
    }
    progress.finish_and_clear();
    Ok(auditor.finish()?)
}

fn say(report: &Report, out: &mut impl Write) -> Result<()> {
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    if report.omitted > 0 {
        writeln!(out, "and {} more", report.omitted)?;
    }
    for path in &report.beyond {
        writeln!(
            out,
            "note: {path} is beyond the checkpoint; a batch is being written, or an old checkpoint was put back"
        )?;
    }
    for path in &report.foreign {
        writeln!(out, "note: {path} is no file of a log")?;
    }
    if report.entries_unreadable > 0 {
        writeln!(out, "note: {} entries are of a newer program", report.entries_unreadable)?;
    }
    Ok(())
}

/// Whether the log goes on from where it was seen last.
fn compare(
    source: &Source,
    policy: &Policy,
    file: &Path,
    now: &SignedCheckpoint,
    out: &mut impl Write,
) -> Result<()> {
    let note = match fs::read_to_string(file) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            writeln!(out, "seen for the first time; {} will hold the checkpoint", file.display())?;
            return Ok(());
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    };
    let seen = policy.verify(&note).with_context(|| format!("verify {}", file.display()))?;
    let (old, new) = (seen.head().size, now.head().size);
    match follow(&seen, now)? {
        Follow::Same => writeln!(out, "the same {new} entries as seen before")?,
        Follow::SplitView => {
            writeln!(out, "seen before:\n\n{}\nseen now:\n\n{}", seen.note(), now.note())?;
            bail!("SPLIT VIEW: the log signed two different states of {new} entries; keep both as evidence");
        }
        Follow::Shorter(_) => {
            bail!("the log has LOST ITS END: it had {old} entries, it has {new}; keep both checkpoints")
        }
        Follow::Longer(plan) => {
            let proof = prove(source, &plan)?;
            if let Err(error) = prove_growth(&seen, now, &proof) {
                writeln!(out, "seen before:\n\n{}\nseen now:\n\n{}", seen.note(), now.note())?;
                return Err(error)
                    .context("SPLIT VIEW, or a rewritten log; keep both checkpoints as evidence");
            }
            writeln!(out, "continues the {old} entries that were seen before")?;
        }
    }
    Ok(())
}

fn prove(source: &Source, plan: &ProofPlan) -> Result<Vec<::audit::Hash>> {
    let mut tiles = BTreeMap::new();
    for path in plan.reads() {
        if let Some(bytes) = source.read(path)? {
            tiles.insert(path, bytes);
        }
    }
    plan.prove(&tiles).context("make the proof that the log continues what was seen")
}

fn verify_proof(file: &Path, policy: &Policy, out: &mut impl Write) -> Result<()> {
    let place = || file.display();
    let len = fs::metadata(file).with_context(|| format!("read {}", place()))?.len();
    ensure!(len <= PROOF_BYTES_MAX as u64, "{} is longer than a proof can be", place());
    let text = fs::read_to_string(file).with_context(|| format!("read {}", place()))?;
    let proof: TlogProof = text.parse().with_context(|| format!("read {}", place()))?;
    let checkpoint = proof.verify(policy).with_context(|| format!("verify {}", place()))?;
    writeln!(out, "proven: entry {} of {} of `{}`", proof.index, checkpoint.head().size, policy.origin())?;
    match &proof.evidence {
        Some(evidence) => describe(evidence, out),
        None => Ok(()),
    }
}

/// What an entry says, as far as it can be opened.
fn describe(evidence: &Evidence, out: &mut impl Write) -> Result<()> {
    let event: Event = evidence.event().context("read the entry")?;
    let shown = |label: Label, field: &Field| match field {
        Field::Plain(word) => word.as_str().to_owned(),
        Field::Committed(_) => {
            let opening = evidence.openings().iter().find(|opening| opening.label() == label);
            opening.map_or("(erased)", |opening| opening.value().as_str()).to_owned()
        }
    };
    writeln!(out, "time      {}", jiff::Timestamp::from_microsecond(event.at.0)?)?;
    writeln!(out, "actor     {} {}", event.actor.kind, shown(Label::Actor, &event.actor.id))?;
    writeln!(out, "action    {}", event.action)?;
    writeln!(out, "resource  {} {}", event.resource.kind, shown(Label::Resource, &event.resource.id))?;
    writeln!(out, "region    {}", event.region)?;
    if let Some(brand) = event.brand {
        writeln!(out, "brand     {}", brand.name())?;
    }
    if let Some(purpose) = event.purpose {
        writeln!(out, "purpose   {}", purpose.slug())?;
    }
    let reason = event.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    writeln!(out, "outcome   {}{reason}", event.outcome.slug())?;
    if let Some(address) = &event.address {
        writeln!(out, "from      {}", shown(Label::Address, address))?;
    }
    Ok(())
}

/// The key itself, or what stands in the file of that name.
fn key(text: &str) -> Result<VerifierKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let read = fs::read_to_string(text).with_context(|| format!("read {text}, which is no key itself"))?;
    read.trim().parse().with_context(|| format!("read the key in {text}"))
}

/// Beside and then renamed: what was seen is not lost to a crash.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, text)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(beside, file)
}

#[cfg(test)]
mod tests;
