//! A PostgreSQL server of the test's own: in a temporary directory, on a Unix socket, gone afterwards.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::Store;

struct Server {
    bin: PathBuf,
    directory: PathBuf,
}

impl Server {
    /// `None` when PostgreSQL is not installed.
    fn start() -> Option<Self> {
        let bin = installed()?;
        let made = as_postgres("mktemp", &["-d", "/tmp/marque-postgres-XXXXXX"]);
        let directory = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let server = Self { bin, directory };
        let data = server.data();
        server.run("initdb", &["-D", &data, "-U", "marque", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let socket = format!("-c listen_addresses='' -c fsync=off -k {}", server.directory.display());
        let log = server.directory.join("log").display().to_string();
        server.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &socket, "start"]);
        Some(server)
    }

    fn data(&self) -> String {
        self.directory.join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = as_postgres(&self.bin.join(program).display().to_string(), arguments);
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn database(&self, name: &str) -> Store {
        let socket = self.directory.display().to_string();
        self.run("createdb", &["-h", &socket, "-U", "marque", name]);
        Store::postgres(&format!("postgres://marque@localhost/{name}?host={socket}")).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        as_postgres(
            &self.bin.join("pg_ctl").display().to_string(),
            &["-D", &data, "-m", "immediate", "-w", "stop"],
        );
        as_postgres("rm", &["-rf", &self.directory.display().to_string()]);
    }
}

/// The newest version that Debian has installed.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop()
}

/// The server refuses to run as root.
fn as_postgres(program: &str, arguments: &[&str]) -> Output {
    let root = Path::new("/proc/self").metadata().unwrap().uid() == 0;
    let mut command = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    };
    // Its own working directory may be closed to the other user.
    command.args(arguments).current_dir("/tmp").output().unwrap()
}

#[tokio::test]
async fn every_check_passes_on_postgresql() {
    let Some(server) = Server::start() else {
        eprintln!("skipped: PostgreSQL is not installed; `apt-get install postgresql` brings it");
        return;
    };
    for (index, (name, check)) in super::CHECKS.iter().enumerate() {
        eprintln!("on PostgreSQL: {name}");
        let store = server.database(&format!("check_{index}")).await;
        check(store.clone()).await;
        store.close().await;
    }
}

/// What a client says that wants TLS: eight bytes, of which the last four are a version that no protocol has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 22;

#[tokio::test]
async fn a_url_that_requires_tls_gets_a_handshake_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 8];
        socket.read_exact(&mut asked).await.unwrap();
        socket.write_all(b"S").await.unwrap();
        (asked, socket.read_u8().await.unwrap())
    };
    let url = format!("postgres://marque:secret@127.0.0.1:{port}/marque?sslmode=require");
    let (store, (asked, first)) = tokio::join!(Store::postgres(&url), server);
    assert_eq!((asked, first), (SSL_REQUEST, TLS_HANDSHAKE));
    let error = store.unwrap_err();
    assert!(matches!(error, crate::Error::Open { .. }), "{error}");
}
