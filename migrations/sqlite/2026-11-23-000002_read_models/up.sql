-- Read models: what an event says, in columns that can be searched. A function of the log, only ever added to.
-- The unique key of `event` is the idempotency key: one producer's source and event id name one entry for ever.

CREATE TABLE event (
    idx            INTEGER PRIMARY KEY CHECK (idx >= 0),
    event_id       TEXT NOT NULL,
    source         TEXT NOT NULL,
    producer       TEXT NOT NULL,
    event_type     TEXT NOT NULL,
    subject        TEXT NOT NULL,
    predicate      TEXT NOT NULL,
    subject_id     TEXT NOT NULL,
    service        TEXT,
    environment    TEXT,
    outcome        TEXT CHECK (outcome IN ('success', 'failure', 'cancel', 'error')),
    occurred_ms    INTEGER NOT NULL,
    recorded_ms    INTEGER NOT NULL,
    administrative INTEGER NOT NULL CHECK (administrative IN (0, 1)),
    UNIQUE (event_id, source, producer)
) STRICT;

CREATE INDEX event_administrative ON event (idx) WHERE administrative;

-- What an event can be found by, in the order of the log.
CREATE TABLE reference (
    idx   INTEGER NOT NULL CHECK (idx >= 0),
    value TEXT NOT NULL,
    kind  TEXT NOT NULL,
    PRIMARY KEY (idx, value, kind)
) STRICT, WITHOUT ROWID;

-- The same, sorted by value within runs of as many entries: looking one up takes a step for each run, and writing one never
-- touches a page at a random place. A function of `reference`; the runs that are complete are counted in `head`.
CREATE TABLE reference_run (
    run   INTEGER NOT NULL CHECK (run >= 0),
    value TEXT NOT NULL,
    kind  TEXT NOT NULL,
    idx   INTEGER NOT NULL CHECK (idx >= 0),
    PRIMARY KEY (run, value, kind, idx)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER reference_no_update BEFORE UPDATE ON reference BEGIN SELECT RAISE(ABORT, 'reference is append-only'); END;
CREATE TRIGGER reference_no_delete BEFORE DELETE ON reference BEGIN SELECT RAISE(ABORT, 'reference is append-only'); END;
CREATE TRIGGER reference_run_no_update BEFORE UPDATE ON reference_run BEGIN SELECT RAISE(ABORT, 'reference_run is append-only'); END;
CREATE TRIGGER reference_run_no_delete BEFORE DELETE ON reference_run BEGIN SELECT RAISE(ABORT, 'reference_run is append-only'); END;
