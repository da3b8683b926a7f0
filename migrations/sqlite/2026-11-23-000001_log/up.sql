-- The log: what is signed and what proves it. Nothing here is ever updated or deleted, but for the head, which moves by compare-and-swap,
-- and the envelope, whose salt and bytes may be destroyed together.

CREATE TABLE log (
    id         INTEGER PRIMARY KEY CHECK (id = 0),
    origin     TEXT NOT NULL,
    log_key    TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
    idx  INTEGER PRIMARY KEY CHECK (idx >= 0),
    leaf BLOB NOT NULL CHECK (length(leaf) BETWEEN 1 AND 1024)
) STRICT;

CREATE TABLE envelope (
    idx       INTEGER PRIMARY KEY CHECK (idx >= 0),
    tree_size INTEGER NOT NULL CHECK (tree_size > idx),
    salt      BLOB CHECK (length(salt) = 32),
    bytes     BLOB,
    CHECK ((salt IS NULL) = (bytes IS NULL))
) STRICT;

CREATE TABLE tile (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx    INTEGER NOT NULL CHECK (idx >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, idx)
) STRICT;

CREATE TABLE head (
    id        INTEGER PRIMARY KEY CHECK (id = 0),
    tree_size INTEGER NOT NULL CHECK (tree_size >= 0),
    root      BLOB NOT NULL CHECK (length(root) = 32),
    edge      BLOB NOT NULL,
    time_ms   INTEGER NOT NULL,
    runs      INTEGER NOT NULL CHECK (runs >= 0)
) STRICT;

CREATE TABLE checkpoint (
    tree_size INTEGER PRIMARY KEY CHECK (tree_size > 0),
    note      TEXT NOT NULL
) STRICT;

CREATE TABLE publication (
    tree_size    INTEGER PRIMARY KEY REFERENCES checkpoint (tree_size),
    published_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER log_no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'log is append-only'); END;
CREATE TRIGGER log_no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'log is append-only'); END;
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entry is append-only'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'entry is append-only'); END;
CREATE TRIGGER envelope_no_update BEFORE UPDATE ON envelope
WHEN NEW.idx <> OLD.idx OR NEW.tree_size <> OLD.tree_size OR NEW.salt IS NOT NULL OR NEW.bytes IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'envelope can only be erased'); END;
CREATE TRIGGER envelope_no_delete BEFORE DELETE ON envelope BEGIN SELECT RAISE(ABORT, 'envelope can only be erased'); END;
CREATE TRIGGER tile_no_update BEFORE UPDATE ON tile BEGIN SELECT RAISE(ABORT, 'tile is append-only'); END;
CREATE TRIGGER tile_no_delete BEFORE DELETE ON tile BEGIN SELECT RAISE(ABORT, 'tile is append-only'); END;
CREATE TRIGGER head_no_rewind BEFORE UPDATE ON head WHEN NEW.tree_size <= OLD.tree_size OR NEW.time_ms < OLD.time_ms
BEGIN SELECT RAISE(ABORT, 'head only moves forward'); END;
CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'head only moves forward'); END;
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END;
CREATE TRIGGER publication_no_update BEFORE UPDATE ON publication BEGIN SELECT RAISE(ABORT, 'publication is append-only'); END;
CREATE TRIGGER publication_no_delete BEFORE DELETE ON publication BEGIN SELECT RAISE(ABORT, 'publication is append-only'); END;
