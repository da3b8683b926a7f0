//! An operator who holds the database, and, where it says so, the log's private key too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ledger::{Checkpoint, Edge, NoteSigner, PrivateKey, SignedNote, leaf_hash};

use super::random::Random;
use super::replica::hex;
use crate::support::Backend;
use crate::support::database::TestDatabase;

/// What the database holds of the log itself, to be changed and written back.
pub struct Operator {
    backend: Backend,
    pub database: TestDatabase,
    pub random: Random,
    /// Entries below this one may be chosen: an auditor holds a checkpoint of this size.
    pub held: u64,
    /// Index of the first event of the pipeline; before it stand the entries about keys.
    pub first: u64,
    pub leaves: Vec<Vec<u8>>,
    /// Sizes with a checkpoint.
    sizes: Vec<u64>,
    script: Vec<String>,
}

impl Operator {
    /// Takes over a database.
    pub fn new(backend: Backend, database: TestDatabase, random: Random, first: u64, held: u64) -> Self {
        let hexes = database.texts(&format!(
            "SELECT {} AS value FROM entry ORDER BY idx",
            hex_of(backend, "leaf")
        ));
        let sizes = database.texts("SELECT CAST(tree_size AS TEXT) AS value FROM checkpoint ORDER BY tree_size");
        Self {
            leaves: hexes.iter().map(|text| unhex(text)).collect(),
            sizes: sizes.iter().map(|size| size.parse().unwrap()).collect(),
            backend,
            database,
            random,
            held,
            first,
            script: Vec::new(),
        }
    }

    /// An entry that somebody might like to change.
    pub fn pick(&mut self) -> u64 {
        self.random.between(self.first..self.held)
    }

    /// Two neighbours of them, by the index of the first.
    pub fn pick_pair(&mut self) -> u64 {
        self.random.between(self.first..self.held - 1)
    }

    /// Adds a statement.
    pub fn run(&mut self, sql: impl Into<String>) {
        self.script.push(sql.into());
    }

    /// A literal of these bytes.
    pub fn blob(&self, bytes: &[u8]) -> String {
        match self.backend {
            Backend::Sqlite => format!("X'{}'", hex(bytes)),
            Backend::Postgres => format!("'\\x{}'::bytea", hex(bytes)),
        }
    }

    /// The bytes of a column of one row.
    pub fn bytes(&self, column: &str, table: &str, condition: &str) -> Vec<u8> {
        let column = hex_of(self.backend, column);
        let found = self
            .database
            .texts(&format!("SELECT {column} AS value FROM {table} WHERE {condition}"));
        unhex(&found[0])
    }

    /// The text of a column of one row.
    pub fn text(&self, column: &str, table: &str, condition: &str) -> String {
        self.database
            .texts(&format!(
                "SELECT CAST({column} AS TEXT) AS value FROM {table} WHERE {condition}"
            ))
            .remove(0)
    }

    /// Puts a leaf at an index.
    pub fn set_leaf(&mut self, index: u64, leaf: Vec<u8>) {
        let literal = self.blob(&leaf);
        self.run(format!("UPDATE entry SET leaf = {literal} WHERE idx = {index}"));
        self.leaves[index as usize] = leaf;
    }

    /// Exchanges what a table holds of two neighbours. The checkpoint of a receipt belongs to the place: it stays.
    pub fn swap_rows(&mut self, table: &str, index: u64) {
        let next = index + 1;
        let exchanged = |column: &str, of_index: &str, of_next: &str| {
            format!("{column} = CASE idx WHEN {index} THEN {of_next} WHEN {next} THEN {of_index} ELSE {column} END")
        };
        let mut changes = vec![exchanged("idx", &index.to_string(), &next.to_string())];
        if table == "envelope" {
            let size = |index: u64| self.text("tree_size", table, &format!("idx = {index}"));
            changes.push(exchanged("tree_size", &size(index), &size(next)));
        }
        self.moving(table, index, &format!("UPDATE moved SET {}", changes.join(", ")));
    }

    /// Takes an entry out of a table and closes the gap.
    pub fn close_gap(&mut self, table: &str, index: u64) {
        self.moving(
            table,
            index,
            &format!("DELETE FROM moved WHERE idx = {index}; UPDATE moved SET idx = idx - 1"),
        );
    }

    /// Rewrites the rows of a table from an index on, free of its keys and checks meanwhile.
    fn moving(&mut self, table: &str, from: u64, change: &str) {
        self.run(format!(
            "CREATE TEMP TABLE moved AS SELECT * FROM {table} WHERE idx >= {from}"
        ));
        self.run(format!("DELETE FROM {table} WHERE idx >= {from}"));
        self.run(change);
        self.run(format!("INSERT INTO {table} SELECT * FROM moved"));
        self.run("DROP TABLE moved");
    }

