//! `serve`: opens the data directory and the database, and serves until it is told to stop.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

use actix_web::web::Data;
use ledger::NoteKey;

use super::Context;
use super::Failure;
use crate::app::{App, Grant, NewToken, Options, Secrets, WitnessPolicy};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::config::{Serve, ServeSettings};
use crate::data::{DataDirectory, database_path, guard_path};
use crate::disk::Disk;
use crate::domain::producer::Role;
use crate::domain::{Instant, Predecessor};
use crate::entropy::Entropy;
use crate::guard::Guard;
use crate::http;
use crate::render::Templates;
use crate::store::{Connect, Database, DatabaseUrl, StoreError};
use crate::telemetry;
use crate::witness::Witness;
use crate::witnesses::Witnesses;

/// Records that may wait for the writer. A batch takes at most 512 of them; more waiting only makes everybody wait longer.
const QUEUE: usize = 2048;
/// How long requests in flight may take to end when the service stops, in seconds.
const SHUTDOWN_S: u64 = 30;

/// A service that is open but does not listen yet.
pub struct Service {
    /// The service.
    pub app: Data<App>,
    /// Ends once the app is dropped and everything queued is durable.
    writer: JoinHandle<()>,
    /// Asks the witnesses of the policy, where there are any.
    witnesses: Option<Witnesses>,
}

impl Service {
    /// Waits until everything queued is durable and the database is closed. Nobody else may have the app any more.
    pub fn end(self) -> Result<(), Failure> {
        let connections = self.app.database().connections();
        drop((self.app, self.witnesses));
        if self.writer.join().is_err() {
            return Err(Failure::refused("the writer ended abnormally"));
        }
        if !connections.closed() {
            tracing::warn!("somebody still reads the database; the next start goes on from what is durable");
        }
        Ok(())
    }
}

/// Serves until SIGINT or SIGTERM.
pub fn run(settings: ServeSettings, context: &Context) -> Result<(), Failure> {
    let settings = settings.resolve(&context.environment, &context.file)?;
    telemetry::init(&settings.log, settings.log_format).map_err(|error| Failure::unclear(error.to_string()))?;
    let listener = TcpListener::bind(settings.listen)
        .map_err(|error| Failure::refused(format!("cannot listen on {}: {error}", settings.listen)))?;
    block_on(async {
        let service = open(&settings, Clock::system(), Entropy::system()).await?;
        tracing::info!(address = %settings.listen, database = service.app.database().describe(), "serving");
        serve(service, listener, settings.public_log).await
    })
}

/// Runs a service on this thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(work)
}

/// Serves on a listener until SIGINT or SIGTERM, then waits until everything queued is durable.
pub async fn serve(service: Service, listener: TcpListener, public_log: bool) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::refused(format!("the server failed: {error}"));
    let server = http::serve(service.app.clone(), listener, http_settings(public_log));
    server
        .map_err(|error| failed(&error))?
        .await
        .map_err(|error| failed(&error))?;
    service.end()
}

/// Serves a witness on a listener until SIGINT or SIGTERM.
pub async fn serve_witness(witness: Witness, listener: TcpListener) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::refused(format!("the server failed: {error}"));
    let server = http::serve_witness(Data::new(witness), listener, http_settings(true));
    server
        .map_err(|error| failed(&error))?
        .await
        .map_err(|error| failed(&error))
}

fn http_settings(public_log: bool) -> http::Settings {
    http::Settings {
        workers: std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
        public_log,
        shutdown_s: SHUTDOWN_S,
    }
}

/// Opens the data directory and the database, setting both up where they are new.
pub async fn open(settings: &Serve, clock: Clock, entropy: Entropy) -> Result<Service, Failure> {
    open_with(settings, clock, entropy, false).await
}

