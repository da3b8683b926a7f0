//! A PostgreSQL of one's own, which can be killed without harm to others. The benchmarks use it too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::port::free_address;

/// How long it may take to start, with recovery.
const START: Duration = Duration::from_secs(120);

/// The server, ended with the test.
pub struct Cluster {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    /// Beside those of all, as `name=value`.
    settings: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one and starts it; says so where there is no PostgreSQL to make it with.
    pub fn new() -> Option<Self> {
        Self::with(&[])
    }

    /// The same with settings of its own, as `name=value`.
    pub fn with(settings: &[&str]) -> Option<Self> {
        let Some(bin) = newest_bin() else {
            println!("skipped: there is no PostgreSQL on this machine");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "loopback").unwrap();
        if is_root() {
            let owned = Command::new("chown")
                .args(["-R", "nobody"])
                .arg(folder.path())
                .status()
                .unwrap();
            assert!(owned.success());
        }
        let mut cluster = Self {
            bin,
            folder,
            port: free_address().port(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            server: None,
        };
        let made = cluster
            .command("initdb")
            .args([
                "--username",
                "shipslog",
                "--encoding",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .args(["--auth-local", "reject", "--auth-host", "scram-sha-256", "--pwfile"])
            .arg(password)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.start();
        Some(cluster)
    }

    /// Its own database.
    pub fn url(&self) -> String {
        format!("postgres://shipslog:loopback@127.0.0.1:{}/postgres", self.port)
    }

    /// Its first process, whose children are the others; `None` while it is stopped.
    pub fn process(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Starts it and waits until it answers.
    pub fn start(&mut self) {
        let deadline = Instant::now() + START;
        loop {
            let log = fs::File::create(self.folder.path().join("log")).unwrap();
            let mut server = self
                .command("postgres")
                .args([
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &self.port.to_string(),
                    "-k",
                    "",
                    "-c",
                    "fsync=on",
                ])
                .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
                .stderr(log)
                .spawn()
                .unwrap();
            // Those of the one that was killed may still hold its memory: then it ends at once.
            while server.try_wait().unwrap().is_none() {
                let ready = Command::new(self.bin.join("pg_isready"))
                    .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                    .status()
                    .unwrap();
                if ready.success() {
                    self.server = Some(server);
                    return;
                }
                assert!(Instant::now() < deadline, "{}", self.log());
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `kill -9` of its first process; the others notice and end.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// One of its programs; root lends it another user, since PostgreSQL refuses to run as root.
    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=nobody",
                "--regid=nogroup",
                "--clear-groups",
                "--pdeathsig",
                "INT",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let data = self.folder.path().join("data");
        command.current_dir(self.folder.path()).arg("-D").arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let asked = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
            if asked.is_ok_and(|status| status.success()) {
                server.wait().unwrap();
            }
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// Where the newest server's programs are.
fn newest_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let version = |bin: &PathBuf| -> u32 {
        let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    bins.filter(|bin| bin.join("initdb").exists()).max_by_key(version)
}
