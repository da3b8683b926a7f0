//! A fresh database for one test, of either kind, gone when the test ends.

use std::any::Any;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl, SqliteConnection, sql_types};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The two databases the service runs on. Tests take it as `#[values(Backend::Sqlite, Backend::Postgres)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database.
pub struct TestDatabase {
    pub url: String,
    /// PostgreSQL: the cluster's own database, and the name of ours in it.
    cluster: Option<(String, String)>,
    _directory: TempDir,
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

impl TestDatabase {
    /// Makes one; says so and gives none where there is no PostgreSQL to test on.
    pub fn new(backend: Backend) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite:{}", directory.path().join("test.db").display());
                Some(Self {
                    url,
                    cluster: None,
                    _directory: directory,
                })
            }
            Backend::Postgres => {
                let Ok(cluster) = std::env::var("SHIPSLOG_TEST_POSTGRES") else {
                    println!("skipped on PostgreSQL: SHIPSLOG_TEST_POSTGRES is not set (tests/run sets it)");
                    return None;
                };
                Some(Self::within(&cluster))
            }
        }
    }

    /// Makes one in a PostgreSQL.
    pub fn within(cluster: &str) -> Self {
        let name = name();
        postgres(cluster, &format!("CREATE DATABASE {name}")).unwrap();
        Self {
            url: format!("{}/{name}", cluster.rsplit_once('/').unwrap().0),
            cluster: Some((cluster.to_owned(), name)),
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A SQLite file at a place of the test's choice.
    pub fn at(path: &Path) -> Self {
        Self {
            url: format!("sqlite:{}", path.display()),
            cluster: None,
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A copy of it as it is now, as a backup makes one. Nobody may be connected.
    pub fn copy(&self) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some((cluster, name)) = &self.cluster else {
            let copy = Self::new(Backend::Sqlite).unwrap();
            let (from, to) = (self.sqlite_path().unwrap(), copy.sqlite_path().unwrap());
            for suffix in ["", "-wal"] {
                let [from, to] = [from, to].map(|path| format!("{}{suffix}", path.display()));
                if Path::new(&from).exists() {
                    std::fs::copy(from, to).unwrap();
                }
            }
            return copy;
        };
        let copy = format!("{name}_copy_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // Connections that were closed take a moment to be gone.
        super::eventually("the database is free to be copied", || {
            postgres(cluster, &format!("CREATE DATABASE {copy} TEMPLATE {name}")).is_ok()
        });
        Self {
            url: format!("{}/{copy}", cluster.rsplit_once('/').unwrap().0),
            cluster: Some((cluster.clone(), copy)),
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Puts the content of another database in the place of this one, as a failover to a standby does, while services are
    /// connected. PostgreSQL only; the other one then holds what was here.
    pub fn exchange(&self, other: &Self) {
        let (Some((cluster, mine)), Some((_, others))) = (&self.cluster, &other.cluster) else {
            panic!("only PostgreSQL's databases can change their names");
        };
        let away = |name: &str| {
            postgres(cluster, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).unwrap();
            let end = format!("SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = '{name}'");
            postgres(cluster, &end).unwrap();
        };
        let rename = |from: &str, to: &str| {
            super::eventually("the database can be renamed", || {
                postgres(cluster, &format!("ALTER DATABASE {from} RENAME TO {to}")).is_ok()
            });
        };
        away(mine);
        let aside = format!("{mine}_aside");
        rename(mine, &aside);
        rename(others, mine);
        rename(&aside, others);
        postgres(cluster, &format!("ALTER DATABASE {others} WITH ALLOW_CONNECTIONS true")).unwrap();
    }

    /// Runs SQL as an operator with a console would. The error is the database's own message.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        match self.sqlite_path() {
            Some(path) => sqlite(path).batch_execute(sql).map_err(|error| error.to_string()),
            None => postgres(&self.url, sql).map(|_| ()),
        }
    }

    /// Keeps everybody else from writing to the log, until it is dropped.
    pub fn hold_writes(&self) -> Box<dyn Any + Send> {
        match self.sqlite_path() {
            Some(path) => {
                let mut connection = sqlite(path);
                connection.batch_execute("BEGIN IMMEDIATE").unwrap();
                Box::new(connection)
            }
            None => {
                let runtime = runtime();
                let client = runtime.block_on(async {
                    let (client, driver) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
                    tokio::spawn(driver);
                    client
                        .batch_execute("BEGIN; SELECT 1 FROM head FOR UPDATE")
                        .await
                        .unwrap();
                    client
                });
                Box::new((client, runtime))
            }
        }
    }

    /// What a query gives, one text a row; its column must be called `value`.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        match self.sqlite_path() {
            Some(path) => diesel::sql_query(sql)
                .load::<Text>(&mut sqlite(path))
                .unwrap()
                .into_iter()
                .map(|row| row.value)
                .collect(),
            None => postgres(&self.url, sql).unwrap(),
        }
    }

    /// What the database's own check of its files finds: SQLite's `integrity_check`, PostgreSQL's `amcheck` where that is
    /// installed.
    pub fn integrity(&self) -> Vec<String> {
        if self.sqlite_path().is_some() {
            let mut said = self.texts("SELECT integrity_check AS value FROM pragma_integrity_check");
            said.retain(|line| line != "ok");
            return said;
        }
        if let Err(error) = self.execute("CREATE EXTENSION IF NOT EXISTS amcheck") {
            println!("skipped: PostgreSQL's amcheck is not there ({error})");
            return Vec::new();
        }
        let indexes = "SELECT bt_index_parent_check(i.indexrelid, true, true)::text FROM pg_index i \
                       JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam \
                       WHERE a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace";
        let heaps = "SELECT h.msg FROM pg_class c, verify_heapam(c.oid) h \
                     WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace";
        match self.execute(indexes) {
            Ok(()) => self.texts(heaps),
            Err(error) => vec![error],
        }
    }

    /// The file, where there is one.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(Path::new)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((cluster, name)) = &self.cluster
            && let Err(error) = postgres(cluster, &format!("DROP DATABASE {name} WITH (FORCE)"))
        {
            println!("{name} is left behind: {error}");
        }
    }
}

/// A name that no other test takes.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A reader that holds on to what the database says now, until it is dropped.
pub fn reading(path: &Path) -> SqliteConnection {
    let mut connection = sqlite(path);
    connection.batch_execute("BEGIN; SELECT COUNT(*) FROM entry").unwrap();
    connection
}

/// What a query gives on a database that may be damaged.
pub fn try_texts(path: &Path, sql: &str) -> Result<Vec<String>, String> {
    let rows = SqliteConnection::establish(path.to_str().unwrap())
        .map_err(|error| error.to_string())
        .and_then(|mut connection| {
            let rows = diesel::sql_query(sql).load::<Text>(&mut connection);
            rows.map_err(|error| error.to_string())
        })?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

fn sqlite(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    connection
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Runs SQL on a connection of its own; the first column of every row, as text.
fn postgres(url: &str, sql: &str) -> Result<Vec<String>, String> {
    let message = |error: tokio_postgres::Error| match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => error.to_string(),
    };
    runtime().block_on(async {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .map_err(message)?;
        let driver = tokio::spawn(driver);
        let messages = client.simple_query(sql).await.map_err(message)?;
        drop(client);
        driver.await.unwrap().map_err(message)?;
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        });
        Ok(rows.collect())
    })
}
