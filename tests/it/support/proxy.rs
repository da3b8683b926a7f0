//! A TCP proxy before PostgreSQL that breaks a connection at a chosen byte of the exchange around COMMIT.
//!
//! It understands just enough of the protocol (PostgreSQL documentation, chapter "Frontend/Backend Protocol") to find
//! COMMIT and the end of its answer, and passes everything else on as it is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::eventually;

/// Where the next COMMIT breaks. Both ends of the connection are closed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Only so many bytes of the message reach the server: the transaction is undone.
    Commit(usize),
    /// The server commits, but only so many bytes of its answer reach the client.
    Answer(usize),
    /// It is held back, and both ends stay open: what a network does that drops packets, or a client that stands still.
    Hold,
}

/// The proxy, gone when the test ends.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: String,
    armed: Mutex<Option<Fault>>,
    fired: AtomicUsize,
    closed: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts one before the server of this URL.
    pub fn new(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            server: authority(url).to_owned(),
            armed: Mutex::default(),
            fired: AtomicUsize::default(),
            closed: AtomicBool::default(),
            connections: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// The same URL, through the proxy.
    pub fn url(&self, url: &str) -> String {
        url.replacen(authority(url), &self.address.to_string(), 1)
    }

    /// Breaks the next COMMIT that passes, of whichever connection.
    pub fn arm(&self, fault: Fault) {
        *self.shared.armed.lock().unwrap() = Some(fault);
    }

    /// How many connections were broken by a fault so far.
    pub fn fired(&self) -> usize {
        self.shared.fired.load(Ordering::SeqCst)
    }

    /// Waits until so many faults have happened.
    #[track_caller]
    pub fn wait_for(&self, fired: usize) {
        eventually("a COMMIT comes by", || self.fired() >= fired);
    }

    /// Breaks every connection there is, as a network does.
    pub fn cut(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            close(&connection);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split(['/', '?']).next().unwrap();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let client = client.unwrap();
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        // A server that is down refuses: so does the proxy, by hanging up.
        let Ok(server) = TcpStream::connect(&shared.server) else {
            continue;
        };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let mut connections = shared.connections.lock().unwrap();
        connections.push(client.try_clone().unwrap());
        connections.push(server.try_clone().unwrap());
        drop(connections);
        let pair = Arc::new(Pair {
            client,
            server,
            answer: Mutex::default(),
        });
        std::thread::spawn({
            let (pair, shared) = (pair.clone(), shared.clone());
            move || pair.forward(&shared)
        });
        let shared = shared.clone();
        std::thread::spawn(move || pair.backward(&shared));
    }
}

/// One client's connection and ours to the server.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// How much of the answer to COMMIT may still pass, once one was chosen.
    answer: Mutex<Option<usize>>,
}

impl Pair {
    /// What the client says, message by message.
    fn forward(&self, shared: &Shared) {
        let mut messages = Messages::default();
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = (&self.client).read(&mut buffer) {
            messages.bytes.extend_from_slice(&buffer[..length]);
            while let Some(message) = messages.next() {
                let fault = if is_commit(&message) {
                    shared.armed.lock().unwrap().take()
                } else {
                    None
                };
                let passing = match fault {
                    Some(Fault::Commit(bytes)) => &message[..bytes.min(message.len())],
                    Some(Fault::Answer(bytes)) => {
                        *self.answer.lock().unwrap() = Some(bytes);
                        &message
                    }
                    Some(Fault::Hold) => {
                        shared.fired.fetch_add(1, Ordering::SeqCst);
                        continue;
                    }
                    None => &message,
                };
                let passed = (&self.server).write_all(passing).is_ok();
                if let Some(Fault::Commit(_)) = fault {
                    self.close();
                    shared.fired.fetch_add(1, Ordering::SeqCst);
                }
                if !passed {
                    return self.close();
                }
            }
        }
        self.close();
    }

    /// What the server says.
    fn backward(&self, shared: &Shared) {
        let mut buffer = [0; 1 << 16];
        let mut answered = Vec::new();
        while let Ok(length @ 1..) = (&self.server).read(&mut buffer) {
            let chosen = *self.answer.lock().unwrap();
            let Some(limit) = chosen else {
                if (&self.client).write_all(&buffer[..length]).is_err() {
                    break;
                }
                continue;
            };
            let from = answered.len().min(limit);
            answered.extend_from_slice(&buffer[..length]);
            let to = answered.len().min(limit);
            drop((&self.client).write_all(&answered[from..to]));
            // ReadyForQuery: the transaction is over, whoever hears of it.
            if answered.len() >= 6 && answered[answered.len() - 6..].starts_with(b"Z\0\0\0\x05") {
                self.close();
                shared.fired.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
        self.close();
    }

    fn close(&self) {
        close(&self.client);
        close(&self.server);
    }
}

fn close(connection: &TcpStream) {
    // The other end may have closed it already.
    drop(connection.shutdown(Shutdown::Both));
}

/// The messages of a client: the first has no type, all others have one byte of it; then comes the length.
#[derive(Default)]
struct Messages {
    bytes: Vec<u8>,
    begun: bool,
}

impl Messages {
    fn next(&mut self) -> Option<Vec<u8>> {
        let head = usize::from(self.begun);
        let length = self.bytes.get(head..head + 4)?;
        let length = head + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if self.bytes.len() < length {
            return None;
        }
        self.begun = true;
        Some(self.bytes.drain(..length).collect())
    }
}

/// Whether a message is a simple query that ends with COMMIT.
fn is_commit(message: &[u8]) -> bool {
    message.first() == Some(&b'Q') && message.ends_with(b"COMMIT\0")
}

#[test]
fn commits_are_found_in_the_stream_of_messages() {
    let startup = [&[0, 0, 0, 9][..], &[0, 3, 0, 0, 0]].concat();
    let query = |text: &str| [b"Q", &(text.len() as u32 + 5).to_be_bytes()[..], text.as_bytes(), b"\0"].concat();
    let stream = [startup, query("BEGIN"), query("SELECT 'COMMIT' "), query("COMMIT")].concat();
    let mut messages = Messages::default();
    let mut found = Vec::new();
    for byte in stream {
        messages.bytes.push(byte);
        found.extend(messages.next().map(|message| is_commit(&message)));
    }
    assert_eq!(found, [false, false, false, true]);
    assert_eq!(authority("postgres://u:p@127.0.0.1:5/db?x=y"), "127.0.0.1:5");
}
