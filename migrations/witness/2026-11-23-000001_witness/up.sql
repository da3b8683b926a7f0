-- What a witness remembers of each log: the largest checkpoint it cosigned, with its cosignature. It only ever grows.

CREATE TABLE witnessed (
    origin    TEXT PRIMARY KEY,
    tree_size INTEGER NOT NULL CHECK (tree_size >= 0),
    note      TEXT NOT NULL,
    time_s    INTEGER NOT NULL CHECK (time_s > 0)
) STRICT;

CREATE TRIGGER witnessed_no_rewind BEFORE UPDATE ON witnessed
WHEN NEW.origin <> OLD.origin OR NEW.tree_size < OLD.tree_size OR NEW.time_s < OLD.time_s
BEGIN SELECT RAISE(ABORT, 'witnessed only moves forward'); END;
CREATE TRIGGER witnessed_no_delete BEFORE DELETE ON witnessed BEGIN SELECT RAISE(ABORT, 'witnessed only moves forward'); END;
