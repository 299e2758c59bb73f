//! The processes, and the folder and ports that all of their lives share.

use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use brain::queue::{self, Queue};
use model::Timestamp;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{CARS, PATIENCE};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// One test's folder and ports.
#[derive(Debug)]
pub(crate) struct World {
    folder: TempDir,
    http: u16,
    mqtt: u16,
}

/// A process that does not outlive the test.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl World {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("marque-crash-{name}-")).tempdir().unwrap();
        let http = free_port(0);
        Self { folder, http, mqtt: free_port(http) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("platform")
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.data().join("lake")
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.data().join("operator-password")
    }

    /// What the fleet's cars noted of each batch, through all of its lives.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path("journal")
    }

    /// What the fleet counted in its last life.
    pub(crate) fn report(&self) -> PathBuf {
        self.path("report.json")
    }

    pub(crate) fn start_platform(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_marque"));
        command
            .args([
                "--log",
                "warn",
                "cloud",
                "--metrics-open",
                "--flush-age-s",
                "1",
                "--simulated-cars",
                "--data",
            ])
            .arg(self.data())
            .args(["--http", &format!("127.0.0.1:{}", self.http)])
            .args(["--mqtt", &format!("127.0.0.1:{}", self.mqtt), "--est", "127.0.0.1:0"]);
        Process::start("platform", command, self.path("platform.log"))
    }

    /// All cars in one process; it goes on where the one before ended.
    pub(crate) fn start_fleet(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_marque"));
        command
            .args(["--log", "warn", "sim", "--cloud", &self.url()])
            .args(["--mqtt", &format!("127.0.0.1:{}", self.mqtt)])
            .args(["--vehicles", &CARS.to_string(), "--grace", "60"])
            .args(["--step-ms", "250", "--frame-ms", "250", "--state"])
            .arg(self.path("fleet"))
            .arg("--password-file")
            .arg(self.password_file())
            .arg("--simulation-token-file")
            .arg(self.data().join("simulation-token"))
            .arg("--journal")
            .arg(self.journal())
            .arg("--report")
            .arg(self.report());
        Process::start("fleet", command, self.path("fleet.log"))
    }

    /// Ends when the platform can serve.
    pub(crate) async fn ready(&self, platform: &mut Process) {
        let url = format!("{}/readyz", self.url());
        self.until("the platform is ready", async || {
            platform.check_running();
            reqwest::get(&url).await.ok()?.error_for_status().ok().map(drop)
        })
        .await;
    }

    /// Batches that wait in the cars' queues; only while no brain runs.
    pub(crate) fn queued_batches(&self) -> u64 {
        let options = queue::Options { sync_each: false, ..queue::Options::default() };
        let cars: Vec<_> = std::fs::read_dir(self.path("fleet/cars")).unwrap().map(Result::unwrap).collect();
        assert_eq!(cars.len() as u64, CARS);
        let queued = |car: std::fs::DirEntry| {
            Queue::open(&car.path().join("queue"), options, Timestamp(0)).counters().batches
        };
        cars.into_iter().map(queued).sum()
    }

    /// Looks again and again, until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let found = async {
            let mut again = tokio::time::interval(LOOK_EVERY);
            loop {
                again.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!("waited {PATIENCE:?} in vain: {what}\n{}", self.logs()),
        }
    }

    /// What the processes said last.
    fn logs(&self) -> String {
        format!("{}\n{}", tail(&self.path("platform.log")), tail(&self.path("fleet.log")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Process {
    fn start(name: &'static str, mut command: Command, log: PathBuf) -> Self {
        let file: File = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, name, log }
    }

    /// `kill -9`, and nothing else ends it.
    pub(crate) async fn kill(mut self) {
        self.check_running();
        self.child.kill().await.unwrap();
    }

    /// SIGTERM: it ends in good order.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        let Some(id) = id else { panic!("the {} has ended\n{}", self.name, tail(&self.log)) };
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => {
                let status = status.unwrap();
                assert!(status.success(), "the {} ended with {status}\n{}", self.name, tail(&self.log));
            }
            Err(_) => panic!("the {} does not stop\n{}", self.name, tail(&self.log)),
        }
    }

    fn check_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the {} has ended by itself with {status}\n{}", self.name, tail(&self.log));
        }
    }
}

/// A port below those that the system gives to clients: a car that tries to come back while the
/// platform is down must not be given the platform's own. Each process looks in ports of its own
/// first, since another test of this kind may look at the same time.
fn free_port(not: u16) -> u16 {
    const EACH: u32 = 8;
    let first = u16::try_from(std::process::id() % (10_000 / EACH) * EACH).unwrap() + 20_000;
    let mut ports = (first..32_000).chain(20_000..first).filter(|port| *port != not);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    format!("{}:\n{}", log.display(), last.join("\n"))
}
