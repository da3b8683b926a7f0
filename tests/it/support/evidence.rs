//! Evidence that a log has forked, judged with the ledger crate alone.

use std::path::Path;

use ledger::{AddCheckpoint, Checkpoint, Hash, NoteKey, SignedNote, prefix_root, verify_consistency};

/// Two checkpoints that cannot both be true.
pub struct Fork {
    pub held: Checkpoint,
    pub offered: Checkpoint,
}

/// Checks with the ledger crate alone that a folder convicts the log: both notes are signed by it, and contradict.
#[track_caller]
pub fn check_evidence(place: &Path, log: &NoteKey) -> Fork {
    let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
    let open = |name: &str| Checkpoint::open(&SignedNote::parse(&read(name)).unwrap(), log).unwrap();
    let (held, offered) = (open("held.txt"), open("offered.txt"));
    assert_ne!(held, offered);
    if held.size == offered.size {
        assert_ne!(held.root, offered.root);
        return Fork { held, offered };
    }
    let (smaller, larger) = if held.size < offered.size {
        (&held, &offered)
    } else {
        (&offered, &held)
    };
    let request = AddCheckpoint::parse(&read("request.txt")).unwrap();
    assert_eq!((request.old(), request.checkpoint()), (smaller.size, larger));
    let root = Hash::from_base64(read("root.txt").trim_end()).unwrap();
    verify_consistency(smaller.size, larger.size, &root, &larger.root, request.proof()).unwrap();
    assert_ne!(
        root, smaller.root,
        "the larger tree had another root at the smaller size"
    );
    if !smaller.size.is_power_of_two() {
        assert_eq!(
            prefix_root(smaller.size, larger.size, &larger.root, request.proof()),
            Some(root)
        );
    }
    Fork { held, offered }
}
