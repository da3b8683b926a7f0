//! The entries that declare something about services, about people, about environments, or about what checks may let pass.

use std::collections::BTreeSet;

use super::App;
use super::period::places;
use super::read::{Page, ReadError, tree_size};
use crate::domain::alias::{Aliases, Declared};
use crate::domain::attestation::{self, Attestation};
use crate::domain::conclusion::Conclusions;
use crate::domain::deployment::Deployment;
use crate::domain::exception::{self, Exception};
use crate::domain::gate::GATE_SUBJECT;
use crate::domain::service::Services;
use crate::domain::{EnvironmentName, Period, Recorded, ServiceName};
use crate::store::{Rare, ReadTx, Span, StoreError};

impl App {
    /// All that was declared about people.
    pub fn aliases(&self, asked: Option<u64>) -> Result<Page<Declared>, ReadError> {
        self.declared(Rare::Alias, asked, |records| {
            Aliases::fold(records).all().cloned().collect()
        })
    }

    /// All exceptions that were granted.
    pub fn exceptions(&self, asked: Option<u64>) -> Result<Page<Exception>, ReadError> {
        self.declared(Rare::Exception, asked, exception::fold)
    }

    /// Every team that a service was declared to be of, by name.
    pub fn teams(&self, asked: Option<u64>) -> Result<Page<String>, ReadError> {
        self.declared(Rare::Declaration, asked, |records| Services::fold(records).teams())
    }

    /// All that people attested.
    pub fn attestations(&self, asked: Option<u64>) -> Result<Page<Attestation>, ReadError> {
        self.declared(Rare::Attestation, asked, attestation::fold)
    }

    /// All samples that were issued, with what was concluded of them; and as of which tree size.
    pub fn conclusions(&self, asked: Option<u64>) -> Result<(u64, Conclusions), ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            let indexes = conclusion_indexes(tx, tree_size)?;
            Ok((tree_size, Conclusions::fold(&tx.recorded(&indexes)?)))
        })
    }

    fn declared<T>(
        &self,
        rare: Rare,
        asked: Option<u64>,
        fold: impl FnOnce(&[Recorded]) -> Vec<T>,
    ) -> Result<Page<T>, ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            let rows = tx.rare(rare, &[], tree_size, i64::MAX)?;
            Ok(Page {
                tree_size,
                items: fold(&tx.recorded_rows(&rows)?),
                next: None,
            })
        })
    }
}

/// The entries that declare what the services of these deployments themselves are, and a service beside them.
pub(super) fn declared_indexes(
    tx: &mut ReadTx<'_>,
    deployments: &[Deployment],
    service: Option<&ServiceName>,
    tree_size: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    let services = deployments.iter().map(|deployment| &deployment.service);
    let services: BTreeSet<&str> = services.chain(service).map(ServiceName::as_str).collect();
    if services.is_empty() {
        return Ok(BTreeSet::new());
    }
    let services: Vec<&str> = services.into_iter().collect();
    let rows = tx.rare(Rare::Declaration, &services, tree_size, i64::MAX)?;
    Ok(rows.iter().map(|row| row.idx).collect())
}

/// The entries that declare whose names are whose, and the exceptions: checks of any deployment may rest on them.
pub(super) fn control_indexes(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let mut found = BTreeSet::new();
    for rare in [Rare::Alias, Rare::Exception] {
        found.extend(tx.rare(rare, &[], tree_size, i64::MAX)?.iter().map(|row| row.idx));
    }
    Ok(found)
}

/// The entries of what people attest.
pub(super) fn attestation_indexes(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let rows = tx.rare(Rare::Attestation, &[], tree_size, i64::MAX)?;
    Ok(rows.iter().map(|row| row.idx).collect())
}

/// The entries of the samples that were issued, and of what auditors conclude.
pub(super) fn conclusion_indexes(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let issued = tx.rare(Rare::Document, &[], tree_size, i64::MAX)?;
    // Of what is issued, samples alone are of an environment.
    let samples = issued.iter().filter(|row| row.environment.is_some());
    let concluded = tx.rare(Rare::Conclusion, &[], tree_size, i64::MAX)?;
    Ok(samples.chain(&concluded).map(|row| row.idx).collect())
}

/// The entries of what the gate answered about an environment in a period.
pub(super) fn gate_indexes(
    tx: &mut ReadTx<'_>,
    environment: &EnvironmentName,
    period: Period,
    tree_size: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    let services = tx.services(tree_size)?;
    let here = BTreeSet::from([environment.clone()]);
    let times = places(&services, &here).map(|place| Span {
        place,
        from: period.from.as_millis(),
        to: period.to.as_millis(),
    });
    let answered = tx.evidence_between(&times.collect::<Vec<_>>(), GATE_SUBJECT, tree_size)?;
    Ok(answered.iter().map(|row| row.idx).collect())
}

/// The entries that declare what services themselves are.
pub(super) fn all_declared_indexes(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let rows = tx.rare(Rare::Declaration, &[], tree_size, i64::MAX)?;
    Ok(rows.iter().map(|row| row.idx).collect())
}

/// The entries that tell the tiers of environments.
pub(super) fn environment_indexes(tx: &mut ReadTx<'_>, size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let rows = tx.rare(Rare::Environment, &[], size, i64::MAX)?;
    Ok(rows.iter().map(|row| row.idx).collect())
}
