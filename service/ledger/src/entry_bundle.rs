//! Entry bundles (C2SP tlog-tiles v0.1.0): up to 256 entries, each after its length as two bytes, big-endian.
//!
//! The bytes of a partial bundle are the first bytes of every longer one.

/// Why bytes are not an entry bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryBundleError {
    /// The length of this entry, counted from 0, runs past the end, or is cut off itself.
    #[error("entry {0} of the bundle is cut off")]
    CutOff(usize),
    /// More bytes than the entries take.
    #[error("the bundle goes on after its last entry")]
    TooLong,
    /// Two bytes cannot say its length.
    #[error("an entry of {0} bytes does not fit a bundle")]
    Entry(usize),
}

/// Writes the next entry of a bundle.
pub fn append(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryBundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| EntryBundleError::Entry(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Reads a bundle of exactly `width` entries, without copying them.
pub fn parse(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, EntryBundleError> {
    let mut rest = bundle;
    let mut entries = Vec::new();
    for index in 0..usize::from(width) {
        let (length, after) = rest.split_first_chunk().ok_or(EntryBundleError::CutOff(index))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(EntryBundleError::CutOff(index))?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(EntryBundleError::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_and_is_exact() {
        let entries: [&[u8]; 3] = [b"one", b"", &[7; 65_535]];
        let mut bundle = Vec::new();
        for entry in entries {
            append(&mut bundle, entry).unwrap();
        }
        assert_eq!(parse(&bundle, 3).unwrap(), entries);
        assert_eq!(parse(&bundle, 2), Err(EntryBundleError::TooLong));
        assert_eq!(parse(&bundle, 4), Err(EntryBundleError::CutOff(3)));
        for end in 0..bundle.len().min(64) {
            assert!(parse(&bundle[..end], 3).is_err());
        }
        assert_eq!(parse(&[], 0).unwrap(), Vec::<&[u8]>::new());
        assert_eq!(append(&mut bundle, &[0; 65_536]), Err(EntryBundleError::Entry(65_536)));
    }
}
