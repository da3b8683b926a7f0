//! What an artifact id says about itself: name, version, digest.
//!
//! A package URL (purl) as a rule, an OCI reference or a bare digest often enough; any other text is a name and nothing more.
//! Reading an id never fails and never looks anything up.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::id::is_hidden;

/// What is wrong with an artifact without a digest, where content must be named.
pub const NO_DIGEST: &str =
    "must be a digest such as sha256: and 64 hex digits, or a package URL or reference with one";

/// What `artifactId` names: a package URL as a rule, but any text is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Artifact {
    /// The id as it was given.
    pub id: String,
    /// `algorithm:hex` where the id carries a digest, lower case.
    pub digest: Option<String>,
    /// The purl's version where it is not a digest: a tag, a version or a commit.
    pub version: Option<String>,
    /// The purl's name, or the id without what follows `@`.
    pub name: Option<String>,
}

impl Artifact {
    /// Reads an id, whatever it is.
    pub fn parse(id: impl Into<String>) -> Self {
        let id = id.into();
        let (name, version, tag) = match id.strip_prefix("pkg:") {
            Some(purl) => take_apart(purl),
            None if digest(&id).is_some() => (None, Some(Cow::Borrowed(id.as_str())), None),
            None => match id.split_once('@') {
                Some((name, version)) => (Some(Cow::Borrowed(name)), Some(Cow::Borrowed(version)), None),
                None => (Some(Cow::Borrowed(id.as_str())), None, None),
            },
        };
        let digest = version.as_deref().and_then(digest);
        let version = if digest.is_some() { tag } else { version };
        Self {
            digest,
            version: filled(version),
            name: filled(name),
            id,
        }
    }
}

/// `algorithm:hex` in lower case, if this is a digest: an algorithm's name and at least 128 bits.
pub fn digest(text: &str) -> Option<String> {
    let (algorithm, hex) = text.split_once(':')?;
    let is_name = (3..=16).contains(&algorithm.len()) && algorithm.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_hex = (32..=128).contains(&hex.len()) && hex.len().is_multiple_of(2) && is_hex(hex);
    (is_name && is_hex && !algorithm.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_ascii_lowercase())
}

/// Whether a text could be the id of a commit, whole or shortened.
pub fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && is_hex(text)
}

/// Whether a text is the whole id of a commit, in SHA-1 or SHA-256.
pub fn is_whole_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

type Parts<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// Name, version and tag of a purl without its `pkg:`: `type/namespace/name@version?qualifiers#subpath`, from the right
/// (package-url specification, "how to parse").
fn take_apart(purl: &str) -> Parts<'_> {
    let rest = purl.split_once('#').map_or(purl, |(rest, _)| rest);
    let (rest, qualifiers) = match rest.split_once('?') {
        Some((rest, qualifiers)) => (rest, Some(qualifiers)),
        None => (rest, None),
    };
    let rest = rest.trim_end_matches('/');
    // An `@` before the last slash belongs to a namespace, as npm has them.
    let (path, version) = match rest.rsplit_once('@') {
        Some((path, version)) if !version.contains('/') => (path, Some(decode(version))),
        _ => (rest, None),
    };
    // Without a slash there is a type and no name.
    let name = path
        .trim_end_matches('/')
        .rsplit_once('/')
        .map(|(_, name)| decode(name));
    let tag = qualifiers.and_then(|all| all.split('&').find_map(|one| one.strip_prefix("tag=")).map(decode));
    (name, version, tag)
}

/// Undoes percent-encoding, except where that would bring in what the parser keeps out.
fn decode(text: &str) -> Cow<'_, str> {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if !decoded.chars().any(is_hidden) => decoded,
        _ => Cow::Borrowed(text),
    }
}

fn filled(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(id: &str) -> (Option<String>, Option<String>, Option<String>) {
        let artifact = Artifact::parse(id);
        assert_eq!(artifact.id, id);
        (artifact.name, artifact.version, artifact.digest)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    const SHA256: &str = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";

    #[test]
    fn reads_purls() {
        let digest = format!("sha256:{SHA256}");
        assert_eq!(
            parts(&format!("pkg:oci/myapp@sha256%3A{SHA256}")),
            (some("myapp"), None, some(&digest))
        );
        assert_eq!(
            parts(&format!("pkg:oci/myapp@sha256:{SHA256}")),
            (some("myapp"), None, some(&digest))
        );
        assert_eq!(
            parts(&format!(
                "pkg:oci/myapp@sha256%3A{}?repository_url=ghcr.io/acme/myapp&tag=1.2.3",
                SHA256.to_uppercase()
            )),
            (some("myapp"), some("1.2.3"), some(&digest))
        );
        assert_eq!(
            parts("pkg:npm/%40scope/pad@1.0.0#dist/x@2"),
            (some("pad"), some("1.0.0"), None)
        );
        assert_eq!(parts("pkg:npm/@scope/pad"), (some("pad"), None, None));
        assert_eq!(parts("pkg:generic/a%20b@"), (some("a b"), None, None));
        assert_eq!(parts("pkg:generic/a@%00"), (some("a"), some("%00"), None));
        assert_eq!(parts("pkg:generic/a@%ff"), (some("a"), some("%ff"), None));
        assert_eq!(parts("pkg:generic"), (None, None, None));
    }

    #[test]
    fn reads_what_is_no_purl() {
        let digest = format!("sha256:{SHA256}");
        assert_eq!(parts(&digest), (None, None, some(&digest)));
        assert_eq!(
            parts(&format!("ghcr.io/acme/shop:1.2@{digest}")),
            (some("ghcr.io/acme/shop:1.2"), None, some(&digest))
        );
        assert_eq!(parts("shop@4.1"), (some("shop"), some("4.1"), None));
        assert_eq!(parts("shop"), (some("shop"), None, None));
        assert_eq!(parts("sha256:zz"), (some("sha256:zz"), None, None));
        assert_eq!(parts("@"), (None, None, None));
    }
}
