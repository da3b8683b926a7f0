//! The load: a lean HTTP/1.1 client on one thread, since whatever it costs is taken from the server beside it.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::processor;
use crate::server::Server;

/// How the requests are sent.
#[derive(Clone, Copy)]
pub struct Load {
    /// Keep-alive connections, each with one request at a time.
    pub connections: usize,
    /// For how long.
    pub seconds: f64,
    /// Requests a second, sent when they are due whatever became of those before; without it each connection sends its next
    /// one as soon as it has an answer.
    pub rate: Option<f64>,
    /// Begins again with the first request after the last: for a server that does not care.
    pub repeat: bool,
}

/// What a load showed.
pub struct Measured {
    /// Of requests that were accepted in whole or in part, sorted, from sending to the whole answer.
    accepted_us: Vec<u32>,
    /// Of requests that were answered with 503 or 429, sorted.
    pub refused_us: Vec<u32>,
    /// How much later than due requests were sent, sorted; with a rate only.
    pub late_us: Vec<u32>,
    /// Requests with any other answer.
    pub others: usize,
    /// Requests without an answer: the connection broke.
    pub broken: usize,
    /// Requests that were sent.
    pub sent: usize,
    /// Events that were accepted.
    pub events: usize,
    /// Events that were accepted before the time was over.
    in_time: usize,
    elapsed: Duration,
    /// Processor time of the server meanwhile.
    pub server_time: Duration,
    /// Processor time of this process meanwhile.
    pub own_time: Duration,
    /// Of each connection, the number of the last request that was answered with 201, and the answer's body.
    pub last: Vec<(usize, Vec<u8>)>,
}

impl Measured {
    /// Accepted events a second.
    pub fn rate(&self) -> f64 {
        self.in_time as f64 / self.elapsed.as_secs_f64()
    }

    /// Sent requests a second.
    pub fn offered(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64()
    }

    /// Processor time of the server for each accepted event.
    pub fn each_us(&self) -> f64 {
        self.server_time.as_secs_f64() * 1e6 / (self.events.max(1) as f64)
    }

    /// Latency of the accepted ones.
    pub fn accepted_ms(&self, percent: usize) -> f64 {
        percentile_ms(&self.accepted_us, percent)
    }

    /// The part of this machine's processors that this process left to the others.
    pub fn left(&self) -> f64 {
        let all = self.elapsed.as_secs_f64() * crate::cores() as f64;
        1.0 - self.own_time.as_secs_f64() / all
    }
}

/// The head of the table whose rows are [`Measured`].
pub const HEAD: &str = "  events   rate/s  CPU µs  p50 ms  p90 ms  p99 ms  max ms   other";

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| self.accepted_ms(percent));
        let (events, rate, each_us) = (self.events, self.rate(), self.each_us());
        let others = self.others + self.broken + self.refused_us.len();
        write!(
            f,
            "{events:>8} {rate:>8.0}  {each_us:>6.1}  {p50:>6.2}  {p90:>6.2}  {p99:>6.2}  {max:>6.1}  {others:>6}"
        )
    }
}

