//! Bugs to plant: a harness that cannot fail proves nothing. Each is a few edits of the source, made in a scratch copy that
//! is built beside the real one; the attack that is named with it must find it, and must find nothing without it.

use std::fs;
use std::path::Path;

/// Replaces a text that occurs exactly once in a file.
pub struct Edit {
    pub file: &'static str,
    pub find: &'static str,
    pub replace: &'static str,
}

/// Which attack finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    KillLoop,
    Trace,
    PowerCut,
    CutCommits,
    RestoredBackup,
}

/// A bug.
pub struct Bug {
    pub name: &'static str,
    pub found_by: &'static [FoundBy],
    pub edits: &'static [Edit],
}

const APPEND: &str = "service/sequencer/append.rs";
const WRITER: &str = "service/sequencer/writer.rs";
const STORE: &str = "service/store/mod.rs";

/// All of them.
pub const BUGS: &[Bug] = &[
    Bug {
        name: "acknowledged before the commit",
        found_by: &[FoundBy::Trace, FoundBy::KillLoop],
        edits: &[
            Edit {
                file: STORE,
                find: "    pub fn transaction<T, E: From<StoreError>>(\n",
                replace: "    pub fn later<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.begin_write()?;
        let result = work(&mut WriteTx { connection: &mut self.connection });
        if result.is_err() {
            self.connection.rollback()?;
        }
        result
    }

    /// Planted.
    pub fn at_last(&mut self) -> Result<(), StoreError> {
        self.connection.commit()
    }

    /// As before.
    pub fn transaction<T, E: From<StoreError>>(\n",
            },
            Edit {
                file: WRITER,
                find: "let (mut plan, slice, note) = connection.transaction(|tx| {",
                replace: "let (mut plan, slice, note) = connection.later(|tx| {",
            },
            Edit {
                file: WRITER,
                find: "                        drop(reply.send(answer));\n                    }\n",
                replace: "                        drop(reply.send(answer));\n                    }
                    if let Some(open) = &mut self.open {
                        drop(open.connection.at_last());
                    }\n",
            },
        ],
    },
    Bug {
        name: "synchronous=OFF",
        found_by: &[FoundBy::Trace, FoundBy::PowerCut],
        edits: &[
            Edit {
                file: "service/store/connection.rs",
                find: "PRAGMA synchronous = FULL;",
                replace: "PRAGMA synchronous = OFF;",
            },
            Edit {
                file: "service/store/connection.rs",
                find: "&[\"2\", \"3\"]",
                replace: "&[\"0\", \"2\", \"3\"]",
            },
        ],
    },
    Bug {
        name: "head in a second transaction",
        found_by: &[FoundBy::KillLoop],
        edits: &[
            Edit {
                file: APPEND,
                find: "    tx.move_head(old_size, &head)?;\n",
                replace: "    drop(head);\n",
            },
            Edit {
                file: WRITER,
                find: "        if note.is_some() {\n",
                replace: "        if note.is_some() {
            let head = crate::store::HeadRow {
                tree_size: plan.after.size(),
                root: plan.after.root,
                edge: plan.after.edge.encode(),
                time_ms: plan.after.time_ms,
                runs: slice.complete,
            };
            connection.transaction::<_, WriteError>(|tx| Ok(tx.move_head(state.size(), &head)?))?;\n",
            },
        ],
    },
    Bug {
        name: "retry without the idempotency key",
        found_by: &[FoundBy::KillLoop],
        edits: &[
            Edit {
                file: "service/sequencer/batch.rs",
                find: "known.of(record).or_else(again).or_else(erased) {",
                replace: "known.of(record).or_else(again).or_else(erased).filter(|_| false) {",
            },
            Edit {
                file: "migrations/sqlite/2026-11-23-000002_read_models/up.sql",
                find: "CHECK (administrative IN (0, 1)),\n    UNIQUE (event_id, source, producer)\n",
                replace: "CHECK (administrative IN (0, 1))\n",
            },
        ],
    },
    Bug {
        name: "a lost answer to COMMIT taken for a failure",
        found_by: &[FoundBy::CutCommits],
        edits: &[Edit {
            file: WRITER,
            find: "WriteError::Store(StoreError::Unconfirmed(_)) => return self.resolve(records),",
            replace: "WriteError::Store(StoreError::Unconfirmed(_)) => SubmitError::Unavailable,",
        }],
    },
    Bug {
        name: "guard removed",
        found_by: &[FoundBy::RestoredBackup],
        edits: &[Edit {
            file: "service/guard/mod.rs",
            find: "        let (known, whence) = (self.size, self.whence.clone());\n",
            replace: "        if self.size > 0 {
            return Ok(Ok(()));
        }
        let (known, whence) = (self.size, self.whence.clone());\n",
        }],
    },
];

impl Bug {
    /// Whether it can still be planted: every text it looks for occurs exactly once.
    pub fn applies(&self, root: &Path) -> Result<(), String> {
        self.edits.iter().try_for_each(|edit| edit.apply(root).map(drop))
    }
}

impl Edit {
    /// The file with the edit made.
    pub fn apply(&self, root: &Path) -> Result<String, String> {
        let file = self.file;
        let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        match text.matches(self.find).count() {
            1 => Ok(text.replacen(self.find, self.replace, 1)),
            times => Err(format!("{file}: {times} times {:?}", self.find)),
        }
    }
}
