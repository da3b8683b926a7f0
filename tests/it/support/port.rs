//! Ports of loopback that are free, and that nobody takes before they are used.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that systems give to connections, and to whoever asks for any port.
const PORTS: Range<u32> = 12_000..32_000;

/// An address where nobody listens, given to nobody else in this process.
pub fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes that run at the same time begin at different places.
    let first = std::process::id() % 20_000 * 997;
    let addresses = PORTS.map(|_| {
        let port = PORTS.start + (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32;
        SocketAddr::from((Ipv4Addr::LOCALHOST, port as u16))
    });
    let mut free = addresses.filter(|address| TcpListener::bind(address).is_ok());
    free.next().expect("some port is free")
}