/// The same; going on where the guard of a published log is missing, if the operator says so.
pub async fn open_with(
    settings: &Serve,
    clock: Clock,
    entropy: Entropy,
    accept_missing_guard: bool,
) -> Result<Service, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::refused(error.to_string());
    // Before anything is made: a typing error must not begin a log.
    let predecessor = settings
        .predecessor
        .as_ref()
        .map(|(checkpoint, key)| predecessor(checkpoint, key));
    let predecessor = predecessor.transpose()?;
    let url = log_url(settings).map_err(|error| refused(&error))?;
    let secrets = Secrets {
        github: settings.github_secret_file.as_deref().map(secret).transpose()?,
        alertmanager: settings.alertmanager_secret_file.as_deref().map(secret).transpose()?,
    };
    let templates = templates(settings.templates.as_deref())?;
    let catalogue = catalogue(settings.catalogue.as_deref())?;
    let policy = settings.policy.as_deref().map(policy).transpose()?;
    let mut data = DataDirectory::open(&settings.data, &entropy).map_err(|error| refused(&error))?;
    let origin = match settings.origin.as_deref().or(data.origin()) {
        Some(origin) => origin.to_owned(),
        None => random_origin(&entropy).map_err(|error| refused(&error))?,
    };
    if predecessor
        .as_ref()
        .is_some_and(|predecessor| predecessor.checkpoint.origin == origin)
    {
        return Err(refused(
            &"the predecessor has the same origin; a new log needs a new one (--origin)",
        ));
    }
    let signer = data.log_signer(&origin).map_err(|error| refused(&error))?;
    let log_key = signer.key().clone();
    let connect = Connect::new(url, settings.database_ca.clone()).map_err(|error| refused(&error))?;
    let disk = disk(settings, &connect.url);
    let guard = guard(settings, log_key.clone())?;
    let opening = tokio::task::spawn_blocking(move || Database::serve(connect)).await;
    let database = opening
        .map_err(|error| refused(&error))?
        .map_err(|error| refused(&error))?;
    let options = Options {
        signer,
        service_key: data.service_key(),
        clock,
        entropy,
        queue: QUEUE,
        log_exists: data.has_log(),
        guard,
        accept_missing_guard,
        disk,
        secrets,
        templates,
        catalogue,
        policy,
    };
    let clock = options.clock.clone();
    let (app, writer) = App::open(database, options).await.map_err(|error| refused(&error))?;
    data.keep_log_key(&log_key).map_err(|error| refused(&error))?;
    if let Some(predecessor) = predecessor {
        let named = app.name_predecessor(&predecessor).await;
        named.map_err(|error| refused(&error))?;
    }
    first_token(&app, &data, clock.now()).await?;
    let app = Data::new(app);
    let witnesses = Witnesses::start(&app.clone().into_inner(), log_key, clock).map_err(|error| refused(&error))?;
    Ok(Service { app, writer, witnesses })
}

/// Where the log's database is, or will be.
fn log_url(settings: &Serve) -> Result<DatabaseUrl, StoreError> {
    match &settings.database {
        Some(url) => DatabaseUrl::parse(url),
        None => Ok(DatabaseUrl::Sqlite(database_path(&settings.data))),
    }
}

/// The database of a log that exists already.
pub fn database_url(settings: &Serve) -> Result<DatabaseUrl, StoreError> {
    let url = log_url(settings)?;
    match &url {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            Err(StoreError::Open(format!("there is no database {}", path.display())))
        }
        DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => Ok(url),
    }
}

/// The directories that the service writes to.
fn disk(settings: &Serve, url: &DatabaseUrl) -> Disk {
    let mut directories = vec![settings.data.clone()];
    if let DatabaseUrl::Sqlite(path) = url {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).to_owned();
        if !directories.contains(&parent) {
            directories.push(parent);
        }
    }
    Disk::new(directories, settings.min_free_mib.map(|mib| u64::from(mib) << 20))
}

/// The log that this one continues, with the checkpoint it ended with.
fn predecessor(checkpoint: &Path, key: &Path) -> Result<Predecessor, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| Failure::unclear(format!("{}: {error}", path.display())))
    };
    Predecessor::open(read(key)?.trim_end(), &read(checkpoint)?)
        .map_err(|error| Failure::refused(format!("{}: {error}", checkpoint.display())))
}

