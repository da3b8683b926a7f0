//! `fsck`: checks a database, beside a live service if need be.

use std::time::Duration;

use super::output::{Format, print, print_json};
use super::progress;
use super::serve::database_url;
use super::verify::{log_key, summary};
use super::{Context, Failure};
use crate::app::{self, Progress};
use crate::config::ServeSettings;
use crate::store::{Connect, Database, StoreError};

const MIB: f64 = 1_048_576.0;

/// Checks every entry, signature, tile, checkpoint and read model of a database, and whether they belong together.
#[derive(Debug, clap::Args)]
pub struct Fsck {
    #[command(flatten)]
    settings: ServeSettings,
    /// Public key of the log [default: log.vkey in the data directory]
    #[arg(long, value_name = "FILE.vkey")]
    log_key: Option<std::path::PathBuf>,
    /// Read no faster than so many entries (5000) or so much of them (20MiB) a second [default: as fast as it goes]
    #[arg(long, value_name = "RATE", value_parser = Rate::parse)]
    rate: Option<Rate>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Fsck {
    /// Checks it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = self.settings.resolve(&context.environment, &context.file)?;
        let key = log_key(&self.log_key.unwrap_or_else(|| settings.data.join("log.vkey")))?;
        let url = database_url(&settings).map_err(|error| Failure::unclear(error.to_string()))?;
        let database = Connect::new(url, settings.database_ca)
            .and_then(Database::inspect)
            .map_err(|error| cannot(&error))?;
        let pace = Pace {
            rate: self.rate,
            bar: progress::Progress::of_entries(),
        };
        let report = app::fsck(&database, &key, |progress| pace.step(progress)).map_err(|error| cannot(&error))?;
        drop(pace);
        let verified = report.findings.is_empty();
        match self.format {
            Format::Json => print_json(&serde_json::json!({ "verified": verified, "report": report }))?,
            Format::Table => print(&summary(verified, key.name(), &report))?,
        }
        if verified {
            Ok(())
        } else {
            Err(Failure::refused("the database is not what was recorded"))
        }
    }
}

/// A database that cannot even be asked is damaged, where it is the bytes that say so, and otherwise not there.
fn cannot(error: &StoreError) -> Failure {
    if error.is_damage() {
        Failure::refused(format!("the database is damaged: {error}"))
    } else {
        Failure::unclear(error.to_string())
    }
}

/// How fast to read at most.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rate {
    Entries(f64),
    Bytes(f64),
}

impl Rate {
    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit): (&str, fn(f64) -> Self) = match text.strip_suffix("MiB") {
            Some(number) => (number, |number| Self::Bytes(number * MIB)),
            None => (text, Self::Entries),
        };
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Ok(unit(number)),
            Ok(_) | Err(_) => Err("must be a number of entries, such as 5000, or of MiB, such as 20MiB".to_owned()),
        }
    }

    /// How long it must have taken to come this far.
    fn least(self, progress: Progress) -> Duration {
        let seconds = match self {
            Self::Entries(rate) => progress.done as f64 / rate,
            Self::Bytes(rate) => progress.bytes as f64 / rate,
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// Keeps to the rate, and shows on a terminal how far it is.
struct Pace {
    rate: Option<Rate>,
    bar: progress::Progress,
}

impl Pace {
    fn step(&self, progress: Progress) {
        self.bar.step(progress.done, progress.of);
        if let Some(rate) = self.rate {
            std::thread::sleep(rate.least(progress).saturating_sub(self.bar.elapsed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_entries_or_of_mebibytes() {
        assert_eq!(Rate::parse("5000"), Ok(Rate::Entries(5000.0)));
        assert_eq!(Rate::parse("0.5MiB"), Ok(Rate::Bytes(524_288.0)));
        for wrong in ["", "0", "-1", "MiB", "5 MiB", "5MB", "5000/s", "inf", "NaN", "1e400"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_says_how_long_it_must_have_taken() {
        let progress = Progress {
            done: 500,
            of: 1000,
            bytes: 2 << 20,
        };
        assert_eq!(Rate::Entries(1000.0).least(progress), Duration::from_millis(500));
        assert_eq!(Rate::Bytes(MIB).least(progress), Duration::from_secs(2));
        assert_eq!(Rate::Entries(f64::MIN_POSITIVE).least(progress), Duration::MAX);
    }
}
