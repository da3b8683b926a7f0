//! A PostgreSQL server of one test, to be killed and started again. `tests/run` has another one, which all tests share.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::eventually;

/// A server that runs until the test ends.
pub struct Cluster {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// Starts one, or says why there is none.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with settings of its own, as `name=value`.
    pub fn start_with(settings: &[&str]) -> Option<Self> {
        if std::env::var_os("SHIPSLOG_TEST_POSTGRES").is_none() {
            println!("skipped on PostgreSQL: SHIPSLOG_TEST_POSTGRES is not set (tests/run sets it)");
            return None;
        }
        let Some(bin) = bin() else {
            println!("skipped: PostgreSQL's programs are not on this machine");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster = Self {
            folder: tempfile::tempdir().unwrap(),
            bin,
            port,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            server: None,
        };
        let path = |name: &str| cluster.folder.path().join(name);
        std::fs::write(path("password"), "test").unwrap();
        if is_root() {
            let owned = Command::new("chown")
                .arg("-R")
                .arg(USER)
                .arg(cluster.folder.path())
                .status()
                .unwrap();
            assert!(owned.success());
        }
        let made = cluster
            .program("initdb")
            .arg("--pgdata")
            .arg(path("data"))
            .arg("--pwfile")
            .arg(path("password"))
            .args([
                "--username",
                "shipslog",
                "--encoding",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .args(["--auth-local", "reject", "--auth-host", "scram-sha-256"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.restart();
        Some(cluster)
    }

    /// Its database.
    pub fn url(&self) -> String {
        format!("postgres://shipslog:test@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once: the server and all its processes.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // The others end when they see that the first one is gone; a new server waits for that.
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Starts it, after a kill too.
    pub fn restart(&mut self) {
        self.kill();
        let ready = |bin: &Path, port: u16| {
            let mut command = Command::new(bin.join("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
            command.status().unwrap().success()
        };
        eventually("PostgreSQL runs", || {
            let ended = match &mut self.server {
                Some(server) => server.try_wait().unwrap().is_some(),
                None => true,
            };
            if ended {
                self.server = Some(self.spawn());
            }
            ready(&self.bin, self.port)
        });
    }

    fn spawn(&self) -> Child {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-k",
            "",
        ]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.spawn().unwrap()
    }

    /// One of PostgreSQL's programs. It refuses to run as root, so root lends it a user.
    fn program(&self, name: &str) -> Command {
        let path = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let user = format!("--reuid={USER}");
            command.args([&user, "--regid=postgres", "--init-groups", "--pdeathsig", "INT"]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

const USER: &str = "postgres";

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Where Debian and others keep the newest server.
fn bin() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let on_path = std::env::split_paths(&path)
        .filter_map(|folder| {
            std::fs::canonicalize(folder.join("initdb"))
                .ok()?
                .parent()
                .map(Path::to_owned)
        })
        .next();
    let packaged = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut found: Vec<PathBuf> = versions
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .filter(|bin| bin.join("initdb").exists())
            .collect();
        found.sort();
        found.pop()
    };
    on_path.or_else(packaged)
}
