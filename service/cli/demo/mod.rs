//! `demo`: the service on a temporary directory, with six months of realistic signed history.
//!
//! Every record goes through the same door as a real one, at the time of the story; then the clock is let go.

mod audit;
mod cast;
mod facts;
mod plot;
mod scenario;
mod scribe;
mod work;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ledger::{Envelope, PrivateKey};

use self::cast::{SERVICES, Signer};
use self::facts::Recording;
use super::serve::{self, Service};
use super::{Failure, output};
use crate::app::{App, NewProducer};
use crate::clock::{Clock, ClockHand};
use crate::config::{LogFormat, Serve};
use crate::data::write_new;
use crate::domain::Instant;
use crate::entropy::Entropy;
use crate::telemetry;

/// Origin of the demonstration's log.
const ORIGIN: &str = "demo.shipslog.example";
/// Tells the story with its usual details.
const SEED: u64 = 1;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Address and port to listen on [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Keep everything in this new directory instead of a temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another number tells the story with other details
    #[arg(long, value_name = "NUMBER", default_value_t = SEED)]
    seed: u64,
}

/// The records of the story that ends on that day, with its usual details.
pub(super) fn story(end: Instant) -> Vec<Recording> {
    scenario::story(end, SEED)
}

impl Demo {
    /// Runs until it is stopped.
    pub fn run(self) -> Result<(), Failure> {
        telemetry::init("warn", LogFormat::Text).map_err(|error| Failure::unclear(error.to_string()))?;
        let listener = listen(self.listen)?;
        let address = listener
            .local_addr()
            .map_err(|error| Failure::refused(format!("cannot tell the address: {error}")))?;
        let entropy = Entropy::system();
        let folder = Folder::create(self.data.as_deref(), &entropy)?;
        let settings = Serve {
            data: folder.path.clone(),
            listen: address,
            database: None,
            database_ca: None,
            guard: None,
            min_free_mib: None,
            origin: Some(ORIGIN.to_owned()),
            predecessor: None,
            templates: None,
            catalogue: None,
            github_secret_file: None,
            alertmanager_secret_file: None,
            public_log: true,
            policy: None,
            log: "warn".to_owned(),
            log_format: LogFormat::Text,
        };
        serve::block_on(async {
            let now = Clock::system().now();
            let (clock, hand) = Clock::settable(scenario::beginning(now));
            let service = serve::open(&settings, clock, entropy.clone()).await?;
            output::note("Recording six months of history …");
            let entries = tell(&service, &hand, now, self.seed, &folder.path, &entropy).await?;
            output::print(&invitation(address, &folder, now, entries))?;
            serve::serve(service, listener, settings.public_log).await
        })
    }
}

/// Registers the producers and records the story. Gives the number of records.
async fn tell(
    service: &Service,
    hand: &ClockHand,
    now: Instant,
    seed: u64,
    folder: &Path,
    entropy: &Entropy,
) -> Result<usize, Failure> {
    let mut keys = BTreeMap::new();
    for signer in Signer::ALL {
        keys.insert(signer, register(&service.app, signer, folder, entropy).await?);
    }
    let mut before = scenario::story(now, seed);
    let begins = scenario::audit(now);
    let mut after = before.split_off(before.partition_point(|recording| recording.recorded_at < begins));
    record(&service.app, hand, &keys, &before).await?;
    hand.set(begins);
    let papers = audit::papers(
        service.app.clone().into_inner(),
        &folder.join("admin.token"),
        scenario::beginning(now),
        begins,
    )
    .await?;
    after.extend(papers.conclusions(begins, seed));
    after.sort_by_key(|recording| recording.recorded_at);
    record(&service.app, hand, &keys, &after).await?;
    hand.release();
    Ok(before.len() + after.len())
}

/// Signs and records a part of the story.
async fn record(
    app: &App,
    hand: &ClockHand,
    keys: &BTreeMap<Signer, PrivateKey>,
    part: &[Recording],
) -> Result<(), Failure> {
    for recording in part {
        let Some(key) = keys.get(&recording.signer) else {
            continue;
        };
        let envelope = Envelope::sign(recording.payload_type, &recording.payload, &[key]);
        hand.set(recording.recorded_at);
        app.record(envelope.to_json().into_bytes()).await.map_err(|error| {
            Failure::refused(format!("the story does not hold: {}: {error}", recording.signer.name()))
        })?;
    }
    Ok(())
}

