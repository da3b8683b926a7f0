//! The real `shipslog`, as a command and as a service of its own process.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Client;

/// A command that sees nothing of this process's environment: neither its configuration nor its CI system.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipslog"));
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| ["PATH", "HOME", "TMPDIR"].iter().any(|kept| name == kept)));
    command.args(arguments).stdin(Stdio::null());
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

/// `shipslog serve`, ended with the test.
pub struct Service {
    /// With the administrator's token.
    pub client: Client,
    pub data: PathBuf,
    child: Child,
}

impl Service {
    /// Starts it and waits until it serves.
    pub fn start(data: &Path, database: Option<&str>, arguments: &[&str]) -> Self {
        // Free now; the service says so if somebody else takes it first.
        let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listen = address.to_string();
        let mut command = command(&["serve", "--data", data.to_str().unwrap(), "--listen", &listen]);
        command.args(arguments);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        std::fs::create_dir_all(data).unwrap();
        let log = data.join("serve.log");
        let child = command
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut service = Self {
            client: Client { address, token: None },
            data: data.to_owned(),
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() || service.client.get("/healthz").status != 200 {
            let ended = service.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                panic!(
                    "it does not serve ({ended:?}): {}",
                    std::fs::read_to_string(log).unwrap()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
        service.client.token = Some(token.trim_end().to_owned());
        service
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
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().success()
    }

    /// Ends it at once, as `kill -9` does, while others may still use it.
    pub fn kill_now(&self) {
        let killed = Command::new("kill")
            .args(["-KILL", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        if self.child.try_wait().unwrap().is_none() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
