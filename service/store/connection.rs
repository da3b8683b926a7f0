//! One connection to either database, and what makes it safe to rely on.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;

/// How long a connection waits for another's lock, or for the server to answer at connecting.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A writer that is paused, or whose host is gone, loses its session and with it the lock on the head, before those who
/// wait for the lock give up. No statement of ours takes long.
///
/// All that a writer reads it finds by a key. Of tables that have just grown there are no statistics, and the planner would
/// rather read the whole of them; it may not. What that leaves it looks dear to it, and is no reason to compile a query.
const WRITER_SETTINGS: &str = "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '15s'; SET statement_timeout = '30s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
     SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off";

/// Readers find what they read by a key too, often for many places in one question. Of how few rows that is the planner knows
/// nothing, so it would compile the query, or read a whole table instead.
const READER_SETTINGS: &str = "SET enable_seqscan = off; SET jit = off";

/// Where the database is, by URL scheme.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a URL. Anything but the known schemes is refused, never guessed.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            if path.is_empty() {
                return Err(StoreError::Url(
                    "sqlite: needs a path, such as sqlite:/var/lib/shipslog/shipslog.db".into(),
                ));
            }
            Ok(Self::Sqlite(path.into()))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(url.to_owned()))
        } else {
            Err(StoreError::Url("must begin with sqlite: or postgres://".into()))
        }
    }

    /// Whether both lead to the same database, as far as that can be told without asking it.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(other)) => resolved(one) == resolved(other),
            (Self::Postgres(one), Self::Postgres(other)) => match (one.parse(), other.parse()) {
                (Ok(one), Ok(other)) => target(&one) == target(&other),
                (Err(_), _) | (_, Err(_)) => one == other,
            },
            (Self::Sqlite(_), Self::Postgres(_)) | (Self::Postgres(_), Self::Sqlite(_)) => false,
        }
    }

    /// For messages, without credentials.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => match url.parse::<tokio_postgres::Config>() {
                Ok(config) => format!("postgres, database {}", config.get_dbname().unwrap_or("(default)")),
                Err(_) => "postgres".into(),
            },
        }
    }
}

/// The file that a path leads to, whether or not it is there yet.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match (parent.unwrap_or(Path::new(".")).canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        (Ok(_) | Err(_), _) => path.to_owned(),
    }
}

/// Hosts, ports and database of a connection, with what holds where nothing is said.
fn target(config: &tokio_postgres::Config) -> (&[Host], Vec<u16>, Option<&str>) {
    let ports = match config.get_ports() {
        [] => vec![5432],
        ports => ports.to_vec(),
    };
    let database = config.get_dbname().or(config.get_user());
    (config.get_hosts(), ports, database)
}

/// All that is needed to open a connection.
pub struct Connect {
    /// Where to.
    pub url: DatabaseUrl,
    tls: Option<MakeRustlsConnect>,
    runtime: Option<Runtime>,
}

