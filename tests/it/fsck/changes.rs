//! Every column of every table, changed in a real database.
//!
//! What is changed is taken from the schema itself: a table or column that nobody thought of here fails the test.

use std::collections::BTreeSet;

use rstest::rstest;
use shipslog::store::RUN;

use super::{Ground, columns};
use crate::support::Backend;
use crate::support::database::TestDatabase;

/// One row of every table: how to find it, how a copy of it differs so that there is room for both, and the entry that a change
/// of it must be reported at, where it is about one.
pub struct Row {
    pub table: &'static str,
    at: &'static str,
    copy: &'static str,
    /// SQL that gives the indexes of the entries, any of them.
    index: &'static str,
}

pub const ROWS: &[Row] = &[
    row("log", "id = 0", "id = id + 1", "0"),
    row("entry", "idx = 150", "idx = idx + 1000", "150"),
    row(
        "envelope",
        "idx = 150",
        "idx = idx + 1000, tree_size = tree_size + 1000",
        "150",
    ),
    row("tile", "level = 0 AND idx = 0", "idx = idx + 1000", "0"),
    row("head", "id = 0", "id = id + 1", ANYWHERE),
    row(
        "checkpoint",
        "tree_size = (SELECT MIN(tree_size) FROM checkpoint WHERE tree_size > 100)",
        "tree_size = tree_size + 1000",
        "idx FROM kept_envelope WHERE tree_size = (SELECT MIN(tree_size) FROM kept_checkpoint WHERE tree_size > 100)",
    ),
    row(
        "publication",
        "tree_size = (SELECT MIN(tree_size) FROM publication)",
        "tree_size = tree_size + 1000",
        ANYWHERE,
    ),
    row(
        "event",
        "idx = 150",
        "idx = idx + 1000, event_id = event_id || 'x'",
        "150",
    ),
    row(
        "reference",
        "idx = 150 AND value = (SELECT MIN(value) FROM reference WHERE idx = 150)",
        "value = value || 'x'",
        // One that moved to the entry before is one too many there first.
        "idx FROM kept_entry WHERE idx IN (149, 150)",
    ),
    row(
        "reference_run",
        "run = 0 AND idx = 150 AND value = (SELECT MIN(value) FROM reference_run WHERE run = 0 AND idx = 150)",
        "value = value || 'x'",
        "idx FROM kept_entry WHERE idx IN (149, 150)",
    ),
    row(
        "reference_hash",
        "level = 0 AND run = 0 AND bucket = 7",
        "level = level + 1, bucket = bucket + 1000, run = run + 1000",
        ANYWHERE,
    ),
    row(
        "cosignature",
        "witness = (SELECT MIN(witness) FROM cosignature)",
        "tree_size = tree_size + 1000",
        ANYWHERE,
    ),
    row("quorum", "reached_ms = 1", "tree_size = tree_size + 1000", ANYWHERE),
    row(
        "alarm",
        "raised_ms = 1",
        "tree_size = tree_size + 1000, held_size = held_size + 1",
        ANYWHERE,
    ),
    row("erasure", "idx = 40", "idx = idx + 1, erased_by = erased_by - 1", "40"),
];

/// What nothing in the log is behind, so that no change of it can be told.
const NOT_IN_THE_LOG: &[(&str, &str, &str)] = &[
    (
        "log",
        "created_ms",
        "the clock before the first entry; nothing rests on it",
    ),
    (
        "publication",
        "published_ms",
        "the clock at publication; nothing but the pace of publication rests on it",
    ),
    (
        "publication",
        "",
        "which signed checkpoints were served; those who got one hold it",
    ),
    (
        "cosignature",
        "",
        "that a witness signed; those who got the line hold it, and so does the witness",
    ),
    ("quorum", "policy", "the operator's policy is not in the log"),
    ("quorum", "reached_ms", "the clock when the last needed line came"),
    ("quorum", "", "who has a policy judges the cosignatures themselves"),
    ("alarm", "witness", "what a witness answered, and nobody signed"),
    ("alarm", "held_size", "what a witness answered, and nobody signed"),
    ("alarm", "reason", "what a witness answered, and nobody signed"),
    ("alarm", "message", "what a witness answered, and nobody signed"),
    (
        "alarm",
        "held_note",
        "signed by the log's key, and of no tree of this log",
    ),
    ("alarm", "raised_ms", "the clock when the answer came"),
    ("alarm", "", "the witness holds what it answered with"),
];

