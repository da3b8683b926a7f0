//! The two servers under load, each a process of its own that ends with this one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ledger::{NoteKey, Receipt};
use tempfile::TempDir;

use crate::events::Producer;
use crate::load::Measured;

/// A server, ended when dropped.
pub struct Server {
    /// As it is called in the table.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    directory: TempDir,
}

impl Server {
    /// This program again, as the bare server.
    pub fn bare(producers: &[Producer], workers: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys.pem");
        let pem: String = producers
            .iter()
            .map(|producer| producer.key.public().to_pem())
            .collect();
        std::fs::write(&keys, pem).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--bare")
            .arg(&keys)
            .args(["--workers", &workers.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            name: "bare",
            address: line.trim().parse().unwrap(),
            child,
            directory,
        }
    }

    /// The service itself, on an empty database.
    pub fn service(database: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Free now; the service says so if somebody else takes it first.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipslog"));
        command
            .arg("serve")
            .arg("--data")
            .arg(directory.path())
            .args(["--listen", &address.to_string()]);
        if let Some(url) = database {
            command.args(["--database", url]);
        }
        let log = std::fs::File::create(directory.path().join("serve.log")).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_healthy(address) {
            let ended = child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(directory.path().join("serve.log")).unwrap();
                panic!("the service does not listen on {address}: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            name: "service",
            address,
            child,
            directory,
        }
    }

    /// Lets the producers sign for everything.
    pub fn register(&self, producers: &[Producer]) {
        let token = std::fs::read_to_string(self.directory.path().join("admin.token")).unwrap();
        for producer in producers {
            let body =
                serde_json::json!({ "name": producer.name, "public_key": producer.key.public().to_pem() }).to_string();
            let mut stream = TcpStream::connect(self.address).unwrap();
            let head = format!(
                "POST /v1/producers HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                token.trim(),
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 201"), "registering a producer: {answer}");
        }
    }

    /// The last receipt of every connection must verify: what was measured is what was promised.
    pub fn verify_receipts(&self, measured: &Measured) {
        let vkey = std::fs::read_to_string(self.directory.path().join("log.vkey")).unwrap();
        let log = NoteKey::parse(vkey.trim_end()).unwrap();
        assert!(!measured.last.is_empty(), "no request was answered with 201");
        for ((_, receipt), body) in measured.last.iter().zip(&measured.bodies) {
            Receipt::parse(receipt)
                .unwrap()
                .verify(&log, body)
                .expect("a receipt verifies");
        }
    }

    /// Processor time that it has used so far.
    pub fn processor_time(&self) -> Duration {
        // proc(5), `stat`: utime and stime are the 14th and 15th field, in ticks of 10 ms; the name in the second may hold spaces.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// The most memory it ever had resident, in MiB.
    pub fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap_or("");
        line.split_whitespace()
            .next()
            .and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or(0)
            / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("{} could not be ended: {error}", self.name);
        }
    }
}

/// Whether it answers. A listener that accepts connections may belong to a service that is not open yet.
fn is_healthy(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
