-- The log: what is signed and what proves it. Nothing here is ever updated or deleted, but for the head, which moves by compare-and-swap,
-- and the envelope, whose salt and bytes may be destroyed together.

CREATE TABLE log (
    id         INTEGER PRIMARY KEY CHECK (id = 0),
    origin     TEXT NOT NULL,
    log_key    TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE entry (
    idx  BIGINT PRIMARY KEY CHECK (idx >= 0),
    leaf BYTEA NOT NULL CHECK (octet_length(leaf) BETWEEN 1 AND 1024)
);

CREATE TABLE envelope (
    idx       BIGINT PRIMARY KEY CHECK (idx >= 0),
    tree_size BIGINT NOT NULL CHECK (tree_size > idx),
    salt      BYTEA CHECK (octet_length(salt) = 32),
    bytes     BYTEA,
    CHECK ((salt IS NULL) = (bytes IS NULL))
);

CREATE TABLE tile (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx    BIGINT NOT NULL CHECK (idx >= 0),
    hashes BYTEA NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, idx)
);
-- Hashes do not compress: do not try.
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE head (
    id        INTEGER PRIMARY KEY CHECK (id = 0),
    tree_size BIGINT NOT NULL CHECK (tree_size >= 0),
    root      BYTEA NOT NULL CHECK (octet_length(root) = 32),
    edge      BYTEA NOT NULL,
    time_ms   BIGINT NOT NULL,
    runs      BIGINT NOT NULL CHECK (runs >= 0)
);
ALTER TABLE head ALTER COLUMN edge SET STORAGE EXTERNAL;

CREATE TABLE checkpoint (
    tree_size BIGINT PRIMARY KEY CHECK (tree_size > 0),
    note      TEXT NOT NULL
);

CREATE TABLE publication (
    tree_size    BIGINT PRIMARY KEY REFERENCES checkpoint (tree_size),
    published_ms BIGINT NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

CREATE TRIGGER log_no_update BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION refuse_change('log is append-only');
CREATE TRIGGER log_no_delete BEFORE DELETE ON log FOR EACH ROW EXECUTE FUNCTION refuse_change('log is append-only');
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change('entry is append-only');
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change('entry is append-only');
CREATE TRIGGER envelope_no_update BEFORE UPDATE ON envelope FOR EACH ROW
WHEN (NEW.idx <> OLD.idx OR NEW.tree_size <> OLD.tree_size OR NEW.salt IS NOT NULL OR NEW.bytes IS NOT NULL)
EXECUTE FUNCTION refuse_change('envelope can only be erased');
CREATE TRIGGER envelope_no_delete BEFORE DELETE ON envelope FOR EACH ROW EXECUTE FUNCTION refuse_change('envelope can only be erased');
CREATE TRIGGER tile_no_update BEFORE UPDATE ON tile FOR EACH ROW EXECUTE FUNCTION refuse_change('tile is append-only');
CREATE TRIGGER tile_no_delete BEFORE DELETE ON tile FOR EACH ROW EXECUTE FUNCTION refuse_change('tile is append-only');
CREATE TRIGGER head_no_rewind BEFORE UPDATE ON head FOR EACH ROW
WHEN (NEW.tree_size <= OLD.tree_size OR NEW.time_ms < OLD.time_ms)
EXECUTE FUNCTION refuse_change('head only moves forward');
CREATE TRIGGER head_no_delete BEFORE DELETE ON head FOR EACH ROW EXECUTE FUNCTION refuse_change('head only moves forward');
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change('checkpoint is append-only');
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change('checkpoint is append-only');
CREATE TRIGGER publication_no_update BEFORE UPDATE ON publication FOR EACH ROW EXECUTE FUNCTION refuse_change('publication is append-only');
CREATE TRIGGER publication_no_delete BEFORE DELETE ON publication FOR EACH ROW EXECUTE FUNCTION refuse_change('publication is append-only');

-- TRUNCATE goes around row triggers.
CREATE TRIGGER log_no_truncate BEFORE TRUNCATE ON log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('log is append-only');
CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('entry is append-only');
CREATE TRIGGER envelope_no_truncate BEFORE TRUNCATE ON envelope FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('envelope can only be erased');
CREATE TRIGGER tile_no_truncate BEFORE TRUNCATE ON tile FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('tile is append-only');
CREATE TRIGGER head_no_truncate BEFORE TRUNCATE ON head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('head only moves forward');
CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('checkpoint is append-only');
CREATE TRIGGER publication_no_truncate BEFORE TRUNCATE ON publication FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('publication is append-only');