/// One of sorted times; 100 is the greatest.
pub fn percentile_ms(sorted_us: &[u32], percent: usize) -> f64 {
    let at = (sorted_us.len() * percent / 100).min(sorted_us.len().saturating_sub(1));
    sorted_us.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Sends the requests until the time or the requests are over, and waits for the last answers.
pub fn run(server: &Server, requests: &[Vec<u8>], load: Load) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let next = Cell::new(0_usize);
    let (server_before, own_before) = (server.processor_time(), processor::of_this_process());
    let (workers, begin) = LocalSet::new().block_on(&runtime, async {
        let connect = (0..load.connections).map(|_| connect(server.address));
        let streams = futures_util::future::join_all(connect).await;
        let course = Course {
            requests,
            load,
            next: &next,
            begin: Instant::now(),
            address: server.address,
        };
        let connections = streams.into_iter().map(|stream| course.connection(stream));
        (futures_util::future::join_all(connections).await, course.begin)
    });
    let sorted = |of: fn(&Worker) -> &Vec<u32>| {
        let mut all: Vec<u32> = workers.iter().flat_map(|worker| of(worker).iter().copied()).collect();
        all.sort_unstable();
        all
    };
    let sum = |of: fn(&Worker) -> usize| workers.iter().map(of).sum::<usize>();
    Measured {
        accepted_us: sorted(|worker| &worker.accepted_us),
        refused_us: sorted(|worker| &worker.refused_us),
        late_us: sorted(|worker| &worker.late_us),
        others: sum(|worker| worker.others),
        broken: sum(|worker| worker.broken),
        sent: sum(|worker| worker.sent),
        events: sum(|worker| worker.events),
        in_time: sum(|worker| worker.in_time),
        elapsed: begin.elapsed().min(Duration::from_secs_f64(load.seconds)),
        server_time: server.processor_time() - server_before,
        own_time: processor::of_this_process() - own_before,
        last: workers.into_iter().filter_map(|worker| worker.last).collect(),
    }
}

#[derive(Default)]
struct Worker {
    accepted_us: Vec<u32>,
    refused_us: Vec<u32>,
    late_us: Vec<u32>,
    others: usize,
    broken: usize,
    sent: usize,
    events: usize,
    in_time: usize,
    last: Option<(usize, Vec<u8>)>,
}

/// What all connections share.
struct Course<'a> {
    requests: &'a [Vec<u8>],
    load: Load,
    next: &'a Cell<usize>,
    begin: Instant,
    address: SocketAddr,
}

impl Course<'_> {
    async fn connection(&self, mut stream: TcpStream) -> Worker {
        let mut worker = Worker::default();
        let mut buffer = Vec::with_capacity(1 << 14);
        let deadline = self.begin + Duration::from_secs_f64(self.load.seconds);
        while Instant::now() < deadline {
            let mut number = self.next.replace(self.next.get() + 1);
            if let Some(rate) = self.load.rate {
                let due = self.begin + Duration::from_secs_f64(number as f64 / rate);
                if due >= deadline {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                worker.late_us.push(micros(due));
            }
            if self.load.repeat {
                number %= self.requests.len();
            }
            let Some(request) = self.requests.get(number) else {
                break;
            };
            worker.sent += 1;
            let sent = Instant::now();
            match exchange(&mut stream, request, &mut buffer).await {
                Ok((503 | 429, _)) => worker.refused_us.push(micros(sent)),
                Ok((_, body)) => {
                    let took = micros(sent);
                    let events = accepted(&buffer[..body], &buffer[body..]);
                    if events == 0 {
                        worker.others += 1;
                        continue;
                    }
                    worker.accepted_us.push(took);
                    worker.events += events;
                    if Instant::now() <= deadline {
                        worker.in_time += events;
                    }
                    let last = worker.last.get_or_insert_with(Default::default);
                    last.0 = number;
                    last.1.clear();
                    last.1.extend_from_slice(&buffer[body..]);
                }
                Err(_) => {
                    worker.broken += 1;
                    stream = connect(self.address).await;
                }
            }
        }
        worker
    }
}

/// Events that an answer says are newly recorded: one, or a line each.
fn accepted(head: &[u8], body: &[u8]) -> usize {
    match &head[9..12] {
        b"201" => 1,
        b"200" => {
            let lines = body.split(|byte| *byte == b'\n');
            lines.filter(|line| line.starts_with(b"{\"status\":201,")).count()
        }
        _ => 0,
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends one request and reads its answer into the buffer: its status, and where its body begins.
pub async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> io::Result<(u16, usize)> {
    stream.write_all(request).await?;
    buffer.clear();
    let mut answer = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if answer.is_none() {
            answer = buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|head| {
                let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .expect("an answer says its length");
                let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
                (text[9..12].parse().unwrap(), head + 4, head + 4 + length)
            });
        }
        match answer {
            Some((status, begin, end)) if buffer.len() >= end => return Ok((status, begin)),
            _ => {}
        }
    }
}
