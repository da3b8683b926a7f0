//! Loads what documents and metrics speak of: which entries may matter to a question, folded into facts.

use std::collections::BTreeSet;

use super::declared::{all_declared_indexes, control_indexes, gate_indexes};
use super::deployments::{DEPLOYMENT_SUBJECTS, evidence_indexes};
use super::links::correlation_indexes;
use super::suspects::facts_with_tests;
use crate::domain::facts::Facts;
use crate::domain::{EnvironmentName, ServiceName, deployment};
use crate::store::{EventFilter, Rare, ReadTx, StoreError};

/// All that a document about a service (or all services) in an environment may speak of: its deployments in every
/// environment, the evidence that speaks of those here, the incidents here, the tiers of environments.
pub(super) fn document_facts(
    tx: &mut ReadTx<'_>,
    service: Option<&ServiceName>,
    environment: &EnvironmentName,
    size: u64,
) -> Result<Facts, StoreError> {
    let filter = EventFilter {
        service: service.map(|name| name.as_str().to_owned()),
        subjects: DEPLOYMENT_SUBJECTS,
        ..EventFilter::default()
    };
    let deployment_rows = tx.events(&filter, size, i64::MAX)?;
    let here: Vec<_> = deployment::fold(&tx.recorded_rows(&deployment_rows)?)
        .into_iter()
        .filter(|found| found.environment == *environment)
        .collect();
    let mut indexes: BTreeSet<i64> = deployment_rows.iter().map(|row| row.idx).collect();
    indexes.extend(evidence_indexes(tx, &here, size)?);
    indexes.extend(correlation_indexes(tx, Some(environment), size)?);
    indexes.extend(environment_indexes(tx, size)?);
    indexes.extend(all_declared_indexes(tx, size)?);
    indexes.extend(control_indexes(tx, size)?);
    indexes.extend(gate_indexes(tx, environment, size)?);
    let records = tx.recorded(&indexes)?;
    facts_with_tests(tx, records, size)
}

/// The entries that tell the tiers of environments.
pub(super) fn environment_indexes(tx: &mut ReadTx<'_>, size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let rows = tx.rare(Rare::Environment, &[], size, i64::MAX)?;
    Ok(rows.iter().map(|row| row.idx).collect())
}
