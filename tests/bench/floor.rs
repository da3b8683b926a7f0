//! The writer's processor time for group commit, as a ratio to the database's own floor: the very same rows of all tables,
//! inserted with prepared statements, in transactions of the same sizes, by one thread, on an empty database of the same schema.
//!
//! What is compared is the processor time of one thread each: the sequencer's, and the one that inserts.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger::{Envelope, Hash, commitment, sha256};
use shipslog::clock::Clock;
use shipslog::data::{DataDirectory, database_path, guard_path};
use shipslog::disk::Disk;
use shipslog::domain::parse;
use shipslog::entropy::Entropy;
use shipslog::guard::Guard;
use shipslog::sequencer::batch::{event_row, reference_rows};
use shipslog::sequencer::{Record, Sequenced, Sequencer, Settings};
use shipslog::store::{Connect, Database, DatabaseUrl, EnvelopeRow, ReferenceRow};

use crate::events::{self, Form, Producer};
use crate::processor;
use crate::rows::Rows;
use crate::server::Server;

/// Times the floor.
const AIM: f64 = 1.5;

#[derive(clap::Args)]
pub struct Options {
    /// Records of a batch
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    sizes: Vec<usize>,
    /// Seconds in which each size fills a log
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Most entries of each log
    #[arg(long, default_value_t = 30_000)]
    entries: usize,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    println!("processor time of the writing thread for each entry\n");
    println!("  size  batches  mean size  entries    rows  writer µs  floor µs  ratio  (aim {AIM} at most)");
    for size in &options.sizes {
        let directory = tempfile::tempdir().unwrap();
        let begun = {
            let server = Server::service_in(directory.path());
            server.register(&producers);
            server.tree_size()
        };
        let writer = fill(directory.path(), &producers, *size, options);
        let rows = Rows::read(&directory.path().join("shipslog.db"), begun);
        let entries = rows.entries() as f64;
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("copy.db");
        // Makes the schema.
        drop(Database::open(Connect::new(DatabaseUrl::Sqlite(path.clone()), None).unwrap()).unwrap());
        let inserting = std::thread::Builder::new().name("floor".into());
        let floor = std::thread::scope(|scope| {
            let insert = || rows.insert(&path);
            inserting.spawn_scoped(scope, insert).unwrap().join().unwrap()
        });
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / entries;
        println!(
            "{size:>6}  {:>7}  {:>9.1}  {entries:>7}  {:>6}  {:>9.1}  {:>8.1}  {:>5.2}",
            rows.batches(),
            entries / rows.batches() as f64,
            rows.count(),
            each_us(writer),
            each_us(floor),
            writer.as_secs_f64() / floor.as_secs_f64(),
        );
    }
}

/// Appends batches of this size to a log through the service's own writer; the processor time of its thread.
fn fill(directory: &Path, producers: &[Producer], size: usize, options: &Options) -> Duration {
    let mut data = DataDirectory::open(directory, &Entropy::system()).unwrap();
    let origin = data.origin().unwrap().to_owned();
    let signer = data.log_signer(&origin).unwrap();
    let database = Database::serve(Connect::new(DatabaseUrl::Sqlite(database_path(directory)), None).unwrap()).unwrap();
    let settings = Settings {
        queue: size,
        guard: Guard::file(guard_path(directory), signer.key().clone()),
        signer,
        clock: Clock::system(),
        accept_missing_guard: false,
        disk: Disk::new(vec![directory.to_owned()], None),
    };
    let (sequencer, thread) = Sequencer::start(&database, settings).unwrap();
    let before = started("sequencer");
    let deadline = Instant::now() + Duration::from_secs_f64(options.seconds);
    let mut first = 0;
    while Instant::now() < deadline && first < options.entries {
        let envelopes = events::envelopes(producers, first..first + size, Form::Full);
        let numbered = envelopes.into_iter().zip(first..);
        let records: Vec<Box<Record>> = numbered
            .map(|(envelope, number)| record(&sequencer, &producers[number % producers.len()], envelope))
            .collect();
        first += size;
        // All at once, so that the writer finds a whole batch.
        let answers: Vec<_> = records
            .into_iter()
            .map(|record| sequencer.enqueue(record).unwrap())
            .collect();
        for answer in answers {
            let answer = answer.blocking_recv().unwrap().unwrap();
            assert!(matches!(answer, Sequenced::Fresh(_)), "an event was there already");
        }
    }
    let took = processor::of_thread("sequencer").unwrap() - before;
    drop(sequencer);
    thread.join().unwrap();
    took
}

/// Processor time of a thread that may have no name yet: it gives itself one when it begins to run.
fn started(name: &str) -> Duration {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match processor::of_thread(name) {
            Some(time) => return time,
            None => assert!(Instant::now() < deadline, "there is no thread {name}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A record as the service makes it of an envelope that it has received.
fn record(sequencer: &Sequencer, producer: &Producer, envelope: String) -> Box<Record> {
    let keyring = sequencer.keys().current();
    let verified =
        Envelope::parse(envelope.as_bytes()).and_then(|envelope| envelope.verify(|id| keyring.candidates(id)));
    let verified = verified.unwrap();
    let event = parse::parse(verified.payload_type(), verified.payload()).unwrap();
    let salt = Entropy::system().bytes().unwrap();
    let row = event_row(0, 0, &producer.name, &event);
    Box::new(Record {
        place: ReferenceRow::place(&row),
        row,
        references: reference_rows(0, &event).collect(),
        // Nothing is erased here, so that any value does.
        identity: Hash(salt),
        commitment: commitment(&salt, verified.pae()),
        envelope_sha256: sha256(envelope.as_bytes()),
        envelope: EnvelopeRow {
            idx: 0,
            tree_size: 0,
            salt: Some(salt.to_vec()),
            bytes: Some(envelope.into_bytes()),
        },
        verified,
        event,
        producer: producer.name.parse().unwrap(),
        salt,
    })
}
