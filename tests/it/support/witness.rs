//! Witnesses for tests: the real one as a process, one that answers whatever a test wants, and a log to feed them from.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use ledger::{
    AddCheckpoint, Checkpoint, CosignerKey, Edge, FullTile, Hash, NoteSigner, ProofPlan, SignedNote, TileId, leaf_hash,
};
use shipslog::data::{DataDirectory, WitnessDirectory};
use shipslog::entropy::Entropy;

use super::binary::command;
use super::eventually;
use super::http::{Answer, Client};

/// `shipslog witness`, ended with the test.
pub struct Witness {
    pub client: Client,
    pub key: CosignerKey,
    child: Child,
}

impl Witness {
    /// Makes the key of a witness, so that policies can name it before it runs.
    pub fn key(data: &Path, name: &str) -> CosignerKey {
        let directory = WitnessDirectory::open(data, Some(name), &Entropy::system()).unwrap();
        directory.cosigner().key().clone()
    }

    /// Starts it on an address and waits until it serves.
    pub fn start(data: &Path, address: SocketAddr, arguments: &[&str]) -> Self {
        let mut child = command(&[
            "witness",
            "--data",
            data.to_str().unwrap(),
            "--listen",
            &address.to_string(),
        ])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
        let mut vkey = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut vkey)
            .unwrap();
        let key = CosignerKey::parse(vkey.trim_end()).unwrap();
        let client = Client { address, token: None };
        eventually("the witness listens", || TcpStream::connect(address).is_ok());
        Self { client, key, child }
    }

    pub fn add_checkpoint(&self, body: &str) -> Answer {
        self.client.post("/add-checkpoint", "text/plain", body.as_bytes())
    }

    /// The checkpoint that it shows of a log.
    pub fn checkpoint(&self, origin: &str) -> Answer {
        let hash = ledger::sha256(origin.as_bytes());
        self.client.get(&format!("/{hash}/checkpoint"))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.client.address)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The key of a service's log, made before the service runs.
pub fn log_signer(data: &Path, origin: &str) -> NoteSigner {
    let mut directory = DataDirectory::open(data, &Entropy::system()).unwrap();
    directory.log_signer(origin).unwrap()
}

/// A log in memory, to make checkpoints and proofs of.
#[derive(Clone)]
pub struct MemoryLog {
    pub signer: NoteSigner,
    edge: Edge,
    tiles: Vec<FullTile>,
    roots: Vec<Hash>,
}

impl MemoryLog {
    pub fn new(signer: NoteSigner) -> Self {
        Self {
            signer,
            edge: Edge::empty(),
            tiles: Vec::new(),
            roots: vec![Hash::EMPTY_ROOT],
        }
    }

    /// With this many entries of its own.
    pub fn of(signer: NoteSigner, size: u64) -> Self {
        let mut log = Self::new(signer);
        (0..size).for_each(|n| log.append(leaf_hash(&n.to_be_bytes())));
        log
    }

    pub fn append(&mut self, leaf: Hash) {
        self.edge.append(leaf, &mut self.tiles);
        self.roots.push(self.edge.root());
    }

    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint {
            origin: self.signer.key().name().to_owned(),
            size,
            root: self.roots[usize::try_from(size).unwrap()],
        }
    }

    pub fn note(&self, size: u64) -> SignedNote {
        self.checkpoint(size).sign(&self.signer).unwrap()
    }

    /// Up to 256 entries, for which the proof follows from the edge and the first tile.
    pub fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        let node = |id| {
            let tile = || self.tiles.iter().find(|tile| tile.id() == TileId::of(id));
            self.edge.node(id).or_else(|| tile()?.node(id))
        };
        ProofPlan::consistency(old, new).map_or(Vec::new(), |plan| plan.assemble(node).unwrap())
    }

    /// The request to cosign one of its checkpoints.
    pub fn request(&self, old: u64, new: u64) -> String {
        AddCheckpoint::new(old, self.proof(old, new), self.note(new))
            .unwrap()
            .to_string()
    }
}

/// A witness that answers what a test wants; nothing at all for an empty answer. Ends with the process.
pub struct FakeWitness {
    pub address: SocketAddr,
    /// The requests it got, head and body.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl FakeWitness {
    pub fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (kept.clone(), answer.clone());
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    if let Some(request) = read_request(&mut stream) {
                        let text = answer(&request);
                        kept.lock().unwrap().push(request);
                        if text.is_empty() {
                            // Holds the connection until the other side gives up.
                            let mut rest = Vec::new();
                            let _ = stream.read_to_end(&mut rest);
                        }
                        let _ = stream.write_all(text.as_bytes());
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An HTTP answer of a fake witness.
pub fn http_answer(status: &str, media: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        if body.len() >= length {
            return Some(text);
        }
    }
}

/// One address behind which the servers can be changed, and that remembers what was asked for.
pub struct Proxy {
    pub address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (target, asked) = (Arc::new(Mutex::new(target)), Arc::new(Mutex::new(Vec::new())));
        let (to, log) = (target.clone(), asked.clone());
        let open = Arc::new(Mutex::new(Vec::new()));
        let opened = open.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect(*to.lock().unwrap()) else {
                    continue;
                };
                let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                opened.lock().unwrap().push(client.try_clone().unwrap());
                let log = log.clone();
                thread::spawn(move || pass(client, server, Some(&log)));
                thread::spawn(move || pass(from_server, to_client, None));
            }
        });
        Self {
            address,
            target,
            open,
            asked,
        }
    }

    /// Shows another server from now on; connections to the one before end.
    pub fn show(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
        for stream in self.open.lock().unwrap().drain(..) {
            // It may have ended already.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, log: Option<&Mutex<Vec<String>>>) {
    let mut buffer = [0; 1 << 14];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if let Some(log) = log {
            let text = String::from_utf8_lossy(&buffer[..read]);
            let paths = text
                .lines()
                .filter_map(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"));
            log.lock().unwrap().extend(paths.map(ToOwned::to_owned));
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