    /// Hashes everything again: tiles and head are what the leaves now give. With the log's key, the checkpoints too.
    pub fn rehash(&mut self, signer: Option<&NoteSigner>) {
        let (mut edge, mut tiles, mut roots) = (Edge::empty(), Vec::new(), BTreeMap::new());
        for leaf in &self.leaves {
            edge.append(leaf_hash(leaf), &mut tiles);
            roots.insert(edge.size(), edge.root());
        }
        self.run("DELETE FROM tile");
        for tile in &tiles {
            let (id, hashes) = (tile.id(), self.blob(tile.bytes()));
            self.run(format!(
                "INSERT INTO tile (level, idx, hashes) VALUES ({}, {}, {hashes})",
                id.level, id.index
            ));
        }
        let (root, bytes) = (self.blob(edge.root().as_bytes()), self.blob(&edge.encode()));
        self.run(format!(
            "UPDATE head SET tree_size = {}, root = {root}, edge = {bytes}",
            edge.size()
        ));
        if let Some(signer) = signer {
            for size in self.sizes.clone() {
                let checkpoint = Checkpoint {
                    origin: signer.key().name().to_owned(),
                    size,
                    root: roots[&size],
                };
                let note = checkpoint.sign(signer).unwrap();
                self.run(format!(
                    "UPDATE checkpoint SET note = '{note}' WHERE tree_size = {size}"
                ));
            }
        }
    }

    /// After an entry was taken out: every size beyond it is one less, also of checkpoints and receipts.
    pub fn shift_sizes(&mut self, taken: u64) {
        for (table, rest) in [("publication", "published_ms"), ("checkpoint", "note")] {
            self.run(format!(
                "CREATE TEMP TABLE moved AS SELECT CASE WHEN tree_size > {taken} THEN tree_size - 1 ELSE tree_size END AS tree_size, \
                 min({rest}) AS {rest} FROM {table} GROUP BY 1"
            ));
            self.run(format!("DELETE FROM {table}"));
            self.run(format!(
                "INSERT INTO {table} (tree_size, {rest}) SELECT tree_size, {rest} FROM moved"
            ));
            self.run("DROP TABLE moved");
        }
        self.run(format!(
            "UPDATE envelope SET tree_size = tree_size - 1 WHERE tree_size > {taken}"
        ));
        for size in &mut self.sizes {
            *size -= u64::from(*size > taken);
        }
        self.sizes.dedup();
    }

    /// Goes back to the tree of this size, of which there must be a checkpoint: everything after it never happened.
    pub fn go_back(&mut self, size: u64, signer: Option<&NoteSigner>) {
        self.leaves.truncate(size as usize);
        self.sizes.retain(|kept| *kept <= size);
        for table in ["entry", "envelope", "event", "reference"] {
            self.run(format!("DELETE FROM {table} WHERE idx >= {size}"));
        }
        for table in ["publication", "checkpoint"] {
            self.run(format!("DELETE FROM {table} WHERE tree_size > {size}"));
        }
        self.run(format!(
            "INSERT INTO publication (tree_size, published_ms) SELECT {size}, min(created_ms) FROM log \
             WHERE NOT EXISTS (SELECT 1 FROM publication WHERE tree_size = {size})"
        ));
        let time = super::replica::time(&self.leaves[size as usize - 1]).unwrap();
        self.run(format!("UPDATE head SET time_ms = {time}"));
        self.rehash(signer);
    }

    /// Makes room for a checkpoint of this size, which is signed when all is hashed again.
    pub fn add_checkpoint(&mut self, size: u64) {
        if let Err(place) = self.sizes.binary_search(&size) {
            self.sizes.insert(place, size);
            self.run(format!("INSERT INTO checkpoint (tree_size, note) VALUES ({size}, '')"));
        }
        self.run(format!(
            "UPDATE envelope SET tree_size = {size} WHERE tree_size > {size} AND idx < {size}"
        ));
    }

    /// A literal of this truth value, as `event` holds it.
    pub fn boolean(&self, value: bool) -> String {
        match self.backend {
            Backend::Sqlite => u8::from(value).to_string(),
            Backend::Postgres => value.to_string(),
        }
    }

    /// A size that has a checkpoint, before the one the auditor holds.
    pub fn earlier_size(&mut self) -> u64 {
        let sizes: Vec<u64> = self
            .sizes
            .iter()
            .copied()
            .filter(|size| (self.first..self.held).contains(size))
            .collect();
        sizes[self.random.between(0..sizes.len() as u64) as usize]
    }

