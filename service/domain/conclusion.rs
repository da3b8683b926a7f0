//! What auditors conclude of samples that were issued: of an item or of the whole, each a signed entry. The papers of a sample never
//! change, so conclusions stand beside them. None is dropped: one that names no issued sample, or an item that the sample does not
//! hold, is kept as such.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Recorded;
use super::extension::Actor;
use super::id::{EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;
use super::issued::{DOCUMENT_ISSUED, IssuedSample};

/// Type of the events that conclude something.
pub const CONCLUSION_DRAWN: &str = "dev.cdeventsx.shipslog-conclusion.drawn.0.1.0";

/// A conclusion: `customData.shipslog.conclusion` of an event of the type `dev.cdeventsx.shipslog-conclusion.drawn.0.1.0`, signed by
/// the auditor, whose `actor` says who that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    /// Index of the entry that issued the sample.
    pub sample: u64,
    /// Index of the first entry of the deployment, as the sample lists it; the whole sample if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u64>,
    /// What was concluded.
    pub result: AuditResult,
    /// Why, in the auditor's words.
    pub text: String,
}

/// What an auditor's test of an item or of a sample came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It was tested, and nothing deviates.
    NoException,
    /// It was tested, and something deviates.
    Exception,
    /// It was not tested.
    NotTested,
    /// There was not enough to test it.
    CouldNotBeTested,
}

impl AuditResult {
    /// The result in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoException => "no exception",
            Self::Exception => "exception",
            Self::NotTested => "not tested",
            Self::CouldNotBeTested => "could not be tested",
        }
    }
}

/// A conclusion with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Concluded {
    /// Index of its entry.
    pub index: u64,
    /// When it was drawn, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Who signed it.
    #[schema(value_type = String)]
    pub producer: ProducerName,
    /// Whose it is; nobody can tell where the event names nobody.
    pub by: Option<Actor>,
    /// The environment that the event names, where it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// The service that the event names, where it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// What was concluded.
    #[serde(flatten)]
    pub said: Conclusion,
}

/// A sample that was issued, with what was concluded of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConcludedSample {
    /// Index of the entry that issued it.
    pub index: u64,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// The command that gives its papers again.
    pub query: String,
    /// The environment.
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// The service, where it is of one.
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// Start of its period.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// End of its period, not included.
    #[schema(value_type = String, format = DateTime)]
    pub to: Instant,
    /// Its items, in the order of the sample.
    pub items: Vec<ConcludedItem>,
    /// How many of them have no conclusion.
    pub missing: usize,
    /// What was concluded of the sample as a whole, in ledger order.
    pub whole: Vec<Concluded>,
    /// What was concluded of deployments that the sample does not hold, in ledger order.
    pub not_in_sample: Vec<Concluded>,
}

/// An item of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConcludedItem {
    /// Index of the first entry of the deployment.
    pub item: u64,
    /// What was concluded of it, in ledger order: the last one counts. None where the list is empty.
    pub conclusions: Vec<Concluded>,
}

/// All samples that were issued, and all that was concluded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conclusions {
    /// The samples, in the order in which they were issued.
    pub samples: Vec<ConcludedSample>,
    /// Conclusions that name no sample that was issued before them, in ledger order.
    pub without_sample: Vec<Concluded>,
}

impl Conclusions {
    /// From events, ascending by index and of any mixture.
    pub fn fold(records: &[Recorded]) -> Self {
        let mut found = Self::default();
        for record in records {
            let (event, extension) = (&record.event, &record.event.extension);
            if let Some(said) = &extension.conclusion {
                found.add(Concluded {
                    index: record.index,
                    at: event.occurred_at,
                    recorded_at: record.recorded_at,
                    producer: record.producer.clone(),
                    by: extension.actor.clone(),
                    environment: event.environment.clone(),
                    service: event.service.clone(),
                    said: Conclusion::clone(said),
                });
            } else if event.event_type.text == DOCUMENT_ISSUED
                && let Some(document) = &extension.document
                && let Some(sample) = &document.sample
            {
                found.samples.push(ConcludedSample::of(record, &document.query, sample));
            }
        }
        for sample in &mut found.samples {
            sample.missing = sample.items.iter().filter(|item| item.conclusions.is_empty()).count();
        }
        found
    }

    fn add(&mut self, concluded: Concluded) {
        let Conclusion { sample, item, .. } = concluded.said;
        let Some(found) = self.samples.iter_mut().find(|found| found.index == sample) else {
            self.without_sample.push(concluded);
            return;
        };
        match item {
            None => found.whole.push(concluded),
            Some(index) => match found.items.iter_mut().find(|item| item.item == index) {
                Some(item) => item.conclusions.push(concluded),
                None => found.not_in_sample.push(concluded),
            },
        }
    }
}

impl ConcludedSample {
    fn of(record: &Recorded, query: &str, sample: &IssuedSample) -> Self {
        let items = sample.items.iter().map(|index| ConcludedItem {
            item: *index,
            conclusions: Vec::new(),
        });
        Self {
            index: record.index,
            recorded_at: record.recorded_at,
            query: query.to_owned(),
            environment: sample.environment.clone(),
            service: sample.service.clone(),
            from: sample.from,
            to: sample.to,
            items: items.collect(),
            missing: 0,
            whole: Vec::new(),
            not_in_sample: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{Ledger, at};

    #[test]
    fn every_conclusion_stands_somewhere() {
        let mut ledger = Ledger::default();
        ledger.conclude(0, 1, Some(7), AuditResult::Exception);
        ledger.sample(1, &[7, 9]);
        for (sample, item, result) in [
            (1, Some(7), AuditResult::Exception),
            (1, Some(7), AuditResult::NoException),
            (1, Some(8), AuditResult::NoException),
            (1, None, AuditResult::NotTested),
            (0, None, AuditResult::NoException),
        ] {
            ledger.conclude(5, sample, item, result);
        }
        let found = Conclusions::fold(&ledger.records);
        let indexes = |concluded: &[Concluded]| concluded.iter().map(|c| c.index).collect::<Vec<_>>();
        let sample = &found.samples[0];
        assert_eq!(indexes(&sample.items[0].conclusions), [2, 3]);
        assert_eq!((sample.items[1].item, sample.missing), (9, 1));
        assert_eq!(
            (indexes(&sample.not_in_sample), indexes(&sample.whole)),
            (vec![4], vec![5])
        );
        assert_eq!(
            indexes(&found.without_sample),
            [0, 6],
            "what was said before the sample was issued is not of it"
        );
        assert_eq!(sample.recorded_at, at(2));
    }
}
