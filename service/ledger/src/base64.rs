//! Base64, strictly: no line breaks, no stray bits, no second way to write the same bytes.

use std::fmt;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Standard alphabet with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The same, written where it is wanted.
pub(crate) fn display(bytes: &[u8]) -> impl fmt::Display {
    Base64Display::new(bytes, &STANDARD)
}

/// Reads the standard alphabet with padding, as every C2SP text has it. `None` for any other spelling.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads exactly `N` bytes written in the standard alphabet with padding.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Nothing is allocated for a text that cannot be it.
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    decode(text)?.try_into().ok()
}

/// Reads either alphabet, padded or not, as DSSE v1.0.2 asks of verifiers. The two alphabets may not be mixed.
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    let url = text.bytes().any(|b| b == b'-' || b == b'_');
    let decoded = match (url, text.ends_with('=')) {
        (false, false) => STANDARD_NO_PAD.decode(text),
        (false, true) => STANDARD.decode(text),
        (true, false) => URL_SAFE_NO_PAD.decode(text),
        (true, true) => URL_SAFE.decode(text),
    };
    decoded.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(decode("").as_deref(), Some(&b""[..]));
        assert_eq!(decode("+/8=").as_deref(), Some(&[0xfb, 0xff][..]));
        for refused in [
            "+/8", "+/9=", "-_8=", "+/8=\n", " +/8=", "+/8==", "=", "A", "A===", "+/=8", "+\n/8=",
        ] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
        assert_eq!(decode_array::<2>("+/8="), Some([0xfb, 0xff]));
        assert_eq!(decode_array::<3>("+/8="), None);
        assert_eq!(decode_array::<1>("+/8="), None);
    }

    #[test]
    fn dsse_spellings() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode_any(text).as_deref(), Some(&[0xfb, 0xff][..]), "{text}");
        }
        for refused in ["+_8=", "-/8", "+/9", "-_9=", "+/8 ", "A", "A=", "AA=", "=AA="] {
            assert_eq!(decode_any(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn every_length_returns() {
        let bytes: Vec<u8> = (0..=255).collect();
        for n in 0..bytes.len() {
            let text = encode(&bytes[..n]);
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..n]));
            assert_eq!(decode_any(text.trim_end_matches('=')).as_deref(), Some(&bytes[..n]));
        }
    }
}