/// Registers a producer with a new key, which is kept for whoever wants to record something.
async fn register(app: &App, signer: Signer, folder: &Path, entropy: &Entropy) -> Result<PrivateKey, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::refused(error.to_string());
    let key = PrivateKey::from_seed(entropy.bytes().map_err(|error| failed(&error))?);
    let file = folder.join(format!("{}.pem", signer.name()));
    write_new(&file, key.to_pem().as_bytes(), 0o600).map_err(|error| failed(&error))?;
    let scope = signer.scope();
    let producer = NewProducer {
        name: signer
            .name()
            .parse()
            .map_err(|error: crate::domain::id::NameError| failed(&error))?,
        public_key: key.public().to_pem(),
        services: scope.services,
        environments: scope.environments,
        event_types: scope.event_types,
        valid_from: None,
        valid_until: None,
    };
    app.register_producer(producer, None)
        .await
        .map_err(|error| failed(&error))?;
    Ok(key)
}

fn listen(wanted: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    let address = wanted.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
    match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && wanted.is_none() => {
            output::note("Port 8080 is taken; using a free one.");
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        }
        bound => bound,
    }
    .map_err(|error| Failure::refused(format!("cannot listen on {address}: {error}")))
}

/// The directory of the demonstration: removed at the end unless it was asked for by name.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn create(wanted: Option<&Path>, entropy: &Entropy) -> Result<Self, Failure> {
        let (path, temporary) = match wanted {
            Some(path) => (path.to_owned(), false),
            None => {
                let random = entropy.bytes().map_err(|error| Failure::refused(error.to_string()))?;
                let name: String = random[..4].iter().map(|byte| format!("{byte:02x}")).collect();
                (std::env::temp_dir().join(format!("shipslog-demo-{name}")), true)
            }
        };
        // It must be new: a demonstration never writes into a real log.
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::refused(match error.kind() {
                ErrorKind::AlreadyExists => format!(
                    "{} exists already; the demonstration needs a new directory",
                    path.display()
                ),
                _ => format!("cannot create {}: {error}", path.display()),
            })
        })?;
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            output::note(&format!("{} could not be removed: {error}", self.path.display()));
        }
    }
}

/// What to look at and what to try.
fn invitation(address: SocketAddr, folder: &Folder, now: Instant, records: usize) -> String {
    let data = folder.path.display();
    let program = std::env::current_exe().map_or_else(|_| "shipslog".to_owned(), |path| path.display().to_string());
    let day = |ago: i64| now.plus_millis(-ago * DAY).to_string()[..10].to_owned();
    let end = if folder.temporary {
        "Ctrl-C stops it and removes the directory."
    } else {
        "Ctrl-C stops it."
    };
    format!(
        "\
Shipslog is running: {records} signed records of {services} services over {days} days.

  http://{address}/                 the pages; sign in with the token in {data}/admin.token
  http://{address}/docs/            every operation, to try in the browser
  http://{address}/log/checkpoint   the signed state of the log

In another terminal:

  export SHIPSLOG_URL=http://{address} SHIPSLOG_TOKEN_FILE={data}/admin.token
  alias shipslog={program}

  shipslog state production                                  # what runs where
  shipslog state production --at {past}T12:00:00Z      # and what ran then
  shipslog notes payments production                         # release notes
  shipslog notes payments,storefront production --from {from} --to {to} --audience customer
  shipslog report service --environment production --from {from} --to {to}
  shipslog report compliance --environment production --from {from} --to {to} --framework pci-dss
  shipslog search INC-2041                                   # an incident and its deployment
  shipslog completeness --environment production             # a change that nobody recorded, found by a snapshot of what runs

  shipslog record deployment --service payments --environment staging --version 9.9.9 \\
      --key {data}/payments-ci.pem --receipt receipt.json --envelope envelope.json
  shipslog verify receipt receipt.json --envelope envelope.json --log-key {data}/log.vkey

  shipslog export history
  shipslog verify bundle history --log-key {data}/log.vkey   # offline, every byte

  shipslog export audit --scope production --from {from} --to {to}
  shipslog verify export audit --log-key {data}/log.vkey     # reports and all that they were made from, for an auditor

{end}
",
        services = SERVICES.len(),
        days = scenario::DAYS,
        past = day(119),
        from = day(scenario::DAYS),
        to = day(1),
    )
}
