//! JSON pointers (RFC 6901), as errors name places with them.

use std::fmt;

use serde_path_to_error::{Path, Segment};

const MAX_EXCERPT_BYTES: usize = 256;

/// The pointer of a path that serde followed, below a document.
pub fn of(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Goes down to a member.
pub fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&Escaped(name).to_string());
}

/// The beginning of a text that comes from outside, short enough to be said back in an error.
pub fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_EXCERPT_BYTES)]
}

/// The name of a member, as it is written inside a pointer. Of an absurdly long one only the beginning.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = excerpt(self.0);
        while let Some(at) = rest.find(['~', '/']) {
            f.write_str(&rest[..at])?;
            f.write_str(if rest[at..].starts_with('~') { "~0" } else { "~1" })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_the_rfc_says() {
        assert_eq!(Escaped("a/b~c").to_string(), "a~1b~0c");
        assert_eq!(Escaped("~1").to_string(), "~01");
        assert_eq!(Escaped("").to_string(), "");
        assert_eq!(Escaped("é/").to_string(), "é~1");
        assert_eq!(Escaped(&"é".repeat(1000)).to_string(), "é".repeat(128));
    }
}
