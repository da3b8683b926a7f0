//! What a witness's answer to `add-checkpoint` means. Pure.

use ledger::witness::{TREE_SIZE_TYPE, parse_tree_size};
use ledger::{AddCheckpoint, CosignerKey, NoteSignature};

/// An HTTP answer, read to its end.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media: String,
    pub(super) body: Vec<u8>,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A cosignature that verifies, with its time in seconds.
    Cosigned(NoteSignature, u64),
    /// It holds a tree of another size.
    Holds(u64),
    /// It holds a tree of the old size with another root than ours: two signed trees that cannot both be true.
    Fork,
    /// None of these.
    Problem(String),
}

/// Judges an answer to a request whose consistency proof is known to be right.
pub(super) fn judge(answer: &Answer, request: &AddCheckpoint, witness: &CosignerKey) -> Meaning {
    let text = || String::from_utf8_lossy(&answer.body).into_owned();
    let said = |what: &str| {
        let body: String = text().chars().filter(|c| !c.is_control()).take(200).collect();
        Meaning::Problem(format!("{what} ({}): {body}", answer.status))
    };
    match answer.status {
        200 => cosignature(&text(), request, witness),
        409 if answer.media == TREE_SIZE_TYPE => match parse_tree_size(&text()) {
            // The size it was asked to continue from: then it must be the root that differs.
            Some(size) if size == request.old() && size == request.checkpoint().size => Meaning::Fork,
            Some(size) if size == request.old() => said("the witness contradicts itself"),
            Some(size) => Meaning::Holds(size),
            None => said("the witness answered with a size that is none"),
        },
        // v1.0.0 answers 409 to another root at the same size, later texts 422; the proof is right, so it is the root.
        409 | 422 if request.old() > 0 => Meaning::Fork,
        400 => said("the witness does not understand the request"),
        403 => said("the witness does not know the key of this log"),
        404 => said("the witness does not know this log"),
        429 => said("the witness asks for fewer requests"),
        _ => said("the witness failed"),
    }
}

fn cosignature(body: &str, request: &AddCheckpoint, witness: &CosignerKey) -> Meaning {
    let lines = match NoteSignature::parse_lines(body) {
        Ok(lines) => lines,
        Err(error) => return Meaning::Problem(format!("the witness's answer is no signature: {error}")),
    };
    // Cosignatures by keys that the policy does not know are ignored.
    let own = |line: &&NoteSignature| line.name == witness.name() && line.key_id == witness.id();
    let Some(line) = lines.iter().find(own) else {
        return Meaning::Problem(format!("the witness did not sign with the key {witness}"));
    };
    match witness.verify(request.note().text(), line) {
        Ok(time) => Meaning::Cosigned(line.clone(), time),
        Err(error) => Meaning::Problem(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Checkpoint, Cosigner, Hash, NoteSigner, PrivateKey};

    use super::*;

    fn witness(seed: u8) -> Cosigner {
        Cosigner::new("witness.example", PrivateKey::from_seed([seed; 32])).unwrap()
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint {
            origin: "log.example".to_owned(),
            size,
            root: Hash([7; 32]),
        }
    }

    fn request(old: u64) -> AddCheckpoint {
        let signer = NoteSigner::new("log.example", PrivateKey::from_seed([1; 32])).unwrap();
        AddCheckpoint::new(old, vec![], checkpoint(9).sign(&signer).unwrap()).unwrap()
    }

    fn meaning(old: u64, status: u16, media: &str, body: &str) -> Meaning {
        let answer = Answer {
            status,
            media: media.to_owned(),
            body: body.as_bytes().to_vec(),
        };
        judge(&answer, &request(old), witness(2).key())
    }

    #[test]
    fn a_cosignature_counts_only_if_it_verifies() {
        let line = witness(2).cosign(&checkpoint(9), 1000).unwrap();
        let stranger = witness(3).cosign(&checkpoint(9), 1000).unwrap();
        let other = witness(2).cosign(&checkpoint(8), 1000).unwrap();
        let cosigned = Meaning::Cosigned(line.clone(), 1000);
        assert_eq!(meaning(5, 200, "", &format!("{line}\n")), cosigned);
        assert_eq!(meaning(5, 200, "", &format!("{stranger}\n{line}\n")), cosigned);
        for body in [
            format!("{stranger}\n"),
            format!("{other}\n"),
            format!("{line}"),
            format!("{line}\n\n"),
            String::new(),
        ] {
            assert!(matches!(meaning(5, 200, "", &body), Meaning::Problem(_)), "{body:?}");
        }
    }

    #[test]
    fn conflicts_are_sizes_or_forks() {
        assert_eq!(meaning(5, 409, TREE_SIZE_TYPE, "7\n"), Meaning::Holds(7));
        assert_eq!(meaning(5, 409, TREE_SIZE_TYPE, "12\n"), Meaning::Holds(12));
        assert_eq!(meaning(9, 409, TREE_SIZE_TYPE, "7\n"), Meaning::Holds(7));
        assert_eq!(meaning(9, 409, TREE_SIZE_TYPE, "9\n"), Meaning::Fork);
        assert_eq!(meaning(9, 409, "text/plain", "another root\n"), Meaning::Fork);
        assert_eq!(meaning(9, 422, "text/plain", ""), Meaning::Fork);
        assert_eq!(meaning(5, 422, "text/plain", ""), Meaning::Fork);
        for (old, status, media, body) in [
            (5, 409, TREE_SIZE_TYPE, "5\n"),
            (5, 409, TREE_SIZE_TYPE, "07\n"),
            (5, 409, TREE_SIZE_TYPE, ""),
            (0, 409, "text/plain", ""),
            (0, 422, "text/plain", ""),
            (5, 400, "text/plain", "x"),
            (5, 403, "text/plain", "x"),
            (5, 404, "text/plain", "x"),
            (5, 429, "text/plain", "x"),
            (5, 503, "text/plain", "x"),
            (5, 301, "text/plain", "x"),
        ] {
            let meaning = meaning(old, status, media, body);
            assert!(matches!(meaning, Meaning::Problem(_)), "{status} {body:?}: {meaning:?}");
        }
    }
}
