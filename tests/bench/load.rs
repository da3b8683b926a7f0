//! The load: a lean HTTP/1.1 client on one thread, since whatever it costs is taken from the server beside it.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::server::Server;

/// What one round showed.
pub struct Measured {
    latencies_us: Vec<u32>,
    elapsed: Duration,
    others: usize,
    /// Processor time of the server meanwhile.
    pub processor_time: Duration,
    /// Of each connection, the number of the last request that was answered with 201, and the answer's body.
    pub last: Vec<(usize, Vec<u8>)>,
    /// The requests that were sent.
    pub bodies: Vec<Vec<u8>>,
}

impl Measured {
    /// Accepted requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies_us.len() as f64 / self.elapsed.as_secs_f64()
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.latencies_us.len() * percent / 100).min(self.latencies_us.len().saturating_sub(1));
        self.latencies_us.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| self.percentile_ms(percent));
        let requests = self.latencies_us.len();
        let others = self.others;
        let each_us = self.processor_time.as_secs_f64() * 1e6 / (requests.max(1) as f64);
        write!(
            f,
            "{requests:>8} {:>8.0}  {each_us:>6.1}  {p50:>6.2}  {p90:>6.2}  {p99:>6.2}  {max:>6.1}  {others:>7}",
            self.rate()
        )
    }
}

/// The middle one of the rounds' rates.
pub fn median_rate(rounds: &[Measured]) -> f64 {
    let mut rates: Vec<f64> = rounds.iter().map(Measured::rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Worker {
    latencies_us: Vec<u32>,
    others: usize,
    last: Option<(usize, Vec<u8>)>,
}

/// Sends the requests over `connections` connections, each waiting for its answer, until the time or the requests are over.
pub fn run(server: &Server, requests: &[Vec<u8>], connections: usize, seconds: f64) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (address, before) = (server.address, server.processor_time());
    let next = Cell::new(0_usize);
    let (next, begin) = (&next, Instant::now());
    let deadline = begin + Duration::from_secs_f64(seconds);
    let workers = LocalSet::new().block_on(&runtime, async {
        let connection = |_| connection(address, requests, next, deadline);
        futures_util::future::join_all((0..connections).map(connection)).await
    });
    let elapsed = begin.elapsed();
    let mut latencies_us: Vec<u32> = workers
        .iter()
        .flat_map(|worker| worker.latencies_us.iter().copied())
        .collect();
    latencies_us.sort_unstable();
    let others = workers.iter().map(|worker| worker.others).sum();
    let last: Vec<(usize, Vec<u8>)> = workers.into_iter().filter_map(|worker| worker.last).collect();
    let bodies = last
        .iter()
        .map(|(number, _)| crate::events::body(&requests[*number]).to_vec())
        .collect();
    Measured {
        latencies_us,
        elapsed,
        others,
        processor_time: server.processor_time() - before,
        last,
        bodies,
    }
}

async fn connection(address: SocketAddr, requests: &[Vec<u8>], next: &Cell<usize>, deadline: Instant) -> Worker {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut worker = Worker {
        latencies_us: Vec::with_capacity(1 << 14),
        others: 0,
        last: None,
    };
    let mut buffer = Vec::with_capacity(1 << 14);
    while Instant::now() < deadline {
        let number = next.replace(next.get() + 1);
        let Some(request) = requests.get(number) else { break };
        let begin = Instant::now();
        stream.write_all(request).await.unwrap();
        let (status, body) = answer(&mut stream, &mut buffer).await;
        if status == 201 {
            worker
                .latencies_us
                .push(u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX));
            let last = worker.last.get_or_insert_with(Default::default);
            last.0 = number;
            last.1.clear();
            last.1.extend_from_slice(&buffer[body..]);
        } else {
            worker.others += 1;
        }
    }
    worker
}

/// Reads one answer into the buffer: its status, and where its body begins.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> (u16, usize) {
    buffer.clear();
    let mut body = None;
    loop {
        assert!(
            stream.read_buf(buffer).await.unwrap() > 0,
            "the server closed the connection"
        );
        if body.is_none() {
            body = buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|head| {
                let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .expect("an answer says its length");
                let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
                (text[9..12].parse().unwrap(), head + 4, head + 4 + length)
            });
        }
        match body {
            Some((status, begin, end)) if buffer.len() >= end => return (status, begin),
            _ => {}
        }
    }
}
