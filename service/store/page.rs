//! The opaque cursor that lists page by.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};

/// Where a listing goes on: it keeps speaking of the same tree size, so that pages neither overlap nor skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The tree size that the listing speaks of.
    pub tree_size: u64,
    /// Only what lies below this index is still to come.
    pub before: u64,
}

/// Why a text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor that this service gave out")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.tree_size.to_be_bytes());
        bytes[8..].copy_from_slice(&self.before.to_be_bytes());
        f.write_str(&Base64UrlUnpadded::encode_string(&bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut bytes = [0; 16];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| CursorError)?;
        let decoded: [u8; 16] = decoded.try_into().map_err(|_| CursorError)?;
        let half = |range: std::ops::Range<usize>| {
            decoded[range]
                .iter()
                .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte))
        };
        let cursor = Self {
            tree_size: half(0..8),
            before: half(8..16),
        };
        if cursor.before <= cursor.tree_size && cursor.tree_size <= i64::MAX as u64 {
            Ok(cursor)
        } else {
            Err(CursorError)
        }
    }
}
