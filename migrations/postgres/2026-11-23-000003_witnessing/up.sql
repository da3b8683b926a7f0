-- Witnesses: their cosignatures under published checkpoints, which checkpoints have enough of them, and the alarms that witnesses
-- gave cause for.

CREATE TABLE cosignature (
    tree_size   BIGINT NOT NULL REFERENCES publication (tree_size),
    witness     TEXT COLLATE "C" NOT NULL,
    line        TEXT NOT NULL,
    cosigned_ms BIGINT NOT NULL,
    PRIMARY KEY (tree_size, witness)
);
CREATE INDEX cosignature_witness ON cosignature (witness, tree_size);

-- Under which policy (SHA-256 of its file) a checkpoint had its quorum.
CREATE TABLE quorum (
    policy     BYTEA NOT NULL CHECK (octet_length(policy) = 32),
    tree_size  BIGINT NOT NULL REFERENCES publication (tree_size),
    reached_ms BIGINT NOT NULL,
    PRIMARY KEY (policy, tree_size)
);

-- A witness holds a tree that this log does not continue: held_size is its size, held_note what the witness could show of it.
CREATE TABLE alarm (
    witness   TEXT COLLATE "C" NOT NULL,
    held_size BIGINT NOT NULL CHECK (held_size >= 0),
    tree_size BIGINT NOT NULL CHECK (tree_size > 0),
    reason    TEXT COLLATE "C" NOT NULL CHECK (reason IN ('fork', 'ahead')),
    message   TEXT NOT NULL,
    held_note TEXT,
    raised_ms BIGINT NOT NULL,
    PRIMARY KEY (witness, held_size, reason)
);

CREATE TRIGGER cosignature_no_update BEFORE UPDATE ON cosignature FOR EACH ROW EXECUTE FUNCTION refuse_change('cosignature is append-only');
CREATE TRIGGER cosignature_no_delete BEFORE DELETE ON cosignature FOR EACH ROW EXECUTE FUNCTION refuse_change('cosignature is append-only');
CREATE TRIGGER quorum_no_update BEFORE UPDATE ON quorum FOR EACH ROW EXECUTE FUNCTION refuse_change('quorum is append-only');
CREATE TRIGGER quorum_no_delete BEFORE DELETE ON quorum FOR EACH ROW EXECUTE FUNCTION refuse_change('quorum is append-only');
CREATE TRIGGER alarm_no_update BEFORE UPDATE ON alarm FOR EACH ROW EXECUTE FUNCTION refuse_change('alarm is append-only');
CREATE TRIGGER alarm_no_delete BEFORE DELETE ON alarm FOR EACH ROW EXECUTE FUNCTION refuse_change('alarm is append-only');

CREATE TRIGGER cosignature_no_truncate BEFORE TRUNCATE ON cosignature FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('cosignature is append-only');
CREATE TRIGGER quorum_no_truncate BEFORE TRUNCATE ON quorum FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('quorum is append-only');
CREATE TRIGGER alarm_no_truncate BEFORE TRUNCATE ON alarm FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('alarm is append-only');
