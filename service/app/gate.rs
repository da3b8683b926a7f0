//! The gate: a signed question is recorded, judged as a deployment that starts with it, and answered by an entry of the service.
//!
//! Whoever has the log up to the question can judge it again and gets the same answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::declared::{control_indexes, environment_indexes};
use super::deployed::{Deployed, at};
use super::deployments::evidence_indexes;
use super::links::{DecisionError, blocking};
use super::metrics::recorded_until;
use super::notes::{add_newest, add_same_content, some_evidence};
use super::{App, RecordError};
use crate::catalogue::Catalogue;
use crate::check::{self, Demands, Finding, Subject};
use crate::domain::extension::{Actor, ActorKind, Extension};
use crate::domain::facts::Facts;
use crate::domain::gate::{self, GATE_ASKED, GATE_DECIDED, GateDecision, GateVerdict};
use crate::domain::{EnvironmentName, Event, Recorded, ServiceName, deployment};
use crate::store::{ReadTx, StoreError};

/// An answer of the gate, which is in the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct GateAnswer {
    /// Index of its entry.
    pub index: u64,
    /// The service that would be deployed.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// Where to.
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// The artifact, as it was named.
    pub artifact: String,
    /// The decision.
    #[serde(flatten)]
    pub said: GateDecision,
    /// Only entries below this index were looked at: up to the question.
    pub tree_size: u64,
    /// Proof that the answer is in the log: its receipt.
    #[schema(value_type = Object)]
    pub receipt: serde_json::Value,
}

impl App {
    /// Records a question to the gate, as received, and answers it.
    pub async fn ask_gate(self: Arc<Self>, envelope: Vec<u8>) -> Result<GateAnswer, DecisionError> {
        let question = self.record_of(GATE_ASKED, envelope).await?.index;
        let app = Arc::clone(&self);
        let answer = blocking(move || app.database.read(|tx| judge(tx, question, &app.catalogue))).await?;
        let Event {
            subject_id, extension, ..
        } = &answer.event;
        let accepted = self.say(GATE_DECIDED, subject_id, extension).await?;
        answer.told(accepted.index, &accepted.receipt)
    }
}

/// A question with the extension of the event that answers it.
struct Judged {
    event: Event,
    said: GateDecision,
}

/// Judges the question at an index, by what is recorded up to it.
fn judge(tx: &mut ReadTx<'_>, question: u64, catalogue: &Catalogue) -> Result<Judged, DecisionError> {
    let missing = || StoreError::Damaged(format!("entry {question} is no question to the gate"));
    let asked = tx
        .recorded(&BTreeSet::from([question as i64]))?
        .pop()
        .ok_or_else(missing)?;
    let attempt = gate::attempt(&asked).ok_or_else(missing)?;
    let facts = gate_facts(tx, attempt, question + 1)?;
    let deployment = facts
        .deployments
        .iter()
        .find(|found| found.indexes().contains(&question));
    let parameters = &catalogue.parameters;
    let subject = Subject {
        deployment: deployment.ok_or_else(missing)?,
        facts: &facts,
        incidents: &[],
        parameters,
    };
    let demands = Demands::of(parameters, facts.tier(&subject.deployment.environment));
    let (decision, findings) = check::decide(&subject, demands);
    let question_said = asked
        .event
        .extension
        .gate_question
        .as_deref()
        .cloned()
        .unwrap_or_default();
    let said = GateDecision {
        question,
        decision,
        checks: findings.into_iter().map(verdict).collect(),
        catalogue_sha256: Some(catalogue.sha256().to_owned()),
        override_reason: question_said.override_reason,
    };
    let mut event = asked.event;
    let by = Actor {
        id: asked.producer.to_string(),
        kind: Some(ActorKind::Pipeline),
        name: None,
    };
    event.extension = Extension {
        service: event.service.clone(),
        environment: event.environment.clone(),
        artifact: event.extension.artifact.take(),
        actor: Some(event.extension.actor.take().unwrap_or(by)),
        gate: Some(Box::new(said.clone())),
        ..Extension::default()
    };
    Ok(Judged { event, said })
}

impl Judged {
    fn told(self, index: u64, receipt: &Receipt) -> Result<GateAnswer, DecisionError> {
        let extension = self.event.extension;
        let place = extension.service.zip(extension.environment).zip(extension.artifact);
        let missing = || StoreError::Damaged(format!("entry {index} names no place"));
        let ((service, environment), artifact) = place.ok_or_else(missing)?;
        Ok(GateAnswer {
            index,
            service,
            environment,
            artifact,
            tree_size: self.said.question + 1,
            said: self.said,
            receipt: serde_json::from_str(&receipt.to_json()).map_err(RecordError::from)?,
        })
    }
}

fn verdict(finding: Finding) -> GateVerdict {
    GateVerdict {
        id: finding.check.id.to_owned(),
        version: finding.check.version,
        result: finding.verdict.result.as_str().to_owned(),
        text: finding.verdict.found,
        evidence: finding.verdict.evidence,
    }
}

/// What the checks before a deployment look at: the attempt, what was recorded about it, what ran there before, where else its
/// content ran, and the evidence about it.
fn gate_facts(tx: &mut ReadTx<'_>, attempt: Recorded, size: u64) -> Result<Facts, StoreError> {
    let Some(found) = deployment::fold(std::slice::from_ref(&attempt)).pop() else {
        return Ok(Facts::default());
    };
    let mut deployed = Deployed::new(tx, size);
    let rows = deployed.tx.about(&[found.id.as_str()], size)?;
    deployed.add(rows)?;
    add_newest(&mut deployed, at(&found.service, &found.environment))?;
    deployed.add_history_before(&found)?;
    let found = deployed.attempted(found)?;
    let asked = std::slice::from_ref(&found);
    add_same_content(&mut deployed, asked, &found.service, &found.environment)?;
    let mut others = evidence_indexes(&mut deployed, &[&found])?;
    others.extend(environment_indexes(deployed.tx, size)?);
    others.extend(some_evidence(
        deployed.tx,
        &BTreeSet::from([found.service.clone()]),
        size,
    )?);
    others.extend(control_indexes(deployed.tx, size)?);
    // Deployments come whole or not at all.
    let rows = deployed.tx.events_of(&others)?;
    deployed.add(rows)?;
    others.extend(deployed.entries().iter().chain(deployed.pushes()));
    let newest = recorded_until(deployed.tx, size)?;
    // The attempt may belong to a deployment that is there.
    let mut records = deployed.tx.recorded(&others)?;
    records.retain(|record| record.index != attempt.index);
    records.push(attempt);
    records.sort_by_key(|record| record.index);
    let mut facts = Facts::fold(&records);
    facts.recorded_until = newest;
    Ok(facts)
}