/// Where the newest published checkpoint is kept.
pub fn guard(settings: &Serve, log_key: NoteKey) -> Result<Guard, Failure> {
    let Some(url) = &settings.guard else {
        return Ok(Guard::file(guard_path(&settings.data), log_key));
    };
    let refused = |error: &dyn std::fmt::Display| Failure::refused(format!("--guard: {error}"));
    let url = DatabaseUrl::parse(url).map_err(|error| refused(&error))?;
    if log_url(settings).map_err(|error| refused(&error))?.is_same(&url) {
        return Err(refused(
            &"the guard must not be in the database that it guards: both would be restored together",
        ));
    }
    let connect = Connect::new(url, settings.database_ca.clone());
    Ok(Guard::database(connect.map_err(|error| refused(&error))?, log_key))
}

/// Makes sure that somebody can get in: a log without any valid admin token gets one, kept in the data directory.
///
/// The file is written before the entry: a crash between the two leaves a file whose token the next start issues.
async fn first_token(app: &App, data: &DataDirectory, now: Instant) -> Result<(), Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::refused(error.to_string());
    let keyring = app.keyring();
    let mut tokens = keyring.tokens().iter();
    if tokens.any(|token| token.role == Role::Admin && token.is_valid(now)) {
        return Ok(());
    }
    let kept = data.admin_token().map_err(|error| refused(&error))?;
    let token = match kept.as_deref().map(NewToken::parse) {
        Some(Some(token)) if app.keyring().token(token.id()).is_none() => token,
        Some(_) => {
            // Pipelines and readers need none.
            tracing::error!(
                "every admin token was revoked or has run out; move admin.token out of the data directory and start again to get a new one"
            );
            return Ok(());
        }
        None => {
            let token = app.new_token().map_err(|error| refused(&error))?;
            data.keep_admin_token(&token.text()).map_err(|error| refused(&error))?;
            token
        }
    };
    app.issue(token, Grant::new("first administrator", Role::Admin), None)
        .await
        .map_err(|error| refused(&error))?;
    Ok(())
}

fn random_origin(entropy: &Entropy) -> Result<String, crate::entropy::EntropyError> {
    let bytes = entropy.bytes()?;
    Ok(format!(
        "shipslog-{}",
        bytes[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    ))
}

/// The built-in templates, with those of a directory in their place.
pub(super) fn templates(directory: Option<&Path>) -> Result<Templates, Failure> {
    let Some(directory) = directory else {
        return Templates::built_in().map_err(|error| Failure::refused(error.to_string()));
    };
    let overrides = files(directory, "templates")?;
    Templates::from_files(overrides).map_err(|error| Failure::unclear(error.to_string()))
}

/// The built-in catalogue, with the files of a directory beside it.
pub(super) fn catalogue(directory: Option<&Path>) -> Result<Catalogue, Failure> {
    let files = directory.map(|directory| files(directory, "catalogue")).transpose()?;
    Catalogue::with(&files.unwrap_or_default()).map_err(|error| Failure::unclear(error.to_string()))
}

/// Every file below a directory, by its path relative to it.
pub(super) fn files(directory: &Path, what: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    read_files(directory, directory, &mut files)
        .map_err(|error| Failure::unclear(format!("{what} in {}: {error}", directory.display())))?;
    Ok(files)
}

fn read_files(root: &Path, directory: &Path, into: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            read_files(root, &path, into)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            into.insert(
                name.to_string_lossy().replace('\\', "/"),
                std::fs::read_to_string(&path)?,
            );
        }
    }
    Ok(())
}

fn policy(path: &Path) -> Result<WitnessPolicy, Failure> {
    let unclear = |error: &dyn std::fmt::Display| Failure::unclear(format!("{}: {error}", path.display()));
    let file = std::fs::read(path).map_err(|error| unclear(&error))?;
    WitnessPolicy::parse(&file).map_err(|error| unclear(&error))
}

fn secret(path: &Path) -> Result<String, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::unclear(format!("{}: {error}", path.display())))?;
    let secret = text.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() {
        return Err(Failure::unclear(format!("{}: the secret is empty", path.display())));
    }
    Ok(secret)
}
