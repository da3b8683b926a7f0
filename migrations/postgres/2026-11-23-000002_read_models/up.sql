-- Read models: what an event says, in columns that can be searched. A function of the log, only ever added to.
-- The unique key of `event` is the idempotency key: one producer's source and event id name one entry for ever.

CREATE TABLE event (
    idx            BIGINT PRIMARY KEY CHECK (idx >= 0),
    event_id       TEXT COLLATE "C" NOT NULL,
    source         TEXT COLLATE "C" NOT NULL,
    producer       TEXT COLLATE "C" NOT NULL,
    event_type     TEXT COLLATE "C" NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,
    predicate      TEXT COLLATE "C" NOT NULL,
    subject_id     TEXT COLLATE "C" NOT NULL,
    about          TEXT COLLATE "C",
    chain          TEXT COLLATE "C",
    names          TEXT COLLATE "C",
    service        TEXT COLLATE "C",
    environment    TEXT COLLATE "C",
    outcome        TEXT COLLATE "C" CHECK (outcome IN ('success', 'failure', 'cancel', 'error')),
    occurred_ms    BIGINT NOT NULL,
    recorded_ms    BIGINT NOT NULL,
    administrative BOOLEAN NOT NULL,
    UNIQUE (event_id, source, producer)
);

CREATE INDEX event_administrative ON event (idx) WHERE administrative;

-- What runs and ran in a place, newest first; and which places there are, by skipping from one to the next.
CREATE INDEX event_place ON event (environment, service, idx, occurred_ms);
-- What was said about a deployment or an incident, what belongs to the same chain as a deployment, and what names another one: as
-- what it repairs, as its cause, as what was decided about.
CREATE INDEX event_about ON event (about, idx) WHERE about IS NOT NULL;
CREATE INDEX event_chain ON event (chain, idx) WHERE chain IS NOT NULL;
CREATE INDEX event_names ON event (names, idx) WHERE names IS NOT NULL;
-- Index and recorded time grow together: this finds where in the log a time is. What was recorded more than a day away from the
-- time that it claims is not near there, and found by itself.
CREATE INDEX event_recorded ON event (recorded_ms);
CREATE INDEX event_astray ON event (environment, service, idx) WHERE recorded_ms - occurred_ms NOT BETWEEN -86400000 AND 86400000;
-- What there is little of, beside deployments and builds.
CREATE INDEX event_rare ON event (subject, idx)
WHERE subject IN ('environment', 'incident', 'shipslog-alias', 'shipslog-attestation', 'shipslog-conclusion',
                  'shipslog-dependencies', 'shipslog-document', 'shipslog-exception', 'shipslog-link', 'shipslog-service');
CREATE INDEX event_rare_service ON event (subject, service, idx)
WHERE subject IN ('environment', 'incident', 'shipslog-alias', 'shipslog-attestation', 'shipslog-conclusion',
                  'shipslog-dependencies', 'shipslog-document', 'shipslog-exception', 'shipslog-link', 'shipslog-service');
-- All words about incidents by what they are about, with what tells which of them go on or were there at a time.
CREATE INDEX event_incident ON event (about, idx, predicate, occurred_ms) WHERE subject = 'incident';
-- Evidence of a kind about a place, newest first: whether there ever was any counts, and of most kinds a service has none.
CREATE INDEX event_evidence ON event (subject, service, environment, idx)
WHERE subject IN ('approval', 'shipslog-gate', 'testcaserun', 'testsuiterun');
-- Tests that failed: of few deployments any test had failed before, and of the others it need not be looked for.
CREATE INDEX event_failed_test ON event (idx)
WHERE subject IN ('testsuiterun', 'testcaserun') AND outcome IN ('failure', 'error');

-- What an event can be found by, in the order of the log.
CREATE TABLE reference (
    idx   BIGINT NOT NULL CHECK (idx >= 0),
    value TEXT COLLATE "C" NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (idx, value, kind)
);

-- The same, sorted by value within runs of as many entries: looking one up takes a step for each run, and writing one never
-- touches a page at a random place. A function of `reference`; the runs that are complete are counted in `head`.
CREATE TABLE reference_run (
    run   BIGINT NOT NULL CHECK (run >= 0),
    value TEXT COLLATE "C" NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    idx   BIGINT NOT NULL CHECK (idx >= 0),
    PRIMARY KEY (run, value, kind, idx)
);

-- Where whole values stand, for looking up many of them at once: of each run the hashes of its values, sorted, in 128 buckets. The
-- runs of a bucket are beside each other. Sixteen runs become one of the next level, of sixteen times as many entries and buckets.
-- A function of `reference_run`.
CREATE TABLE reference_hash (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 2),
    bucket INTEGER NOT NULL CHECK (bucket >= 0 AND bucket < 128 << (4 * level)),
    run    BIGINT NOT NULL CHECK (run >= 0),
    hashes BYTEA NOT NULL CHECK (length(hashes) % 6 = 0),
    PRIMARY KEY (level, bucket, run)
);

CREATE TRIGGER event_no_update BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change('event is append-only');
CREATE TRIGGER event_no_delete BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change('event is append-only');
CREATE TRIGGER reference_no_update BEFORE UPDATE ON reference FOR EACH ROW EXECUTE FUNCTION refuse_change('reference is append-only');
CREATE TRIGGER reference_no_delete BEFORE DELETE ON reference FOR EACH ROW EXECUTE FUNCTION refuse_change('reference is append-only');

CREATE TRIGGER reference_run_no_update BEFORE UPDATE ON reference_run FOR EACH ROW EXECUTE FUNCTION refuse_change('reference_run is append-only');
CREATE TRIGGER reference_run_no_delete BEFORE DELETE ON reference_run FOR EACH ROW EXECUTE FUNCTION refuse_change('reference_run is append-only');
CREATE TRIGGER reference_hash_no_update BEFORE UPDATE ON reference_hash FOR EACH ROW EXECUTE FUNCTION refuse_change('reference_hash is append-only');
CREATE TRIGGER reference_hash_no_delete BEFORE DELETE ON reference_hash FOR EACH ROW EXECUTE FUNCTION refuse_change('reference_hash is append-only');

CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('event is append-only');
CREATE TRIGGER reference_no_truncate BEFORE TRUNCATE ON reference FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('reference is append-only');
CREATE TRIGGER reference_run_no_truncate BEFORE TRUNCATE ON reference_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('reference_run is append-only');
CREATE TRIGGER reference_hash_no_truncate BEFORE TRUNCATE ON reference_hash FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('reference_hash is append-only');
