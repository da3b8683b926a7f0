//! The log as a stranger reads it: entries and envelopes, hashed here with nothing but SHA-256.

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64, Encoding};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::http::Client;

/// Everything the log served up to a size.
#[derive(Default)]
pub struct Replica {
    pub leaves: Vec<Vec<u8>>,
    /// The indexes at which each event id stands.
    pub ids: BTreeMap<String, Vec<u64>>,
}

impl Replica {
    /// Reads what was added since, up to `size`, which must be published.
    pub fn extend(&mut self, client: &Client, size: u64) -> Result<(), String> {
        while (self.leaves.len() as u64) < size {
            let next = self.leaves.len() as u64;
            let (bundle, first) = (next / 256, next - next % 256);
            let width = (size - first).min(256);
            let path = tile_path(bundle, width);
            let entries = get(client, &format!("/log/tile/entries/{path}"))?;
            let entries = split(&entries).filter(|entries| entries.len() as u64 == width);
            let entries = entries.ok_or_else(|| format!("entry bundle {bundle} does not hold {width} entries"))?;
            let lines = get(client, &format!("/v1/log/envelopes/{bundle}?tree_size={size}"))?;
            let lines = String::from_utf8(lines).map_err(|error| error.to_string())?;
            let lines: Vec<&str> = lines.lines().collect();
            if lines.len() as u64 != width {
                return Err(format!("bundle {bundle} has {} envelopes, not {width}", lines.len()));
            }
            for (leaf, line) in entries.into_iter().zip(lines).skip((next - first) as usize) {
                let index = self.leaves.len() as u64;
                if let Some(id) = event_id(line) {
                    self.ids.entry(id).or_default().push(index);
                }
                self.leaves.push(leaf);
            }
        }
        Ok(())
    }

    /// The roots, in base64, of the trees of these sizes.
    pub fn roots(&self, sizes: &BTreeSet<u64>) -> BTreeMap<u64, String> {
        // Hashes of the perfect subtrees of what was taken so far, largest first (RFC 6962 §2.1).
        let mut stack: Vec<(u32, [u8; 32])> = Vec::new();
        let mut roots = BTreeMap::new();
        for (leaf, size) in self.leaves.iter().zip(1..) {
            stack.push((0, leaf_hash(leaf)));
            while let [.., (left_level, left), (level, right)] = stack[..]
                && left_level == level
            {
                stack.truncate(stack.len() - 2);
                stack.push((level + 1, node_hash(&left, &right)));
            }
            if sizes.contains(&size) {
                let fold = |right: [u8; 32], (_, left): &(u32, [u8; 32])| node_hash(left, &right);
                let mut parts = stack.iter().rev();
                let last = parts.next().unwrap().1;
                roots.insert(size, Base64::encode_string(&parts.fold(last, fold)));
            }
        }
        roots
    }
}

pub fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The time that a leaf says, Unix ms.
pub fn time(leaf: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(leaf).ok()?;
    text.lines().nth(1)?.strip_prefix("time ")?.parse().ok()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `<N>[.p/<W>]` of C2SP tlog-tiles.
pub fn tile_path(number: u64, width: u64) -> String {
    let mut groups = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        groups.insert(0, format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    let partial = if width < 256 {
        format!(".p/{width}")
    } else {
        String::new()
    };
    groups.join("/") + &partial
}

fn split(mut bundle: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut leaves = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf.to_vec());
        bundle = rest;
    }
    Some(leaves)
}

/// The id of the CDEvent in an envelope of a line.
fn event_id(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let payload = Base64::decode_vec(line["envelope"]["payload"].as_str()?).ok()?;
    let event: Value = serde_json::from_slice(&payload).ok()?;
    Some(event["context"]["id"].as_str()?.to_owned())
}

fn get(client: &Client, path: &str) -> Result<Vec<u8>, String> {
    let answer = client.get(path);
    match answer.status {
        200 => Ok(answer.body),
        status => Err(format!(
            "GET {path}: {status} {}",
            String::from_utf8_lossy(&answer.body)
        )),
    }
}