    /// Carries it out in one go, past the triggers that refuse such things, and leaves those as they were.
    pub fn carry_out(self) -> TestDatabase {
        let statements = self.script.join(";\n");
        let script = match self.backend {
            Backend::Sqlite => {
                let of_triggers = |column: &str| {
                    self.database
                        .texts(&format!(
                            "SELECT {column} AS value FROM sqlite_master WHERE type = 'trigger'"
                        ))
                        .join(";\n")
                };
                let (drop, create) = (of_triggers("'DROP TRIGGER ' || name"), of_triggers("sql"));
                format!("PRAGMA foreign_keys = OFF;\nBEGIN;\n{drop};\n{statements};\n{create};\nCOMMIT")
            }
            Backend::Postgres => {
                format!("BEGIN;\nSET LOCAL session_replication_role = replica;\n{statements};\nCOMMIT")
            }
        };
        self.database
            .execute(&script)
            .unwrap_or_else(|error| panic!("{error}\n{script}"));
        self.database
    }
}

/// The private key of the log, stolen or simply the operator's own.
pub fn log_signer(data: &Path) -> NoteSigner {
    let key = PrivateKey::from_pem(&fs::read_to_string(data.join("log.key.pem")).unwrap()).unwrap();
    let origin = fs::read_to_string(data.join("origin")).unwrap();
    NoteSigner::new(origin.trim_end(), key).unwrap()
}

/// Every row of every table, as text: two databases are the same if this is.
pub fn contents(database: &TestDatabase, backend: Backend) -> BTreeMap<String, Vec<String>> {
    let tables = match backend {
        Backend::Sqlite => "SELECT name AS value FROM sqlite_master WHERE type = 'table'",
        Backend::Postgres => {
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        }
    };
    let rows = |table: &String| {
        let row = match backend {
            Backend::Sqlite => {
                let columns = database.texts(&format!("SELECT name AS value FROM pragma_table_info('{table}')"));
                let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
                quoted.join(" || ',' || ")
            }
            Backend::Postgres => "t::text".to_owned(),
        };
        database.texts(&format!("SELECT {row} AS value FROM \"{table}\" t ORDER BY 1"))
    };
    database
        .texts(tables)
        .iter()
        .map(|table| (table.clone(), rows(table)))
        .collect()
}

/// The bundle as a dishonest service would give it out: whatever the database says, in the right form.
/// What is the same in every bundle comes from a real one.
pub fn forge_bundle(database: &TestDatabase, backend: Backend, real: &Path, folder: &Path) {
    let newest = "tree_size = (SELECT max(tree_size) FROM publication)";
    let notes = database.texts(&format!("SELECT note AS value FROM checkpoint WHERE {newest}"));
    let note = notes.first().cloned().unwrap_or_default();
    let size = SignedNote::parse(&note)
        .ok()
        .and_then(|note| note.text().lines().nth(1).and_then(|line| line.parse::<u64>().ok()))
        .unwrap_or(0);
    let write = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for name in ["README.md", "verify.py"] {
        write(name.to_owned(), &fs::read(real.join(name)).unwrap());
    }
    write("checkpoint".to_owned(), note.as_bytes());
    for bundle in 0..size.div_ceil(256) {
        let (start, end) = (bundle * 256, size.min(bundle * 256 + 256));
        let path = super::replica::tile_path(bundle, end - start);
        let rows = |what: &str, table: &str| {
            database.texts(&format!(
                "SELECT {what} AS value FROM {table} WHERE idx >= {start} AND idx < {end} ORDER BY idx"
            ))
        };
        let mut entries = Vec::new();
        for leaf in rows(&hex_of(backend, "leaf"), "entry") {
            ledger::entry_bundle::append(&mut entries, &unhex(&leaf)).unwrap();
        }
        write(format!("tile/entries/{path}"), &entries);
        let (salt, bytes) = (hex_of(backend, "salt"), hex_of(backend, "bytes"));
        let lines = rows(
            &format!("CAST(idx AS TEXT) || ' ' || coalesce({salt}, '') || ' ' || coalesce({bytes}, '')"),
            "envelope",
        );
        let lines: String = lines.iter().map(|row| line(row)).collect();
        write(format!("envelopes/{path}.jsonl"), lines.as_bytes());
    }
}

fn line(row: &str) -> String {
    let [index, salt, bytes] = row.split(' ').collect::<Vec<_>>().try_into().unwrap();
    if bytes.is_empty() {
        return format!("{{\"index\":{index},\"erased\":true}}\n");
    }
    let salt = <base64ct::Base64 as base64ct::Encoding>::encode_string(&unhex(salt));
    let envelope = String::from_utf8(unhex(bytes)).unwrap();
    format!("{{\"index\":{index},\"salt\":\"{salt}\",\"envelope\":{envelope}}}\n")
}

fn hex_of(backend: Backend, column: &str) -> String {
    match backend {
        Backend::Sqlite => format!("lower(hex({column}))"),
        Backend::Postgres => format!("encode({column}, 'hex')"),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
