//! The two databases are kept in step: the same migrations, the same tables and columns, the same refusals.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rstest::rstest;

use crate::support::events::deployed;
use crate::support::{Backend, TestApp};

/// Tables of the log and of what is read from it. None is ever changed but where the second column says so.
const TABLES: &[(&str, &str)] = &[
    ("log", ""),
    ("entry", ""),
    ("envelope", "erasing salt and bytes together"),
    ("tile", ""),
    ("head", "moving forward"),
    ("checkpoint", ""),
    ("publication", ""),
    ("event", ""),
    ("reference", ""),
    ("reference_run", ""),
    ("reference_hash", ""),
    ("cosignature", ""),
    ("quorum", ""),
    ("alarm", ""),
    ("erasure", ""),
];

fn folders(database: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(database);
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn tables(app: &TestApp, backend: Backend) -> BTreeSet<String> {
    let own = |name: &String| !name.starts_with("__diesel");
    let sql = match backend {
        Backend::Sqlite => "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        Backend::Postgres => "SELECT table_name AS value FROM information_schema.tables WHERE table_schema = 'public'",
    };
    app.database.texts(sql).into_iter().filter(own).collect()
}

/// `table.column required|optional` for every column.
fn columns(app: &TestApp, backend: Backend) -> BTreeSet<String> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN ' required' ELSE ' optional' END AS value \
             FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        }
        Backend::Postgres => {
            "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' required' ELSE ' optional' END AS value \
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    app.database
        .texts(sql)
        .into_iter()
        .filter(|column| !column.starts_with("__diesel"))
        .collect()
}

fn indexes(app: &TestApp, backend: Backend) -> BTreeSet<String> {
    let sql = match backend {
        Backend::Sqlite => "SELECT name AS value FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%'",
        Backend::Postgres => {
            "SELECT c.relname AS value FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
        }
    };
    app.database
        .texts(sql)
        .into_iter()
        .filter(|name| !name.starts_with("__diesel"))
        .collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    let sqlite = folders("sqlite");
    assert_eq!(sqlite, folders("postgres"));
    assert!(!sqlite.is_empty());
    for (database, names) in [
        ("sqlite", &sqlite),
        ("postgres", &sqlite),
        ("witness", &folders("witness")),
    ] {
        for name in names {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("migrations")
                .join(database)
                .join(name);
            let sql = fs::read_to_string(folder.join("up.sql")).unwrap();
            assert!(sql.starts_with("-- "), "{database}/{name} says what it is for");
        }
    }
}

#[test]
fn both_databases_have_the_same_schema() {
    let (Some(sqlite), Some(postgres)) = (TestApp::start(Backend::Sqlite), TestApp::start(Backend::Postgres)) else {
        return;
    };
    let expected: BTreeSet<String> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(tables(&sqlite, Backend::Sqlite), expected);
    assert_eq!(tables(&postgres, Backend::Postgres), expected);
    assert_eq!(columns(&sqlite, Backend::Sqlite), columns(&postgres, Backend::Postgres));
    assert_eq!(indexes(&sqlite, Backend::Sqlite), indexes(&postgres, Backend::Postgres));
}

#[rstest]
fn the_database_itself_refuses_to_rewrite_history(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    // A full tile, so that every table has a row.
    let lines: Vec<Vec<u8>> = (0..300)
        .map(|n| crate::support::events::sign(&deployed(&format!("b{n}"), "search", "staging", n), &app.pipeline))
        .collect();
    app.client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    // Runs are thousands of entries long.
    app.database
        .execute("INSERT INTO reference_run (run, value, kind, idx) VALUES (0, 'v', 'commit', 1)")
        .unwrap();
    let no_hashes = match backend {
        Backend::Sqlite => "zeroblob(6)",
        Backend::Postgres => "decode(repeat('00', 6), 'hex')",
    };
    app.database
        .execute(&format!(
            "INSERT INTO reference_hash (level, bucket, run, hashes) VALUES (0, 0, 0, {no_hashes})"
        ))
        .unwrap();
    // Nobody witnesses this log.
    let (digest, first) = match backend {
        Backend::Sqlite => ("zeroblob(32)", "(SELECT MIN(tree_size) FROM publication)"),
        Backend::Postgres => (
            "decode(repeat('00', 32), 'hex')",
            "(SELECT MIN(tree_size) FROM publication)",
        ),
    };
    for row in [
        format!("INSERT INTO cosignature (tree_size, witness, line, cosigned_ms) VALUES ({first}, 'w', 'l', 1)"),
        format!("INSERT INTO quorum (policy, tree_size, reached_ms) VALUES ({digest}, {first}, 1)"),
        "INSERT INTO alarm (witness, held_size, tree_size, reason, message, raised_ms) VALUES ('w', 1, 1, 'fork', 'm', 1)".to_owned(),
    ] {
        app.database.execute(&row).unwrap();
    }
    let index = app.record(&deployed("erased", "search", "staging", 1));
    let erasure = serde_json::json!({ "reason": "legal-order", "text": "ordered" });
    app.client
        .post_json(&format!("/v1/events/{index}/erasure"), &erasure)
        .expect(201);
    let texts: Vec<(&str, String)> = columns(&app, backend)
        .into_iter()
        .filter_map(|column| {
            let (table, rest) = column.split_once('.')?;
            let (name, _) = rest.split_once(' ')?;
            TABLES
                .iter()
                .find(|(known, _)| *known == table)
                .map(|(known, _)| (*known, name.to_owned()))
        })
        .collect();
    for (table, exception) in TABLES {
        let rows = app
            .database
            .texts(&format!("SELECT CAST(COUNT(*) AS TEXT) AS value FROM {table}"));
        assert_ne!(rows, ["0"], "{table} has a row to protect");
        let refused = app.database.execute(&format!("DELETE FROM {table}")).unwrap_err();
        assert!(refused.contains(table), "DELETE FROM {table}: {refused}");
        for (_, column) in texts.iter().filter(|(of, _)| of == table) {
            // The same value again is an update all the same.
            let update = format!("UPDATE {table} SET {column} = {column}");
            let refused = app.database.execute(&update);
            if exception.is_empty() || *table == "head" {
                let message = refused.unwrap_err();
                assert!(message.contains(table), "{update}: {message}");
            }
        }
    }
    // The head only moves forward; an envelope loses salt and bytes together or not at all.
    for sql in [
        "UPDATE head SET tree_size = tree_size - 1",
        "UPDATE head SET time_ms = time_ms - 1, tree_size = tree_size + 1",
        "UPDATE envelope SET salt = NULL WHERE idx = 1",
        "UPDATE envelope SET bytes = NULL WHERE idx = 1",
        "UPDATE envelope SET idx = idx + 1000, salt = NULL, bytes = NULL",
        "UPDATE envelope SET salt = bytes, bytes = salt WHERE idx = 1",
    ] {
        assert!(app.database.execute(sql).is_err(), "{sql}");
    }
    if backend == Backend::Postgres {
        for (table, _) in TABLES {
            assert!(
                app.database.execute(&format!("TRUNCATE {table} CASCADE")).is_err(),
                "TRUNCATE {table}"
            );
        }
    }
}
