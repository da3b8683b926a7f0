//! Reading a policy file, line by line. Whatever is not exactly a policy is refused, with the number of its line.

use std::collections::HashMap;

use super::{Group, Member, Policy, PolicyError, PolicyLog, PolicyWitness};
use crate::checkpoint::parse_decimal;
use crate::cosignature::CosignerKey;
use crate::key::PublicKey;
use crate::note::{NoteError, NoteKey};

/// The longest file looked at.
pub const MAX_POLICY_BYTES: usize = 1 << 20;
/// How many logs, witnesses and groups there may be, of each. The specification asks for 32 at least.
pub const MAX_POLICY_ITEMS: usize = 256;

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyErrorKind {
    /// Outside tab, newline, 0x20 to 0x7E and 0x80 to 0xFF.
    #[error("byte 0x{0:02x} is not allowed")]
    Byte(u8),
    /// Every line has its newline, the last one too.
    #[error("the last line does not end with a newline")]
    Unterminated,
    /// The first word is none of the four.
    #[error("expected `log`, `witness`, `group` or `quorum`, not {0:?}")]
    Keyword(String),
    /// Too few or too many words.
    #[error("expected `{0}`")]
    Words(&'static str),
    /// Not a vkey of the right type.
    #[error(transparent)]
    Key(#[from] NoteError),
    /// The same public key on an earlier line, under whatever name.
    #[error("the key of {0} stands on an earlier line already")]
    DuplicateKey(String),
    /// A witness or group of this name was defined before.
    #[error("the name {0:?} is taken")]
    Taken(String),
    /// No earlier line defines it.
    #[error("no earlier line defines {0:?}")]
    Undefined(String),
    /// In two groups, or twice in one.
    #[error("{0:?} is a member of a group already")]
    Member(String),
    /// Neither `all`, `any` nor a number from 1 to the number of members.
    #[error("the threshold is `all`, `any` or a number from 1 to {members}, not {found:?}")]
    Threshold {
        /// As many as the group has.
        members: usize,
        /// What stands there.
        found: String,
    },
    /// A second quorum line.
    #[error("there is a quorum line already")]
    Quorum,
    /// More than [`MAX_POLICY_ITEMS`] of a kind.
    #[error("more than {MAX_POLICY_ITEMS} of them")]
    TooMany,
}

use PolicyErrorKind as Kind;

pub(super) fn parse(file: &[u8]) -> Result<Policy, PolicyError> {
    if file.len() > MAX_POLICY_BYTES {
        return Err(PolicyError::TooLong(file.len()));
    }
    let mut reader = Reader::default();
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    for (number, line) in lines.enumerate() {
        let read = reader.line(line);
        read.map_err(|kind| PolicyError::Line { line: number + 1, kind })?;
    }
    Ok(Policy {
        logs: reader.logs,
        witnesses: reader.witnesses,
        groups: reader.groups,
        quorum: reader.quorum.ok_or(PolicyError::NoQuorum)?,
    })
}

#[derive(Default)]
struct Reader<'a> {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Option<Member>>,
    /// Witnesses and groups share their names.
    names: HashMap<&'a [u8], Defined>,
}

struct Defined {
    member: Member,
    /// Each counts once at most, so that no witness has two ways to a quorum.
    grouped: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), Kind> {
        let line = line.strip_suffix(b"\n").ok_or(Kind::Unterminated)?;
        let refused = |byte: &&u8| !matches!(**byte, b'\t' | 0x20..=0x7e | 0x80..=0xff);
        if let Some(byte) = line.iter().find(refused) {
            return Err(Kind::Byte(*byte));
        }
        let words = line.split(|byte| matches!(byte, b' ' | b'\t'));
        let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", rest @ ..] => self.log(rest),
            [b"witness", rest @ ..] => self.witness(rest),
            [b"group", rest @ ..] => self.group(rest),
            [b"quorum", rest @ ..] => self.quorum(rest),
            [other, ..] => Err(Kind::Keyword(shown(other))),
        }
    }

    fn log(&mut self, words: &[&'a [u8]]) -> Result<(), Kind> {
        let (key, url) = match words {
            [key] => (key, None),
            [key, url] => (key, Some(shown(url))),
            [] | [_, _, _, ..] => return Err(Kind::Words("log VKEY [URL]")),
        };
        let key = NoteKey::parse(vkey(key)?)?;
        check_new(key.name(), key.public(), self.logs.iter().map(|log| log.key.public()))?;
        self.logs.push(PolicyLog { key, url });
        check_count(self.logs.len())
    }

    fn witness(&mut self, words: &[&'a [u8]]) -> Result<(), Kind> {
        let (name, key, url) = match words {
            [name, key] => (*name, key, None),
            [name, key, url] => (*name, key, Some(shown(url))),
            [] | [_] | [_, _, _, _, ..] => return Err(Kind::Words("witness NAME VKEY [URL]")),
        };
        let key = CosignerKey::parse(vkey(key)?)?;
        let known = self.witnesses.iter().map(|witness| witness.key.public());
        check_new(key.name(), key.public(), known)?;
        self.define(name, Member::Witness(self.witnesses.len()))?;
        let name = shown(name);
        self.witnesses.push(PolicyWitness { name, key, url });
        check_count(self.witnesses.len())
    }

    fn group(&mut self, words: &[&'a [u8]]) -> Result<(), Kind> {
        let (name, threshold, names) = match words {
            [name, threshold, names @ ..] if !names.is_empty() => (*name, *threshold, names),
            _ => return Err(Kind::Words("group NAME all|any|NUMBER MEMBER…")),
        };
        let count = names.len();
        let threshold = match threshold {
            b"all" => Some(count),
            b"any" => Some(1),
            number => std::str::from_utf8(number)
                .ok()
                .and_then(parse_decimal)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=count).contains(number)),
        }
        .ok_or_else(|| Kind::Threshold {
            members: count,
            found: shown(threshold),
        })?;
        let mut members = Vec::new();
        for name in names {
            let defined = self.names.get_mut(name).ok_or_else(|| Kind::Undefined(shown(name)))?;
            if std::mem::replace(&mut defined.grouped, true) {
                return Err(Kind::Member(shown(name)));
            }
            members.push(defined.member);
        }
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members });
        check_count(self.groups.len())
    }

    fn quorum(&mut self, words: &[&'a [u8]]) -> Result<(), Kind> {
        let [name] = words else {
            return Err(Kind::Words("quorum NAME"));
        };
        let member = match *name {
            b"none" => None,
            name => {
                let defined = self.names.get(name).ok_or_else(|| Kind::Undefined(shown(name)))?;
                Some(defined.member)
            }
        };
        match self.quorum.replace(member) {
            None => Ok(()),
            Some(_) => Err(Kind::Quorum),
        }
    }

    fn define(&mut self, name: &'a [u8], member: Member) -> Result<(), Kind> {
        let defined = Defined { member, grouped: false };
        if name == b"none" || self.names.insert(name, defined).is_some() {
            return Err(Kind::Taken(shown(name)));
        }
        Ok(())
    }
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

fn vkey(word: &[u8]) -> Result<&str, Kind> {
    std::str::from_utf8(word).map_err(|_| Kind::Key(NoteError::VerifierKey("not UTF-8")))
}

/// Two vkeys around one public key would be one party counted twice.
fn check_new<'a>(name: &str, key: &PublicKey, mut known: impl Iterator<Item = &'a PublicKey>) -> Result<(), Kind> {
    if known.any(|known| known == key) {
        Err(Kind::DuplicateKey(name.to_owned()))
    } else {
        Ok(())
    }
}

fn check_count(count: usize) -> Result<(), Kind> {
    if count > MAX_POLICY_ITEMS {
        Err(Kind::TooMany)
    } else {
        Ok(())
    }
}