impl Connect {
    /// Prepares connecting. `ca` is a PEM file with authorities to trust besides those of the system.
    pub fn new(url: DatabaseUrl, ca: Option<PathBuf>) -> Result<Self, StoreError> {
        match &url {
            DatabaseUrl::Sqlite(_) => Ok(Self {
                url,
                tls: None,
                runtime: None,
            }),
            DatabaseUrl::Postgres(_) => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("postgres")
                    .enable_all()
                    .build()
                    .map_err(|error| StoreError::Open(error.to_string()))?;
                Ok(Self {
                    url,
                    tls: Some(tls(ca)?),
                    runtime: Some(runtime),
                })
            }
        }
    }

    /// A connection that may write, with the settings checked that durability rests on.
    pub(super) fn establish_writer(&self) -> Result<Connection, StoreError> {
        let mut connection = self.establish()?;
        if let Connection::Postgres(postgres) = &mut connection {
            postgres.batch_execute(WRITER_SETTINGS)?;
        }
        connection.assert_durable()?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(super) fn establish_reader(&self) -> Result<Connection, StoreError> {
        let mut connection = self.establish()?;
        match &mut connection {
            Connection::Sqlite(sqlite) => {
                sqlite.batch_execute("PRAGMA query_only = ON; PRAGMA cache_size = -16000;")?;
            }
            Connection::Postgres(postgres) => postgres.batch_execute(READER_SETTINGS)?,
        }
        Ok(connection)
    }

    fn establish(&self) -> Result<Connection, StoreError> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let mut sqlite = SqliteConnection::establish(&path.to_string_lossy())
                    .map_err(|error| StoreError::Open(format!("{}: {error}", path.display())))?;
                sqlite.batch_execute(&format!("PRAGMA busy_timeout = {};", PATIENCE.as_millis()))?;
                sqlite.batch_execute(
                    "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; \
                     PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000; \
                     PRAGMA wal_autocheckpoint = 8000; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;",
                )?;
                Ok(Connection::Sqlite(sqlite))
            }
            DatabaseUrl::Postgres(url) => self.establish_postgres(url),
        }
    }

    fn establish_postgres(&self, url: &str) -> Result<Connection, StoreError> {
        let (Some(runtime), Some(tls)) = (&self.runtime, &self.tls) else {
            return Err(StoreError::Open("no runtime for PostgreSQL".into()));
        };
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| StoreError::Url(error.to_string()))?;
        let local = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => name == "localhost" || name == "127.0.0.1" || name == "::1",
            Host::Unix(_) => true,
        });
        // `prefer`, the default of the protocol, falls back to plain text without a word. Between processes of one machine
        // plain text is enough, and a server's self-made certificate is no reason not to connect.
        if !url.contains("sslmode=") {
            config.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
        }
        config
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(Duration::from_secs(20))
            .keepalives_idle(Duration::from_secs(10))
            .application_name("shipslog");
        let tls = tls.clone();
        let connecting = runtime.spawn(async move {
            let (client, driver) = config
                .connect(tls)
                .await
                .map_err(|error| StoreError::Open(describe_postgres(&error)))?;
            AsyncPgConnection::try_from_client_and_connection(client, driver)
                .await
                .map_err(|error| StoreError::Open(error.to_string()))
        });
        let connection = wait(connecting).map_err(|error| StoreError::Open(error.to_string()))??;
        Ok(Connection::Postgres(AsyncConnectionWrapper::from(connection)))
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime the ordinary way would block, which asynchronous code must not do.
            runtime.shutdown_background();
        }
    }
}

