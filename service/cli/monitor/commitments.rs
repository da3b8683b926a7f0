//! The signed records against what the entries commit to: salt and envelope give the commitment, the signatures are those
//! the entry names. Needs a reader's token, for records are not public.

use ledger::{Entry, Envelope, commitment, entry_bundle, sha256};

use super::follow::Halt;
use crate::cli::Failure;
use crate::cli::bundle::{Kept, Line, Part};
use crate::cli::client::Client;
use crate::domain::parse::is_never_erased;

/// No line is longer: an envelope may hold 1 MiB, a third more in base64.
const MAX_LINE: usize = 8 << 20;

/// How many there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commitments {
    /// Records that are what their entries commit to.
    pub checked: u64,
    /// Records that were erased.
    pub erased: u64,
}

impl Commitments {
    /// Checks the records of a bundle from entry `first` on.
    pub async fn add(&mut self, client: &Client, part: Part, bundle: &[u8], first: u64) -> Result<(), Halt> {
        let leaves = entry_bundle::parse(bundle, part.width).map_err(|error| Halt::wrong(error.to_string()))?;
        let size = part.first + u64::from(part.width);
        let path = format!("/v1/log/envelopes/{}?tree_size={size}", part.number);
        let mut response = client.get_stream(&path).await?;
        let mut buffer: Vec<u8> = Vec::new();
        // Up to here there is no newline in it.
        let mut scanned = 0;
        let mut expected = leaves.into_iter().zip(part.first..);
        loop {
            while let Some(end) = buffer[scanned..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=scanned + end).collect();
                scanned = 0;
                let (leaf, index) = expected
                    .next()
                    .ok_or_else(|| Halt::wrong(format!("{path} has too many lines")))?;
                if index >= first {
                    self.line(index, leaf, &line)?;
                }
            }
            scanned = buffer.len();
            if scanned > MAX_LINE {
                return Err(Halt::wrong(format!("{path} has a line of more than {MAX_LINE} bytes")));
            }
            let chunk = crate::outbound::chunk(&mut response).await;
            match chunk.map_err(|error| Failure::unclear(format!("{path}: {error}")))? {
                Some(chunk) => buffer.extend_from_slice(&chunk),
                None => break,
            }
        }
        match (expected.next(), buffer.is_empty()) {
            (None, true) => Ok(()),
            (Some((_, index)), _) => Err(Halt::wrong(format!("{path} has no record of entry {index}"))),
            (None, false) => Err(Halt::wrong(format!("{path} does not end with a newline"))),
        }
    }

    fn line(&mut self, index: u64, leaf: &[u8], line: &[u8]) -> Result<(), Halt> {
        let wrong = |what: &str| Halt::wrong(format!("the record of entry {index} {what}"));
        let entry = Entry::parse(leaf).map_err(|error| Halt::wrong(format!("entry {index}: {error}")))?;
        let line = Line::parse(line).ok_or_else(|| wrong("is not in its exact form"))?;
        if line.index != index {
            return Err(wrong(&format!("says that it is of entry {}", line.index)));
        }
        let (salt, envelope) = match &line.kept {
            Kept::Sealed(salt, envelope) => (salt, envelope),
            Kept::Erased if is_never_erased(entry.payload_type()) => {
                return Err(wrong(
                    "is erased, and says who may do what or what an auditor asked, which never is",
                ));
            }
            Kept::Erased => {
                self.erased += 1;
                return Ok(());
            }
            Kept::Withheld => return Err(wrong("is withheld")),
        };
        let envelope = Envelope::parse(envelope.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        let signed = envelope.signatures.iter().map(|signature| sha256(&signature.sig));
        if commitment(salt, &envelope.pae()) != entry.commitment() || envelope.payload_type != entry.payload_type() {
            return Err(wrong("is not what the entry commits to"));
        }
        if !signed.eq(entry.signers().iter().map(|signer| signer.signature)) {
            return Err(wrong("has other signatures than the entry commits to"));
        }
        self.checked += 1;
        Ok(())
    }
}
