//! The real `shipslog`, as a command and as a service of its own process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::free_address;
use super::http::Client;

/// The `shipslog` that was built with these tests.
pub const SHIPSLOG: &[&str] = &[env!("CARGO_BIN_EXE_shipslog")];

/// A command that sees nothing of this process's environment: neither its configuration nor its CI system.
pub fn command(arguments: &[&str]) -> Command {
    command_of(SHIPSLOG, arguments)
}

/// The same of another program: a `shipslog` that was built elsewhere, or one under a tool that then becomes it.
pub fn command_of(program: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(program[0]);
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| ["PATH", "HOME", "TMPDIR"].iter().any(|kept| name == kept)));
    command.args(&program[1..]).args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Its exit code.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// What it printed, once it has ended well.
#[track_caller]
pub fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{:?}: {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Starts `serve` that is expected to end by itself, with what it said.
pub fn refused(data: &Path, url: &str, arguments: &[&str]) -> Output {
    let mut child = command(&[
        "serve",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--database",
        url,
    ])
    .args(arguments)
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it serves: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait_with_output().unwrap()
}

/// What it said on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `shipslog serve` or `shipslog demo`, ended with the test.
pub struct Service {
    /// With the administrator's token.
    pub client: Client,
    pub data: PathBuf,
    child: Child,
    /// What it says on standard error.
    log: NamedTempFile,
}

impl Service {
    /// Starts `serve` and waits until it serves.
    pub fn start(data: &Path, database: Option<&str>, arguments: &[&str]) -> Self {
        Self::start_of(SHIPSLOG, data, database, arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts `serve` of any program, and waits until it serves; what it said if it does not.
    pub fn start_of(program: &[&str], data: &Path, database: Option<&str>, arguments: &[&str]) -> Result<Self, String> {
        let database = database.map(|url| ["--database", url]);
        let arguments = [arguments, database.as_ref().map_or(&[], |flag| &flag[..])].concat();
        Self::launch(program, "serve", data, &arguments)
    }

    /// Starts `demo` in a new data directory and waits until it serves.
    pub fn demo(data: &Path) -> Self {
        Self::launch(SHIPSLOG, "demo", data, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    fn launch(program: &[&str], subcommand: &str, data: &Path, arguments: &[&str]) -> Result<Self, String> {
        let launched = Self::launch_once(program, subcommand, data, arguments);
        match launched {
            // Somebody else took the port between our look and its start; nothing was set up yet.
            Err(said) if said.contains("cannot listen on") => Self::launch_once(program, subcommand, data, arguments),
            launched => launched,
        }
    }

    fn launch_once(program: &[&str], subcommand: &str, data: &Path, arguments: &[&str]) -> Result<Self, String> {
        // Free now; the service says so if somebody else takes it first.
        let address = free_address();
        let listen = address.to_string();
        let log = NamedTempFile::new().unwrap();
        let child = command_of(
            program,
            &[subcommand, "--data", data.to_str().unwrap(), "--listen", &listen],
        )
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap();
        let mut service = Self {
            client: Client { address, token: None },
            data: data.to_owned(),
            child,
            log,
        };
        // The demonstration has much to do first, and this build is not optimised.
        let deadline = Instant::now() + Duration::from_secs(600);
        while !service.answers() {
            let ended = service.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(service.log.path()).unwrap();
                return Err(format!("it does not serve ({ended:?}): {said}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
        service.client.token = Some(token.trim_end().to_owned());
        Ok(service)
    }

    /// Whether it serves. A socket that listens is not enough: it may still be setting things up.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.client.address) else {
            return false;
        };
        let mut answer = [0; 12];
        let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        stream
            .write_all(request)
            .and_then(|()| stream.read_exact(&mut answer))
            .is_ok()
            && &answer == b"HTTP/1.1 200"
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.client.address)
    }

    /// Runs a client command against it.
    pub fn shipslog(&self, arguments: &[&str]) -> Output {
        command(arguments)
            .env("SHIPSLOG_URL", self.url())
            .env("SHIPSLOG_TOKEN", self.client.token.as_deref().unwrap())
            .output()
            .unwrap()
    }

    /// Runs a client command that prints JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&stdout(&self.shipslog(arguments))).unwrap()
    }

    /// Asks it to end, by SIGTERM, and waits; whether it ended well.
    pub fn terminate(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let killed = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// What it has said on standard error so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        match self.child.try_wait().unwrap() {
            None => {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
            }
            Some(status) if status.success() => {}
            // Nobody looks at this but after a test that failed.
            Some(status) => {
                let said = std::fs::read_to_string(self.log.path()).unwrap_or_default();
                println!("the service of {} ended with {status}: {said}", self.data.display());
            }
        }
    }
}
