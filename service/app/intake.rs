//! What an event must fit beside its own form: the checks that there are, what is declared already, what was deployed to.
//!
//! It is asked before an event is queued, so two that contradict each other may still both get in at once; whoever reads finds that.

use std::collections::BTreeMap;

use super::{App, RecordError};
use crate::check;
use crate::domain::Event;
use crate::domain::alias::Aliases;
use crate::domain::parse::{EventError, EventErrorKind};
use crate::domain::snapshot::SNAPSHOT_TAKEN;
use crate::sequencer::{Record, SubmitError};
use crate::store::{EventRow, Rare, StoreError};

/// Whether an exception is of checks that there are.
pub(super) fn knows_checks(event: &Event) -> Result<(), EventError> {
    let Some(grant) = &event.extension.exception else {
        return Ok(());
    };
    let unknown = grant
        .checks
        .iter()
        .enumerate()
        .find(|(_, id)| check::known(id).is_none());
    match unknown {
        None => Ok(()),
        Some((at, id)) => Err(invalid(
            format!("/customData/shipslog/exception/checks/{at}"),
            format!("there is no check {id}"),
        )),
    }
}

impl App {
    /// Whether a record fits what the ledger holds already.
    pub(super) async fn fits_history(&self, record: &Record) -> Result<(), RecordError> {
        self.contradicts_nothing(&record.event, record.producer.as_str())
            .await?;
        self.placed(&record.row).await
    }

    /// A runtime snapshot must be of an environment that something was deployed to: of another one, all that it shows would be
    /// undocumented because of a misspelt name.
    async fn placed(&self, row: &EventRow) -> Result<(), RecordError> {
        let Some(environment) = row.environment.clone().filter(|_| row.event_type == SNAPSHOT_TAKEN) else {
            return Ok(());
        };
        let database = self.database.clone();
        let looking = tokio::task::spawn_blocking(move || {
            database.read(|tx| match tx.is_deployed_to(&environment)? {
                true => Ok(()),
                false => Err(RecordError::UnknownEnvironment(environment)),
            })
        });
        looking.await.map_err(|_| SubmitError::Stopped)?
    }

    /// Whether what is declared about a person contradicts what is declared about others. An event that is there already is not
    /// asked again.
    async fn contradicts_nothing(&self, event: &Event, producer: &str) -> Result<(), RecordError> {
        let Some(said) = event.extension.alias.as_deref().cloned() else {
            return Ok(());
        };
        let from = said.valid_from.unwrap_or(event.occurred_at);
        let (id, source, producer) = (event.id.clone(), event.source.clone(), producer.to_owned());
        let database = self.database.clone();
        let looking = tokio::task::spawn_blocking(move || {
            database.read(|tx| {
                let known = tx.known(&[id.as_str()])?;
                if known.iter().any(|(_, of, by, _)| *of == source && *by == producer) {
                    return Ok::<_, StoreError>(BTreeMap::new());
                }
                let rows = tx.rare(Rare::Alias, &[], i64::MAX as u64, i64::MAX)?;
                Ok(Aliases::fold(&tx.recorded_rows(&rows)?).contradicted_by(&said, from))
            })
        });
        let contradicted = looking.await.map_err(|_| SubmitError::Stopped)??;
        match contradicted.first_key_value() {
            None => Ok(()),
            Some((name, index)) => Err(RecordError::Event(invalid(
                "/customData/shipslog/alias/names".to_owned(),
                format!("{name} is another person's at that time, as entry {index} declares; end that first"),
            ))),
        }
    }
}

fn invalid(pointer: String, message: String) -> EventError {
    EventError {
        pointer,
        message,
        kind: EventErrorKind::Invalid,
    }
}
