//! All rows of a log in SQLite, by the transaction that wrote them, and how to write them again with nothing but prepared
//! statements. Reads the schema, so that it need not know the tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Statement, params_from_iter};

use crate::processor;

/// What the service sets on the connection that writes; the rest is kept in the file.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; \
     PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 8000; PRAGMA trusted_schema = OFF; \
     PRAGMA secure_delete = ON;";
/// The one row that every transaction changes.
const HEAD: &str = "head";

type Row = Vec<Value>;

/// The rows.
pub struct Rows {
    tables: Vec<Table>,
    /// Size of the tree after each transaction.
    sizes: Vec<i64>,
    /// Transactions that were there before the measurement.
    begun: usize,
}

struct Table {
    name: String,
    columns: Vec<String>,
    /// Of each transaction.
    rows: Vec<Vec<Row>>,
}

impl Rows {
    /// Reads a log; what its first `begun` entries brought is not measured.
    pub fn read(path: &Path, begun: u64) -> Self {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let mut sizes = connection
            .prepare("SELECT tree_size FROM checkpoint ORDER BY tree_size")
            .unwrap();
        let sizes: Vec<i64> = sizes
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY rowid")
            .unwrap();
        let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let tables = names
            .map(|name| Table::read(&connection, name.unwrap(), &sizes))
            .collect();
        Self {
            tables,
            begun: sizes.partition_point(|size| *size <= begun as i64),
            sizes,
        }
    }

    /// Measured transactions.
    pub fn batches(&self) -> usize {
        self.sizes.len() - self.begun
    }

    /// Measured entries.
    pub fn entries(&self) -> i64 {
        self.sizes.last().unwrap() - self.sizes[self.begun - 1]
    }

    /// Measured rows.
    pub fn count(&self) -> usize {
        let measured = self.tables.iter().flat_map(|table| &table.rows[self.begun..]);
        measured.map(Vec::len).sum()
    }

    /// Writes all of them to an empty database; the processor time of this thread for the measured ones.
    pub fn insert(&self, path: &Path) -> Duration {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        connection.execute_batch(SETTINGS).unwrap();
        let prepare = |sql: &str| connection.prepare(sql).unwrap();
        let (mut begin, mut commit) = (prepare("BEGIN IMMEDIATE"), prepare("COMMIT"));
        let mut inserts: Vec<(&Table, Statement<'_>)> = self
            .tables
            .iter()
            .map(|table| (table, prepare(&table.insert())))
            .collect();
        let head = self.tables.iter().find(|table| table.name == HEAD).unwrap();
        let mut update = prepare(&head.update());
        let name = std::thread::current().name().unwrap().to_owned();
        let time = || processor::of_thread(&name).unwrap();
        let mut before = time();
        for (batch, size) in self.sizes.iter().enumerate() {
            if batch == self.begun {
                before = time();
            }
            begin.execute([]).unwrap();
            for (table, insert) in &mut inserts {
                for row in &table.rows[batch] {
                    insert.execute(params_from_iter(row)).unwrap();
                }
            }
            if batch > 0 {
                let moved = update.execute(params_from_iter(head.moved(*size))).unwrap();
                assert_eq!(moved, 1);
            }
            commit.execute([]).unwrap();
        }
        time() - before
    }
}

impl Table {
    /// A row belongs to the transaction of the entry or the tree that its key begins with. Rows that have another key are dealt
    /// out evenly in the order of their keys, which is how the service spreads them.
    fn read(connection: &Connection, name: String, sizes: &[i64]) -> Self {
        let mut columns: Vec<(String, i64)> = Vec::new();
        connection
            .pragma(None, "table_info", &name, |row| {
                columns.push((row.get("name")?, row.get("pk")?));
                Ok(())
            })
            .unwrap();
        let mut key: Vec<(i64, &str)> = columns
            .iter()
            .filter(|(_, place)| *place > 0)
            .map(|(name, place)| (*place, name.as_str()))
            .collect();
        key.sort_unstable();
        let key: Vec<&str> = key.into_iter().map(|(_, name)| name).collect();
        let columns: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        let mut all = connection
            .prepare(&format!(
                "SELECT {} FROM {name} ORDER BY {}",
                columns.join(", "),
                key.join(", ")
            ))
            .unwrap();
        let all: Vec<Row> = all
            .query_map([], |row| (0..columns.len()).map(|column| row.get(column)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let first = columns.iter().position(|column| column == key[0]).unwrap();
        let count = all.len();
        let mut rows = vec![Vec::new(); sizes.len()];
        for (place, row) in all.into_iter().enumerate() {
            let batch = match (key[0], &row[first]) {
                ("idx", Value::Integer(index)) => sizes.partition_point(|size| size <= index),
                ("tree_size", Value::Integer(tree)) => sizes.partition_point(|size| size < tree),
                _ => place * sizes.len() / count,
            };
            rows[batch].push(row);
        }
        let mut table = Self { name, columns, rows };
        if table.name == HEAD {
            // As it was after the first transaction.
            table.rows[0] = vec![table.moved(sizes[0])];
        }
        table
    }

    fn insert(&self) -> String {
        let places = vec!["?"; self.columns.len()].join(", ");
        format!(
            "INSERT INTO {} ({}) VALUES ({places})",
            self.name,
            self.columns.join(", ")
        )
    }

    /// Sets every column, with the same parameters as [`Self::insert`].
    fn update(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| format!("{column} = ?")).collect();
        format!("UPDATE {} SET {}", self.name, columns.join(", "))
    }

    /// The one row, with the size of the tree changed.
    fn moved(&self, size: i64) -> Row {
        let mut row = self.rows[0][0].clone();
        let place = self.columns.iter().position(|column| column == "tree_size").unwrap();
        row[place] = Value::Integer(size);
        row
    }
}
