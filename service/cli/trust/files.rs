//! The two lists that an auditor keeps: keys of logs, and producers. Plain lines, in files of the auditor's own.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use base64ct::{Base64, Encoding};
use ledger::{KeyId, NoteKey, PublicKey};

use crate::domain::ProducerName;

/// A key of a log, and the checkpoints that it may have signed.
///
/// Checkpoints carry a size and no time, so a size is what can be held against them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// The key; its name is the origin.
    pub key: NoteKey,
    /// Tree sizes of the checkpoints that count.
    pub sizes: RangeInclusive<u64>,
}

/// The producers that an auditor knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Producers(HashMap<KeyId, (ProducerName, PublicKey)>);

impl LogKey {
    /// A key that counts for every checkpoint.
    pub fn unlimited(key: NoteKey) -> Self {
        Self {
            key,
            sizes: 0..=u64::MAX,
        }
    }

    /// Reads a file of keys: `VKEY [from=SIZE] [to=SIZE]` a line, both sizes included; a line that begins with
    /// `#` is a comment.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, String> {
        let mut keys = Vec::new();
        for (number, line) in lines(text) {
            let key = Self::parse(line).map_err(|error| format!("line {number}: {error}"))?;
            keys.push(key);
        }
        if keys.is_empty() {
            return Err("there is no key in it".to_owned());
        }
        Ok(keys)
    }

    fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let (vkey, conditions) = (words.next().unwrap_or_default(), words);
        let key = NoteKey::parse(vkey).map_err(|error| format!("not a log key (name+hash+base64): {error}"))?;
        let (mut from, mut to) = (None, None);
        for condition in conditions {
            let (slot, size) = match condition.split_once('=') {
                Some(("from", size)) => (&mut from, size),
                Some(("to", size)) => (&mut to, size),
                Some(_) | None => return Err(format!("{condition:?} is neither from=SIZE nor to=SIZE")),
            };
            let size = size
                .parse::<u64>()
                .map_err(|_| format!("{condition:?} does not give a tree size"))?;
            if slot.replace(size).is_some() {
                return Err(format!("{condition:?} is the second of its kind"));
            }
        }
        let sizes = from.unwrap_or(0)..=to.unwrap_or(u64::MAX);
        if sizes.is_empty() {
            return Err("from is larger than to".to_owned());
        }
        Ok(Self { key, sizes })
    }
}

impl Producers {
    /// Reads a list of producers: `NAME KEY` a line, the key being the middle line of its PEM file (the base64 of its
    /// DER SubjectPublicKeyInfo); a line that begins with `#` is a comment. A name may have several keys, a key one name.
    pub fn parse_file(text: &str) -> Result<Self, String> {
        let mut producers = HashMap::new();
        for (number, line) in lines(text) {
            let read = |line: &str| {
                // Names may hold spaces, keys none.
                let (name, key) = line.trim().rsplit_once(char::is_whitespace).ok_or("not NAME KEY")?;
                let name = name.trim_end().parse::<ProducerName>();
                let name = name.map_err(|error| format!("the name {error}"))?;
                let der = Base64::decode_vec(key).map_err(|_| "the key is not base64".to_owned())?;
                let key = PublicKey::from_spki_der(&der).map_err(|error| format!("the key is refused: {error}"))?;
                Ok::<_, String>((name, key))
            };
            let (name, key) = read(line).map_err(|error| format!("line {number}: {error}"))?;
            if producers.insert(key.id(), (name, key)).is_some() {
                return Err(format!("line {number}: the key stands there twice"));
            }
        }
        if producers.is_empty() {
            return Err("there is no producer in it".to_owned());
        }
        Ok(Self(producers))
    }

    /// The key of this id.
    pub fn key(&self, id: &KeyId) -> Option<PublicKey> {
        self.0.get(id).map(|(_, key)| *key)
    }

    /// Who has the key of this id.
    pub fn name(&self, id: &KeyId) -> Option<&ProducerName> {
        self.0.get(id).map(|(name, _)| name)
    }

    /// Name by key, for an audit.
    pub fn roll(&self) -> crate::audit::Roll {
        self.0.iter().map(|(id, (name, _))| (*id, name.clone())).collect()
    }
}

/// Each line that says something, with its number. A comment is a line of its own.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use ledger::{NoteSigner, PrivateKey};

    use super::*;

    fn vkey(seed: u8) -> String {
        let signer = NoteSigner::new("log.example", PrivateKey::from_seed([seed; 32])).unwrap();
        signer.key().to_string()
    }

    #[test]
    fn log_keys_have_sizes() {
        let text = format!("# keys\n{}  from=10\tto=20\n\n{}\n", vkey(1), vkey(2));
        let keys = LogKey::parse_file(&text).unwrap();
        assert_eq!(
            keys.iter().map(|key| key.sizes.clone()).collect::<Vec<_>>(),
            [10..=20, 0..=u64::MAX]
        );
        assert_eq!(keys[0].key.to_string(), vkey(1));
        for (line, expected) in [
            (String::new(), "no key"),
            ("# nothing".to_owned(), "no key"),
            ("log.example".to_owned(), "line 1: not a log key"),
            (format!("{} from=x", vkey(1)), "from=x"),
            (format!("{} from=-1", vkey(1)), "from=-1"),
            (format!("{} until=3", vkey(1)), "neither"),
            (format!("{} to=3 to=4", vkey(1)), "second"),
            (format!("{} from=5 to=4", vkey(1)), "larger"),
        ] {
            let error = LogKey::parse_file(&line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn producers_have_names_and_keys() {
        let key = |seed| PrivateKey::from_seed([seed; 32]).public();
        let body = |seed| key(seed).to_pem().lines().nth(1).unwrap().to_owned();
        let text = format!("ci {}\n# and\nci {}\nops  team {}\n", body(1), body(2), body(3));
        let producers = Producers::parse_file(&text).unwrap();
        assert_eq!(producers.key(&key(2).id()), Some(key(2)));
        assert_eq!(producers.name(&key(3).id()).unwrap().as_str(), "ops  team");
        assert_eq!(producers.name(&key(4).id()), None);
        assert_eq!(producers.roll().len(), 3);
        for (line, expected) in [
            (String::new(), "no producer"),
            ("ci".to_owned(), "line 1: not NAME KEY"),
            (format!("ci {} more", body(1)), "refused"),
            ("ci ????".to_owned(), "base64"),
            ("ci AAAA".to_owned(), "refused"),
            (
                format!("a {}\nb {}", body(1), body(1)),
                "line 2: the key stands there twice",
            ),
        ] {
            let error = Producers::parse_file(&line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
