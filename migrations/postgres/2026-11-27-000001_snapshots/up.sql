-- The runtime snapshots of an environment, which are few beside its deployments.

CREATE INDEX event_snapshot ON event (environment, idx) WHERE subject = 'shipslog-snapshot';
CREATE INDEX event_snapshot_time ON event (environment, occurred_ms, idx) WHERE subject = 'shipslog-snapshot';