/// Where it is not about an entry.
const ANYWHERE: &str = "";

const fn row(table: &'static str, at: &'static str, copy: &'static str, index: &'static str) -> Row {
    Row { table, at, copy, index }
}

/// Other values for a column, as SQL.
fn other_values(backend: Backend, column: &str, kind: &str, optional: bool, in_key: bool) -> Vec<String> {
    let flipped = |at: &str| match backend {
        Backend::Sqlite => format!(
            "unhex(substr(hex({column}), 1, 2 * ({at})) || CASE substr(hex({column}), 2 * ({at}) + 1, 2) WHEN '00' THEN '01' \
             ELSE '00' END || substr(hex({column}), 2 * ({at}) + 3))"
        ),
        Backend::Postgres => format!("set_byte({column}, ({at})::int, get_byte({column}, ({at})::int) # 1)"),
    };
    let mut values = match kind {
        "integer" | "bigint" if in_key => vec![format!("{column} + 1000"), format!("-1 - {column}")],
        // SQLite has no type for what is true or false.
        "integer" | "bigint" => vec![format!("{column} + 1"), format!("{column} - 1")],
        "boolean" => vec![format!("NOT {column}")],
        "text" => vec![
            format!("{column} || 'x'"),
            format!("'x' || substr({column}, 2)"),
            "''".into(),
        ],
        "blob" | "bytea" => {
            let length = if backend == Backend::Sqlite {
                "length"
            } else {
                "octet_length"
            };
            [
                "0".to_owned(),
                format!("{length}({column}) / 2"),
                format!("{length}({column}) - 1"),
            ]
            .iter()
            .map(|at| flipped(at))
            .collect()
        }
        other => panic!("a column of type {other}: say how to change it"),
    };
    if optional {
        values.push("NULL".into());
        values.extend((kind == "text").then(|| "'success'".to_owned()));
    }
    values
}

pub fn is_exempt(table: &str, column: &str) -> bool {
    NOT_IN_THE_LOG
        .iter()
        .any(|(of, name, _)| *of == table && *name == column)
}

