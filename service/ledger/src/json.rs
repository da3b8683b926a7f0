//! Strict JSON: what two parsers could read differently is refused.
//!
//! Refused are bad UTF-8, duplicate member names at any depth, nesting deeper than [`MAX_DEPTH`], and anything after
//! the value. Every error names its place by JSON pointer (RFC 6901), line and column.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Objects and arrays may stand in each other this deep.
pub const MAX_DEPTH: usize = 64;

/// Why bytes are not acceptable JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({place}line {line} column {column})", place = if .pointer.is_empty() { String::new() } else { format!("{:?}, ", .pointer) })]
pub struct JsonError {
    /// JSON pointer of the value in which the fault was found; empty for the whole document.
    pub pointer: String,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, as serde_json counts.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads one JSON value.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let trail = Trail::default();
    trail.read(
        bytes,
        Strict {
            trail: &trail,
            depth: 0,
        },
    )
}

/// Remembers where reading failed. Costs nothing while it does not: the steps are noted on the way out.
#[derive(Default)]
pub(crate) struct Trail(RefCell<Vec<String>>);

impl Trail {
    /// Reads bytes that hold nothing but the value of the seed.
    pub(crate) fn read<'de, S: DeserializeSeed<'de>>(&self, bytes: &'de [u8], seed: S) -> Result<S::Value, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|error| refused("not UTF-8", bytes, error.valid_up_to()))?;
        if text.starts_with('\u{feff}') {
            return Err(refused("begins with a byte order mark", bytes, 0));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let value = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| self.place(&error))
    }

    /// Passes a result on, and notes the step if it is a failure.
    pub(crate) fn step<T, E>(&self, step: impl fmt::Display, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.0.borrow_mut().push(step.to_string());
        }
        result
    }

    fn place(&self, error: &serde_json::Error) -> JsonError {
        let (line, column) = (error.line(), error.column());
        let mut message = error.to_string();
        if let Some(plain) = message.strip_suffix(&format!(" at line {line} column {column}")) {
            message.truncate(plain.len());
        }
        let steps = self.0.borrow();
        let pointer = steps.iter().rev().map(|step| format!("/{}", escape(step))).collect();
        JsonError {
            pointer,
            line,
            column,
            message,
        }
    }
}

/// A member name as a step of a JSON pointer (RFC 6901 §3).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A text as a JSON string, with its quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text is a JSON string")
}

fn refused(message: &str, bytes: &[u8], at: usize) -> JsonError {
    let before = &bytes[..at];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    JsonError {
        pointer: String::new(),
        line,
        column,
        message: message.to_owned(),
    }
}

/// Any value, without duplicate members.
#[derive(Clone, Copy)]
pub(crate) struct Strict<'t> {
    pub(crate) trail: &'t Trail,
    /// Containers around this value.
    pub(crate) depth: usize,
}

impl Strict<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = self.trail.step(array.len(), items.next_element_seed(inner))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(place) => {
                    let value = members.next_value_seed(inner);
                    let value = self.trail.step(place.key(), value)?;
                    place.insert(value);
                }
                Entry::Occupied(place) => {
                    return self
                        .trail
                        .step(place.key(), Err(A::Error::custom("the member occurs twice")));
                }
            }
        }
        Ok(Value::Object(object))
    }
}
