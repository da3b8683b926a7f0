//! The audit of the demonstration: a sample is drawn and issued, and the auditor signs what she concludes of most of it.
//!
//! What is drawn depends on the keys and salts of this log, so she concludes from what the working papers say, as an auditor would.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::cast::AUDITOR;
use super::facts::Recording;
use super::scenario::MINUTE;
use super::scribe::Scribe;
use super::{Failure, ORIGIN};
use crate::app::{App, Format};
use crate::domain::Instant;
use crate::domain::conclusion::{AuditResult, Conclusion};
use crate::http::api::asked::SampleParameters;

/// How many are drawn beside the emergencies.
const SIZE: usize = 7;
/// How many are still to be looked at when the story ends.
const LEFT: usize = 2;

/// The working papers of a sample.
#[derive(Deserialize)]
pub struct Papers {
    /// The entry that issued it.
    #[serde(skip)]
    index: u64,
    items: Vec<Paper>,
}

#[derive(Deserialize)]
struct Paper {
    deployment: Deployed,
    assurance: Shown,
}

#[derive(Deserialize)]
struct Deployed {
    index: u64,
}

#[derive(Deserialize)]
struct Shown {
    /// Checks that failed.
    failed: Vec<String>,
}

/// Issues a sample of what was deployed to production between two times, the second being now, with the token in a file, and reads its
/// papers.
pub async fn papers(app: Arc<App>, token: &Path, from: Instant, now: Instant) -> Result<Papers, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::refused(format!("the audit of the story fails: {error}"));
    let token = fs::read_to_string(token).map_err(|error| failed(&error))?;
    let token = app.authenticate(token.trim());
    let token = token.ok_or_else(|| failed(&"its token opens nothing"))?;
    let day = |at: Instant| at.to_string()[..10].to_owned();
    let asked = SampleParameters::read(&format!(
        "environment=production&from={}&to={}&size={SIZE}&seed={ORIGIN}",
        day(from),
        day(now)
    ));
    let query = asked.and_then(|asked| asked.query());
    let query = query.map_err(|problem| failed(&problem.detail))?;
    let issued = Arc::clone(&app).issue_document(query.clone(), None, &token).await;
    let issued = issued.map_err(|error| failed(&error))?;
    let papers = app.document(&query, Some(issued.document.tree_size), Format::Json);
    let papers = papers.map_err(|error| failed(&error))?;
    Ok(Papers {
        index: issued.accepted.index,
        ..serde_json::from_str(&papers.text).map_err(|error| failed(&error))?
    })
}

impl Papers {
    /// What the auditor records from then on, of all items but the last.
    pub fn conclusions(&self, begins: Instant, seed: u64) -> Vec<Recording> {
        let mut scribe = Scribe::new(seed.wrapping_add(1));
        let looked_at = self.items.len().saturating_sub(LEFT);
        for (paper, number) in self.items.iter().take(looked_at).zip(1..) {
            let (result, text) = paper.judged();
            let said = Conclusion {
                sample: self.index,
                item: Some(paper.deployment.index),
                result,
                text,
            };
            scribe.concluded(begins.plus_millis(number * 25 * MINUTE), said, AUDITOR);
        }
        scribe.finish()
    }
}

impl Paper {
    fn judged(&self) -> (AuditResult, String) {
        match self.assurance.failed.as_slice() {
            [] => (
                AuditResult::NoException,
                "Request, review, tests and approval were traced to their records.".to_owned(),
            ),
            failed => (
                AuditResult::Exception,
                format!("The records do not show what is asked for by {}.", failed.join(" and ")),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::parse::parse;

    #[test]
    fn she_concludes_from_the_papers_and_leaves_the_last_items_for_later() {
        let begins = Instant::parse("2026-11-06T10:00:00Z").unwrap();
        let paper = |index, failed: &[&str]| Paper {
            deployment: Deployed { index },
            assurance: Shown {
                failed: failed.iter().map(ToString::to_string).collect(),
            },
        };
        let items = vec![
            paper(7, &["DL-EMG-2", "DL-TST-2"]),
            paper(9, &[]),
            paper(11, &[]),
            paper(13, &["DL-SOD-1"]),
        ];
        let told = Papers { index: 40, items }.conclusions(begins, 1);
        let concluded = told.iter().map(|recording| {
            let event = parse(recording.payload_type, &recording.payload).unwrap();
            recording.signer.scope().permits(&event).unwrap();
            assert!(recording.recorded_at > begins);
            let said = event.extension.conclusion.unwrap();
            (said.sample, said.item, said.result, said.text)
        });
        let concluded: Vec<_> = concluded.collect();
        let (exception, traced) = (
            "The records do not show what is asked for by DL-EMG-2 and DL-TST-2.",
            "Request, review, tests and approval were traced to their records.",
        );
        assert_eq!(
            concluded,
            [
                (40, Some(7), AuditResult::Exception, exception.to_owned()),
                (40, Some(9), AuditResult::NoException, traced.to_owned()),
            ]
        );
    }
}
