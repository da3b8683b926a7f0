//! The servers under load, each a process of its own that ends with this one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ledger::{NoteKey, Receipt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::events::{self, Producer};
use crate::load::Measured;
use crate::port::free_address;
use crate::processor;

/// Where the service keeps its log.
#[derive(clap::Args)]
pub struct Storage {
    /// Database of the service, which must be empty; without it SQLite in a temporary directory
    #[arg(long, value_name = "URL", conflicts_with = "postgres")]
    database: Option<String>,
    /// Start a PostgreSQL for this run, with fsync, and count its processor time too
    #[arg(long)]
    postgres: bool,
}

impl Storage {
    /// Whether it is PostgreSQL, which somebody may have started for the purpose.
    pub fn is_postgres(&self) -> bool {
        self.postgres || self.database.as_ref().is_some_and(|url| !url.starts_with("sqlite:"))
    }

    /// SQLite in a temporary directory.
    pub fn sqlite() -> Self {
        Self {
            database: None,
            postgres: false,
        }
    }
}

/// A server, ended when dropped.
pub struct Server {
    /// As it is called in the table.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    directory: Directory,
    cluster: Option<Cluster>,
}

enum Directory {
    Temporary(TempDir),
    Kept(PathBuf),
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
            .arg("bare")
            .arg(&keys)
            .arg(workers.to_string())
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
            directory: Directory::Temporary(directory),
            cluster: None,
        }
    }

    /// The service on an empty log, with the producers' keys registered.
    pub fn service(storage: &Storage, producers: &[Producer]) -> Self {
        let cluster = storage
            .postgres
            .then(|| Cluster::new().expect("--postgres needs PostgreSQL's programs"));
        let url = storage.database.clone().or(cluster.as_ref().map(Cluster::url));
        let directory = Directory::Temporary(tempfile::tempdir().unwrap());
        let server = Self::start(directory, url, cluster);
        server.register(producers);
        server
    }

    /// The service on the SQLite log of this directory, which is begun if there is none.
    pub fn service_in(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        Self::start(Directory::Kept(directory.to_owned()), None, None)
    }

    /// The service on the log of this directory: in this PostgreSQL, or in its own file.
    pub fn over(directory: &Path, cluster: Option<Cluster>) -> Self {
        let url = cluster.as_ref().map(Cluster::url);
        Self::start(Directory::Kept(directory.to_owned()), url, cluster)
    }

    fn start(directory: Directory, database: Option<String>, cluster: Option<Cluster>) -> Self {
        // Free now; the service says so if somebody else takes it first.
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipslog"));
        command
            .arg("serve")
            .arg("--data")
            .arg(directory.path())
            .args(["--listen", &address.to_string()]);
        if let Some(url) = database {
            command.args(["--database", &url]);
        }
        let log = std::fs::File::create(directory.path().join("serve.log")).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_ready(address) {
            let ended = child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = std::fs::read_to_string(directory.path().join("serve.log")).unwrap();
                panic!("the service does not get ready on {address}: {log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Self {
            name: "service",
            address,
            child,
            directory,
            cluster,
        }
    }

    /// Lets the producers sign for everything.
    pub fn register(&self, producers: &[Producer]) {
        let token = self.token();
        for producer in producers {
            let body =
                serde_json::json!({ "name": producer.name, "public_key": producer.key.public().to_pem() }).to_string();
            let mut stream = TcpStream::connect(self.address).unwrap();
            let head = format!(
                "POST /v1/producers HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 201"), "registering a producer: {answer}");
        }
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        self.directory.path()
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        let token = std::fs::read_to_string(self.data().join("admin.token")).unwrap();
        token.trim().to_owned()
    }

    /// Entries of its log.
    pub fn tree_size(&self) -> u64 {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let request = format!(
            "GET /v1/log HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            self.token()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let log: serde_json::Value = serde_json::from_str(body).unwrap();
        log["tree_size"].as_u64().unwrap()
    }

    /// The last receipts of every connection must verify: what was measured is what was promised.
    pub fn verify_receipts(&self, measured: &Measured, requests: &[Vec<u8>]) {
        let vkey = std::fs::read_to_string(self.data().join("log.vkey")).unwrap();
        let log = NoteKey::parse(vkey.trim_end()).unwrap();
        assert!(!measured.last.is_empty(), "nothing was accepted");
        for (number, answer) in &measured.last {
            let envelopes = events::body(&requests[*number]).split(|byte| *byte == b'\n');
            for (receipt, envelope) in receipts(answer).iter().zip(envelopes) {
                Receipt::parse(receipt)
                    .unwrap()
                    .verify(&log, envelope)
                    .expect("a receipt verifies");
            }
        }
    }

    /// Processor time that it has used so far, and its database's server with it.
    pub fn processor_time(&self) -> Duration {
        let database = self.cluster.as_ref().and_then(Cluster::process);
        processor::of_process(self.child.id()) + database.map(processor::of_family).unwrap_or_default()
    }

    /// The most memory it ever had resident, in MiB.
    pub fn peak_mib(&self) -> u64 {
        processor::peak_kib(self.child.id()).unwrap_or(0) / 1024
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

impl Directory {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }
}

/// The receipts of an answer: it is one, or it has a line for each.
fn receipts(answer: &[u8]) -> Vec<&[u8]> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        receipt: &'a RawValue,
    }
    let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let receipt = |line| match serde_json::from_slice::<Line<'_>>(line) {
        Ok(Line { receipt }) => receipt.get().as_bytes(),
        Err(_) => line,
    };
    lines.map(receipt).collect()
}

/// Whether it does its work. A listener that accepts connections may belong to a service that is not open yet.
fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = "GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