/// Makes one change, says what of it `fsck` does not find, and takes it back.
fn missed(ground: &Ground, database: &TestDatabase, sql: &str, row: &Row) -> Option<String> {
    let unchecked = match database.sqlite_path() {
        Some(_) => "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; ",
        None => "",
    };
    let execute = |sql: &str| database.execute(&format!("{unchecked}{sql}"));
    execute(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    let report = ground.fsck(database);
    let table = row.table;
    execute(&format!(
        "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}"
    ))
    .unwrap();
    let findings = match report {
        Ok(report) => report.findings,
        Err(error) if error.is_damage() => return None,
        Err(error) => return Some(format!("{sql}: {error}")),
    };
    if findings.is_empty() {
        return Some(format!("{sql}: not found"));
    }
    let expected = match row.index {
        ANYWHERE => return None,
        index if index.parse::<u64>().is_ok() => vec![index.to_owned()],
        query => database.texts(&format!("SELECT CAST(x.idx AS TEXT) AS value FROM (SELECT {query}) x")),
    };
    let mut places = findings.iter().filter_map(|finding| finding.index);
    let placed = places.any(|index| expected.contains(&index.to_string()));
    (!placed).then(|| format!("{sql}: found, but not at {expected:?}: {findings:?}"))
}

/// What is not found of the changes to these tables, with so many other values for each column.
fn sweep(ground: &Ground, backend: Backend, tables: &[&str], values: usize) -> Vec<String> {
    let unguarded = ground.unguarded(backend);
    assert_eq!(ground.fsck(&unguarded).unwrap().findings, [], "the control is sound");
    let all = columns(&unguarded, backend);
    let mut failures = Vec::new();
    for row in ROWS.iter().filter(|row| tables.contains(&row.table)) {
        let Row { table, at, copy, .. } = row;
        let own: Vec<_> = all.iter().filter(|(of, ..)| of == table).collect();
        let altered = |name: &str| {
            copy.split(", ")
                .find_map(|change| change.strip_prefix(&format!("{name} = ")))
        };
        for (_, column, kind, optional) in own.iter().filter(|(_, column, ..)| !is_exempt(table, column)) {
            let mut changes = 0;
            for value in other_values(backend, column, kind, *optional, altered(column).is_some()) {
                // What is the same again is no change.
                let changed = format!("{at} AND {column} IS DISTINCT FROM {value}");
                let touched = format!("SELECT CAST(COUNT(*) AS TEXT) AS value FROM {table} WHERE {changed}");
                if changes < values && unguarded.texts(&touched) == ["1"] {
                    let sql = format!("UPDATE {table} SET {column} = {value} WHERE {changed}");
                    failures.extend(missed(ground, &unguarded, &sql, row));
                    changes += 1;
                }
            }
            assert!(changes > 0, "{table}.{column} was not changed at all");
        }
        if !is_exempt(table, "") {
            failures.extend(missed(
                ground,
                &unguarded,
                &format!("DELETE FROM {table} WHERE {at}"),
                row,
            ));
        }
        let names: Vec<&str> = own.iter().map(|(_, column, ..)| column.as_str()).collect();
        let values: Vec<&str> = names.iter().map(|name| altered(name).unwrap_or(name)).collect();
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {at}",
            names.join(", "),
            values.join(", ")
        );
        let anywhere = Row {
            index: ANYWHERE,
            ..*row
        };
        failures.extend(missed(ground, &unguarded, &insert, &anywhere));
    }
    failures
}

/// What is written once a run of entries is full.
const RUNS: [&str; 2] = ["reference_run", "reference_hash"];

#[rstest]
fn every_change_of_every_column_is_found_where_it_is(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(ground) = Ground::new(backend, 300) else {
        return;
    };
    let named: BTreeSet<String> = ROWS.iter().map(|row| row.table.to_owned()).collect();
    let there: BTreeSet<String> = columns(&ground.database, backend)
        .into_iter()
        .map(|(table, ..)| table)
        .collect();
    assert_eq!(named, there, "every table has a row here to change");
    let small: Vec<&str> = ROWS
        .iter()
        .map(|row| row.table)
        .filter(|table| !RUNS.contains(table))
        .collect();
    let failures = sweep(&ground, backend, &small, usize::MAX);
    assert!(
        failures.is_empty(),
        "{} of the changes:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[rstest]
fn every_change_of_the_sorted_runs_is_found(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(ground) = Ground::new(backend, RUN + RUN / 2 + 200) else {
        return;
    };
    let rows = ground.database.texts("SELECT CAST(runs AS TEXT) AS value FROM head");
    assert_eq!(rows, ["1"], "there is a complete run");
    // Each look at it takes seconds: one other value for each column.
    let mut failures = sweep(&ground, backend, &RUNS, 1);
    // One that is not counted, and one that is counted and not there.
    let unguarded = ground.unguarded(backend);
    for sql in ["UPDATE head SET runs = 0", "UPDATE head SET runs = 2"] {
        failures.extend(missed(&ground, &unguarded, sql, &row("head", "", "", ANYWHERE)));
    }
    assert!(
        failures.is_empty(),
        "{} of the changes:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
