-- Erasure: which content was destroyed, by which entry, and why. A function of the log, only ever added to. A row here is what
-- unlocks, for its entry and no other: taking the envelope away, blanking the event, and deleting what it was found by.

CREATE TABLE erasure (
    idx       INTEGER PRIMARY KEY CHECK (idx >= 0),
    erased_by INTEGER NOT NULL UNIQUE CHECK (erased_by > idx),
    reason    TEXT NOT NULL CHECK (reason IN ('data-subject-request', 'legal-order', 'personal-data-recorded-by-mistake',
                                              'secret-recorded-by-mistake', 'retention-expired'))
) STRICT;

CREATE TRIGGER erasure_recorded BEFORE INSERT ON erasure
WHEN NOT EXISTS (SELECT 1 FROM event WHERE idx = NEW.erased_by AND administrative
                 AND event_type = 'dev.cdeventsx.shipslog-event.erased.0.1.0' AND subject_id = CAST(NEW.idx AS TEXT))
  OR NOT EXISTS (SELECT 1 FROM event WHERE idx = NEW.idx AND NOT administrative)
BEGIN SELECT RAISE(ABORT, 'erasure must be recorded, and not of what says who may do what'); END;
CREATE TRIGGER erasure_no_update BEFORE UPDATE ON erasure BEGIN SELECT RAISE(ABORT, 'erasure is append-only'); END;
CREATE TRIGGER erasure_no_delete BEFORE DELETE ON erasure BEGIN SELECT RAISE(ABORT, 'erasure is append-only'); END;

CREATE TRIGGER envelope_only_erased BEFORE UPDATE ON envelope WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE idx = OLD.idx)
BEGIN SELECT RAISE(ABORT, 'envelope can only be erased'); END;

DROP TRIGGER event_no_update;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE idx = OLD.idx)
  OR NEW.idx <> OLD.idx OR NEW.event_id <> CAST(OLD.idx AS TEXT)
  OR NEW.source <> '' OR NEW.producer <> '' OR NEW.event_type <> '' OR NEW.subject <> '' OR NEW.predicate <> ''
  OR NEW.subject_id <> '' OR NEW.about IS NOT NULL OR NEW.chain IS NOT NULL OR NEW.names IS NOT NULL
  OR NEW.service IS NOT NULL OR NEW.environment IS NOT NULL OR NEW.outcome IS NOT NULL
  OR NEW.occurred_ms <> OLD.recorded_ms OR NEW.recorded_ms <> OLD.recorded_ms OR NEW.administrative <> 0
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

DROP TRIGGER reference_no_delete;
CREATE TRIGGER reference_no_delete BEFORE DELETE ON reference WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE idx = OLD.idx)
BEGIN SELECT RAISE(ABORT, 'reference is append-only'); END;
DROP TRIGGER reference_run_no_delete;
CREATE TRIGGER reference_run_no_delete BEFORE DELETE ON reference_run WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE idx = OLD.idx)
BEGIN SELECT RAISE(ABORT, 'reference_run is append-only'); END;
-- 4096 entries a run, and sixteen times as many a level higher; what is left of a bucket is less than before.
DROP TRIGGER reference_hash_no_update;
CREATE TRIGGER reference_hash_no_update BEFORE UPDATE ON reference_hash
WHEN NEW.level <> OLD.level OR NEW.bucket <> OLD.bucket OR NEW.run <> OLD.run OR length(NEW.hashes) >= length(OLD.hashes)
  OR NOT EXISTS (SELECT 1 FROM erasure WHERE idx >= OLD.run * (4096 << (4 * OLD.level)) AND idx < (OLD.run + 1) * (4096 << (4 * OLD.level)))
BEGIN SELECT RAISE(ABORT, 'reference_hash is append-only'); END;