fn describe_postgres(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn tls(ca: Option<PathBuf>) -> Result<MakeRustlsConnect, StoreError> {
    let open = |error: &dyn std::fmt::Display| StoreError::Open(format!("TLS: {error}"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = match ca {
        Some(path) => CertificateDer::pem_file_iter(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| StoreError::Open(format!("{}: {error}", path.display())))?,
        None => Vec::new(),
    };
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider.clone())
        .map_err(|error| open(&error))?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| open(&error))?
        .dangerous() // rustls' word for any verifier given by hand; this one checks name and chain
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Lets the synchronous wrapper wait for its answers, which the runtime of [`Connect`] drives.
pub(super) struct Wait;

impl BlockOn for Wait {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        wait(future)
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Waits for a future on this thread, whatever the thread is: tokio's own `block_on` panics on one that drives
/// asynchronous tasks, as the thread that starts the service does.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    // Within a task, tokio would otherwise have it yield after some steps, and there is nobody here to yield to.
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A connection to either database. There are few of them, and each is used for long.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would only move the difference to the heap"
)]
pub(super) enum Connection {
    /// SQLite, in this process.
    Sqlite(SqliteConnection),
    /// PostgreSQL, through the synchronous face of an asynchronous driver.
    Postgres(AsyncConnectionWrapper<AsyncPgConnection, Wait>),
}

/// Runs the same expression on whichever connection it is, type-checked against both.
macro_rules! each {
    ($connection:expr, $name:ident => $body:expr) => {
        match $connection {
            $crate::store::connection::Connection::Sqlite($name) => $body,
            $crate::store::connection::Connection::Postgres($name) => $body,
        }
    };
}
pub(super) use each;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

impl Connection {
    pub(super) fn begin_read(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch_execute("BEGIN DEFERRED")?,
            Self::Postgres(postgres) => postgres.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?,
        }
        Ok(())
    }

    pub(super) fn end_read(&mut self) -> Result<(), StoreError> {
        each!(self, connection => connection.batch_execute("ROLLBACK"))?;
        Ok(())
    }

    pub(super) fn begin_write(&mut self) -> Result<(), StoreError> {
        match self {
            // A deferred transaction that upgrades to writing fails at once when another writes; this one waits its turn.
            Self::Sqlite(sqlite) => sqlite.batch_execute("BEGIN IMMEDIATE")?,
            Self::Postgres(postgres) => postgres.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")?,
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        let committed = match self {
            Self::Sqlite(sqlite) => sqlite.batch_execute("COMMIT"),
            // With synchronous replication, a COMMIT that a timeout cancels reports success without a standby having it.
            Self::Postgres(postgres) => postgres.batch_execute("SET LOCAL statement_timeout = 0; COMMIT"),
        };
        committed.map_err(|error| match (&*self, StoreError::from(error)) {
            // SQLite found no room for the frame that ends the transaction: it did not happen. Of a server nothing is known.
            (Self::Sqlite(_), full @ StoreError::Full(_)) => full,
            (_, error) => StoreError::Unconfirmed(error.to_string()),
        })
    }

    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        each!(self, connection => connection.batch_execute("ROLLBACK"))?;
        Ok(())
    }

    /// Whether it still answers.
    pub(super) fn ping(&mut self) -> Result<(), StoreError> {
        each!(self, connection => connection.batch_execute("SELECT 1"))?;
        Ok(())
    }

    /// Refuses settings under which a committed transaction could be lost (SQLite: WAL documentation on `synchronous`;
    /// PostgreSQL: chapter "Reliability and the Write-Ahead Log").
    fn assert_durable(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => {
                self.require(
                    "journal_mode",
                    "SELECT journal_mode AS value FROM pragma_journal_mode",
                    "wal",
                    &["wal"],
                )?;
                self.require(
                    "synchronous",
                    "SELECT CAST(synchronous AS TEXT) AS value FROM pragma_synchronous",
                    "FULL (2)",
                    &["2", "3"],
                )
            }
            Self::Postgres(_) => {
                let setting = |name: &str| format!("SELECT current_setting('{name}') AS value");
                self.require("fsync", &setting("fsync"), "on", &["on"])?;
                self.require("full_page_writes", &setting("full_page_writes"), "on", &["on"])?;
                // `local` and `remote_write` let a failover lose what was acknowledged.
                self.require(
                    "synchronous_commit",
                    &setting("synchronous_commit"),
                    "on",
                    &["on", "remote_apply"],
                )
            }
        }
    }

    fn require(
        &mut self,
        name: &'static str,
        query: &str,
        needed: &'static str,
        allowed: &[&str],
    ) -> Result<(), StoreError> {
        let setting: Setting = each!(self, connection => diesel::sql_query(query).get_result(connection))?;
        if allowed.contains(&setting.value.as_str()) {
            Ok(())
        } else {
            Err(StoreError::Unsafe {
                name,
                found: setting.value,
                needed,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|url| DatabaseUrl::parse(url).unwrap());
        one.is_same(&other)
    }

    #[test]
    fn the_same_database_is_known_under_other_spellings() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("sqlite:{}/{name}", folder.path().display());
        assert!(is_same(&path("a.db"), &path("./a.db")), "though there is none yet");
        std::fs::write(folder.path().join("a.db"), b"").unwrap();
        std::os::unix::fs::symlink(folder.path().join("a.db"), folder.path().join("b.db")).unwrap();
        assert!(is_same(&path("a.db"), &path("b.db")));
        assert!(!is_same(&path("a.db"), &path("c.db")));
        assert!(is_same("sqlite:a.db", "sqlite:./a.db"));

        assert!(is_same(
            "postgres://u:p@host/log",
            "postgresql://v@host:5432/log?sslmode=require"
        ));
        assert!(is_same("postgres://u@host", "postgres://other@host/u"));
        for other in [
            "postgres://u@host/guard",
            "postgres://u@other/log",
            "postgres://u@host:5433/log",
            "sqlite:log",
        ] {
            assert!(!is_same("postgres://u@host/log", other), "{other}");
        }
    }
}
