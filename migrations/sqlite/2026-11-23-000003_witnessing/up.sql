-- Witnesses: their cosignatures under published checkpoints, which checkpoints have enough of them, and the alarms that witnesses
-- gave cause for.

CREATE TABLE cosignature (
    tree_size   INTEGER NOT NULL REFERENCES publication (tree_size),
    witness     TEXT NOT NULL,
    line        TEXT NOT NULL,
    cosigned_ms INTEGER NOT NULL,
    PRIMARY KEY (tree_size, witness)
) STRICT;
CREATE INDEX cosignature_witness ON cosignature (witness, tree_size);

-- Under which policy (SHA-256 of its file) a checkpoint had its quorum.
CREATE TABLE quorum (
    policy     BLOB NOT NULL CHECK (length(policy) = 32),
    tree_size  INTEGER NOT NULL REFERENCES publication (tree_size),
    reached_ms INTEGER NOT NULL,
    PRIMARY KEY (policy, tree_size)
) STRICT;

-- A witness holds a tree that this log does not continue: held_size is its size, held_note what the witness could show of it.
CREATE TABLE alarm (
    witness   TEXT NOT NULL,
    held_size INTEGER NOT NULL CHECK (held_size >= 0),
    tree_size INTEGER NOT NULL CHECK (tree_size > 0),
    reason    TEXT NOT NULL CHECK (reason IN ('fork', 'ahead')),
    message   TEXT NOT NULL,
    held_note TEXT,
    raised_ms INTEGER NOT NULL,
    PRIMARY KEY (witness, held_size, reason)
) STRICT;

CREATE TRIGGER cosignature_no_update BEFORE UPDATE ON cosignature BEGIN SELECT RAISE(ABORT, 'cosignature is append-only'); END;
CREATE TRIGGER cosignature_no_delete BEFORE DELETE ON cosignature BEGIN SELECT RAISE(ABORT, 'cosignature is append-only'); END;
CREATE TRIGGER quorum_no_update BEFORE UPDATE ON quorum BEGIN SELECT RAISE(ABORT, 'quorum is append-only'); END;
CREATE TRIGGER quorum_no_delete BEFORE DELETE ON quorum BEGIN SELECT RAISE(ABORT, 'quorum is append-only'); END;
CREATE TRIGGER alarm_no_update BEFORE UPDATE ON alarm BEGIN SELECT RAISE(ABORT, 'alarm is append-only'); END;
CREATE TRIGGER alarm_no_delete BEFORE DELETE ON alarm BEGIN SELECT RAISE(ABORT, 'alarm is append-only'); END;
