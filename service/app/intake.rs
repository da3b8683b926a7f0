//! What an event must fit beside its own form: the checks that there are, what is declared already, what was deployed to, what people
//! are asked for.
//!
//! It is asked before an event is queued, so two that contradict each other may still both get in at once; whoever reads finds that.

use std::collections::BTreeMap;

use super::{App, RecordError};
use crate::check;
use crate::domain::alias::Aliases;
use crate::domain::artifact::{Artifact, NO_DIGEST};
use crate::domain::attestation::{ATTESTATION_REVOKED, AttestationStatement};
use crate::domain::exception::EXCEPTION_REVOKED;
use crate::domain::parse::{EventError, EventErrorKind};
use crate::domain::snapshot::SNAPSHOT_TAKEN;
use crate::domain::{Event, Recorded};
use crate::sequencer::{Record, SubmitError};
use crate::store::{EventRow, Rare, ReadTx, StoreError};

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

/// Whether a question to the gate names what would be deployed by its content: nothing that was recorded could be compared with a
/// mere name.
pub(super) fn names_digest(event: &Event) -> Result<(), EventError> {
    let asked = event
        .extension
        .gate_question
        .as_ref()
        .and(event.extension.artifact.as_deref());
    match asked.map(Artifact::parse) {
        Some(Artifact { digest: None, .. }) => Err(invalid(
            "/customData/shipslog/artifact".to_owned(),
            NO_DIGEST.to_owned(),
        )),
        Some(Artifact { digest: Some(_), .. }) | None => Ok(()),
    }
}

impl App {
    /// Whether a record fits what the ledger holds already, and what the catalogue asks people for.
    pub(super) async fn fits_history(&self, record: &Record) -> Result<(), RecordError> {
        let (event, producer) = (&record.event, record.producer.as_str());
        self.contradicts_nothing(event, producer).await?;
        self.answers_something(event, producer).await?;
        self.revokes_something(event, producer).await?;
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
        let recorded = recorded_before(event, producer);
        let database = self.database.clone();
        let looking = tokio::task::spawn_blocking(move || {
            database.read(|tx| {
                if recorded(tx)? {
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

    /// What takes an exception or an attestation back must name one that there is: a misspelt id would leave it in force.
    async fn revokes_something(&self, event: &Event, producer: &str) -> Result<(), RecordError> {
        let (subject, what) = match event.event_type.text.as_str() {
            EXCEPTION_REVOKED => (Rare::Exception, "exception"),
            ATTESTATION_REVOKED => (Rare::Attestation, "attestation"),
            _ => return Ok(()),
        };
        let id = event.subject_id.clone();
        let refusal = invalid("/subject/id".to_owned(), format!("no {what} {id} is recorded"));
        let given = move |tx: &mut ReadTx<'_>| {
            let rows = tx.rare(subject, &[], i64::MAX as u64, i64::MAX)?;
            let records = tx.recorded_rows(&rows)?;
            let gives = |record: &Recorded| {
                let said = &record.event.extension;
                record.event.subject_id == id && (said.exception.is_some() || said.attestation.is_some())
            };
            Ok(records.iter().any(gives))
        };
        self.demand(event, producer, given, refusal).await
    }

    /// An attestation must be of what a framework asks people for, and a conclusion of a sample that was issued: a misspelt one
    /// would count nowhere.
    async fn answers_something(&self, event: &Event, producer: &str) -> Result<(), RecordError> {
        let refusal = match (&event.extension.attestation, &event.extension.conclusion) {
            (Some(said), _) => match self.asks_for(said) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
            (None, Some(said)) => invalid(
                "/customData/shipslog/conclusion/sample".to_owned(),
                format!("entry {} issued no sample", said.sample),
            ),
            (None, None) => return Ok(()),
        };
        let sample = event.extension.conclusion.as_ref().map(|said| said.sample);
        let issued = move |tx: &mut ReadTx<'_>| sample.map_or(Ok(false), |index| is_sample(tx, index));
        self.demand(event, producer, issued, refusal).await
    }

    /// Refuses an event unless the ledger holds what it needs. One that is there already is not asked again.
    async fn demand(
        &self,
        event: &Event,
        producer: &str,
        holds: impl FnOnce(&mut ReadTx<'_>) -> Result<bool, StoreError> + Send + 'static,
        refusal: EventError,
    ) -> Result<(), RecordError> {
        let recorded = recorded_before(event, producer);
        let database = self.database.clone();
        let looking =
            tokio::task::spawn_blocking(move || database.read(|tx| Ok::<_, StoreError>(holds(tx)? || recorded(tx)?)));
        match looking.await.map_err(|_| SubmitError::Stopped)?? {
            true => Ok(()),
            false => Err(RecordError::Event(refusal)),
        }
    }

    fn asks_for(&self, said: &AttestationStatement) -> Result<(), EventError> {
        let AttestationStatement { framework, item, .. } = said;
        let at = |member: &str| format!("/customData/shipslog/attestation/{member}");
        let Some(found) = self.catalogue.framework(framework) else {
            return Err(invalid(
                at("framework"),
                format!("the catalogue has no framework {framework}"),
            ));
        };
        let mut asked = found.items();
        match asked.any(|asked| asked.id == *item) {
            true => Ok(()),
            false => Err(invalid(at("item"), format!("{framework} asks nobody for {item}"))),
        }
    }
}

/// Whether an event is there already, once it is looked up.
fn recorded_before(
    event: &Event,
    producer: &str,
) -> impl FnOnce(&mut ReadTx<'_>) -> Result<bool, StoreError> + Send + 'static {
    let (id, source, producer) = (event.id.clone(), event.source.clone(), producer.to_owned());
    move |tx| {
        let known = tx.known(&[id.as_str()])?;
        Ok(known.iter().any(|(_, of, by, _)| *of == source && *by == producer))
    }
}

/// Whether an entry issued a sample.
fn is_sample(tx: &mut ReadTx<'_>, index: u64) -> Result<bool, StoreError> {
    let index = i64::try_from(index).ok();
    let found = tx.recorded(&index.into_iter().collect())?;
    let issued = |record: &Recorded| {
        record
            .event
            .extension
            .document
            .as_ref()
            .is_some_and(|d| d.sample.is_some())
    };
    Ok(found.iter().any(issued))
}

fn invalid(pointer: String, message: String) -> EventError {
    EventError {
        pointer,
        message,
        kind: EventErrorKind::Invalid,
    }
}
