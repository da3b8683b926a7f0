//! The names people and pipelines give to things, parsed once at the border.
//!
//! A name is what the outside calls a thing, so its alphabet is wide; what it may never hold is a character that
//! is not seen, surrounding space, or more than 256 bytes.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name accepted, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only white space.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    #[error("must not be longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// Leading or trailing white space.
    #[error("must not begin or end with white space")]
    Padded,
    /// A character that is not seen, or changes the direction of the text, which could make two names look alike.
    #[error("must not contain control, invisible or text-direction characters")]
    Control,
}

fn check(text: &str) -> Result<(), NameError> {
    if text.trim().is_empty() {
        Err(NameError::Empty)
    } else if text.len() > MAX_NAME_BYTES {
        Err(NameError::TooLong)
    } else if text.trim() != text {
        Err(NameError::Padded)
    } else if text.chars().any(is_hidden) {
        Err(NameError::Control)
    } else {
        Ok(())
    }
}

/// Whether a character is invisible or changes the direction of the text around it: control characters, line and paragraph
/// separators, annotations, and all of Unicode's `Default_Ignorable_Code_Point` and `Bidi_Control`.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A service: the unit that is deployed.
    ServiceName
}
name! {
    /// An environment that services are deployed to.
    EnvironmentName
}
name! {
    /// A registered producer of events.
    ProducerName
}
name! {
    /// One attempt to change what runs in a (service, environment).
    DeploymentId
}
name! {
    /// Something that hurt a live environment.
    IncidentId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_every_character_it_has() {
        for name in ["payments", "Zahlungen für Köln", "支払い", "a b"] {
            assert_eq!(name.parse::<ServiceName>().unwrap().as_str(), name);
        }
        for hidden in "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200d}\u{202e}\u{2066}\u{206f}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{e0041}\u{e0100}".chars()
        {
            let name = format!("pa{hidden}yments");
            assert_eq!(name.parse::<ServiceName>(), Err(NameError::Control), "U+{:04X}", u32::from(hidden));
        }
    }
}
