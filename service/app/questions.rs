//! What auditors ask is on the record: each document that an auditor's token asks for is an entry, signed by the service, before
//! the answer leaves. What was asked before by the same token, of the same tree, is there already and is not recorded again. The entry is
//! of the place that is asked about, so that it is withheld from those whose place is another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ledger::sha256;

use super::administration::AdministrationError;
use super::documents::{Document, DocumentQuery};
use super::{App, RecordError};
use crate::domain::parse::QUESTION_JSON;
use crate::domain::producer::{Role, Token, own_payload};
use crate::domain::question::{DOCUMENT_ASKED, Question};
use crate::domain::{EnvironmentName, Extension, Instant, ServiceName};

/// Questions of one token that are recorded in a day: a reader must not fill the log.
pub const MOST_A_DAY: u32 = 1000;
/// A day, ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The place that a question is about; a part that is not there is asked about everywhere, or in several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The environment.
    pub environment: Option<EnvironmentName>,
    /// The service.
    pub service: Option<ServiceName>,
}

impl DocumentQuery {
    /// The place that it is about.
    pub fn whereabouts(&self) -> Whereabouts {
        let (environment, service) = match self {
            Self::ReleaseNotes(query) => (&query.environment, Some(&query.service)),
            Self::Release(query) => (
                &query.environment,
                Some(&query.first).filter(|_| query.others.is_empty()),
            ),
            Self::Compliance(query) => (&query.environment, query.service.as_ref()),
            Self::Service(query) => (
                &query.environment,
                query.services.first().filter(|_| query.services.len() == 1),
            ),
            Self::Sample(query) => (&query.environment, query.service.as_ref()),
        };
        Whereabouts {
            environment: Some(environment.clone()),
            service: service.cloned(),
        }
    }
}

/// How much was recorded for each token, and on which day.
#[derive(Default)]
pub(super) struct Questions(Mutex<HashMap<String, (i64, u32)>>);

impl App {
    /// Records that a document about a place was asked for, where it is an auditor who asks.
    pub async fn record_document_question(
        &self,
        by: &Token,
        about: Whereabouts,
        document: &Document,
    ) -> Result<(), AdministrationError> {
        let question = Question {
            token: by.id.clone(),
            query: format!("{} --format {}", document.query, document.format.as_str()),
            tree_size: document.tree_size,
            sha256: Some(document.digest.clone()),
        };
        self.record_question(by, about, question).await
    }

    /// Records that the history up to a tree size was asked for, where it is an auditor who asks.
    pub async fn record_export_question(&self, by: &Token, tree_size: u64) -> Result<(), AdministrationError> {
        let question = Question {
            token: by.id.clone(),
            query: format!("shipslog export --tree-size {tree_size}"),
            tree_size,
            sha256: None,
        };
        self.record_question(by, Whereabouts::default(), question).await
    }

    async fn record_question(
        &self,
        by: &Token,
        about: Whereabouts,
        question: Question,
    ) -> Result<(), AdministrationError> {
        if by.role != Role::Auditor {
            return Ok(());
        }
        let now = self.clock.now();
        self.questions.another(&by.id, now)?;
        let id = id_of(&by.id, &question.query);
        let extension = Extension {
            environment: about.environment,
            service: about.service,
            actor: Some(by.actor()),
            question: Some(Box::new(question)),
            ..Extension::default()
        };
        let payload = own_payload(DOCUMENT_ASKED, &by.id, &id, &self.source(), now, &extension);
        let payload = payload.map_err(RecordError::from)?;
        match self.assert(QUESTION_JSON, payload).await {
            Ok(_) => self.questions.count(&by.id, now),
            // The same question, asked at another time.
            Err(RecordError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// The same for the same question of the same token: the tree size is in the question.
fn id_of(token: &str, query: &str) -> String {
    sha256(format!("shipslog question\0{token}\0{query}").as_bytes()).to_string()
}

impl Questions {
    fn another(&self, token: &str, now: Instant) -> Result<(), AdministrationError> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counted.get(token) {
            Some((day, count)) if *day == day_of(now) && *count >= MOST_A_DAY => Err(AdministrationError::TooMany),
            Some(_) | None => Ok(()),
        }
    }

    fn count(&self, token: &str, now: Instant) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let today = day_of(now);
        let (day, count) = counted.entry(token.to_owned()).or_insert((today, 0));
        *count = if *day == today { *count + 1 } else { 1 };
        *day = today;
    }
}

fn day_of(at: Instant) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_so_many_questions_a_day() {
        let questions = Questions::default();
        let at = Instant::from_millis;
        for _ in 0..MOST_A_DAY {
            questions.another("a", at(5)).unwrap();
            questions.count("a", at(5));
        }
        let refused = questions.another("a", at(DAY_MS - 1));
        assert!(matches!(refused, Err(AdministrationError::TooMany)));
        questions.another("b", at(5)).unwrap();
        questions.another("a", at(DAY_MS)).unwrap();
        questions.count("a", at(DAY_MS));
        questions.another("a", at(DAY_MS)).unwrap();
    }
}
