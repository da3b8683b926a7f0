-- Erasure: which content was destroyed, by which entry, and why. A function of the log, only ever added to. A row here is what
-- unlocks, for its entry and no other: taking the envelope away, blanking the event, and deleting what it was found by.

CREATE TABLE erasure (
    idx       BIGINT PRIMARY KEY CHECK (idx >= 0),
    erased_by BIGINT NOT NULL UNIQUE CHECK (erased_by > idx),
    reason    TEXT COLLATE "C" NOT NULL CHECK (reason IN ('data-subject-request', 'legal-order',
              'personal-data-recorded-by-mistake', 'secret-recorded-by-mistake', 'retention-expired'))
);

CREATE FUNCTION erasure_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM event WHERE idx = NEW.erased_by AND administrative
                   AND event_type = 'dev.cdeventsx.shipslog-event.erased.0.1.0' AND subject_id = NEW.idx::text)
       OR NOT EXISTS (SELECT FROM event WHERE idx = NEW.idx AND NOT administrative) THEN
        RAISE EXCEPTION 'erasure must be recorded, and not of what says who may do what';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erasure WHERE idx = OLD.idx) THEN
        RAISE EXCEPTION '%', TG_ARGV[0];
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER erasure_recorded BEFORE INSERT ON erasure FOR EACH ROW EXECUTE FUNCTION erasure_recorded();
CREATE TRIGGER erasure_no_update BEFORE UPDATE ON erasure FOR EACH ROW EXECUTE FUNCTION refuse_change('erasure is append-only');
CREATE TRIGGER erasure_no_delete BEFORE DELETE ON erasure FOR EACH ROW EXECUTE FUNCTION refuse_change('erasure is append-only');
CREATE TRIGGER erasure_no_truncate BEFORE TRUNCATE ON erasure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('erasure is append-only');

CREATE TRIGGER envelope_only_erased BEFORE UPDATE ON envelope FOR EACH ROW
EXECUTE FUNCTION refuse_unless_erased('envelope can only be erased');

DROP TRIGGER event_no_update ON event;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event FOR EACH ROW
WHEN (NEW.idx <> OLD.idx OR NEW.event_id <> OLD.idx::text
  OR NEW.source <> '' OR NEW.producer <> '' OR NEW.event_type <> '' OR NEW.subject <> '' OR NEW.predicate <> ''
  OR NEW.subject_id <> '' OR NEW.about IS NOT NULL OR NEW.chain IS NOT NULL OR NEW.names IS NOT NULL
  OR NEW.service IS NOT NULL OR NEW.environment IS NOT NULL OR NEW.outcome IS NOT NULL
  OR NEW.occurred_ms <> OLD.recorded_ms OR NEW.recorded_ms <> OLD.recorded_ms OR NEW.administrative)
EXECUTE FUNCTION refuse_change('event is append-only');
CREATE TRIGGER event_only_erased BEFORE UPDATE ON event FOR EACH ROW
EXECUTE FUNCTION refuse_unless_erased('event is append-only');

DROP TRIGGER reference_no_delete ON reference;
CREATE TRIGGER reference_no_delete BEFORE DELETE ON reference FOR EACH ROW
EXECUTE FUNCTION refuse_unless_erased('reference is append-only');
DROP TRIGGER reference_run_no_delete ON reference_run;
CREATE TRIGGER reference_run_no_delete BEFORE DELETE ON reference_run FOR EACH ROW
EXECUTE FUNCTION refuse_unless_erased('reference_run is append-only');
-- 4096 entries a run, and sixteen times as many a level higher; what is left of a bucket is less than before.
CREATE FUNCTION refuse_unless_erased_in_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erasure WHERE idx >= OLD.run * (4096 << (4 * OLD.level)) AND idx < (OLD.run + 1) * (4096 << (4 * OLD.level))) THEN
        RAISE EXCEPTION '%', TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER reference_hash_no_update ON reference_hash;
CREATE TRIGGER reference_hash_no_update BEFORE UPDATE ON reference_hash FOR EACH ROW
WHEN (NEW.level <> OLD.level OR NEW.bucket <> OLD.bucket OR NEW.run <> OLD.run OR length(NEW.hashes) >= length(OLD.hashes))
EXECUTE FUNCTION refuse_change('reference_hash is append-only');
CREATE TRIGGER reference_hash_only_erased BEFORE UPDATE ON reference_hash FOR EACH ROW
EXECUTE FUNCTION refuse_unless_erased_in_run('reference_hash is append-only');
