//! Release notes over several services.

use super::documents::{Documents, DocumentsError, at_size};
use crate::document::Request;
use crate::document::audience::Audience;
use crate::document::release_notes::{Point, RELEASE_TEMPLATE, Release, ReleaseInput, Scope, Wanted, compose_release};
use crate::domain::{EnvironmentName, Instant, ServiceName, Zone};

/// Which release notes over several services are wanted.
#[derive(Debug, Clone)]
pub struct ReleaseQuery {
    /// The service to show first.
    pub first: ServiceName,
    /// The others, in the order to show them.
    pub others: Vec<ServiceName>,
    /// The environment.
    pub environment: EnvironmentName,
    /// After what ran at this time.
    pub from: Instant,
    /// Up to what ran at this time.
    pub to: Instant,
    /// The zone of its dates.
    pub time_zone: Zone,
    /// Who they are for.
    pub audience: Audience,
    /// The question in words, for the document to print.
    pub words: String,
}

impl Documents<'_> {
    /// Composes release notes over several services.
    pub(super) fn release(&self, query: &ReleaseQuery, asked: Option<u64>) -> Result<Release, DocumentsError> {
        let scope = Scope::Range {
            from: Point::At(query.from),
            to: Point::At(query.to),
        };
        let facts = |service, size| {
            let wanted = Wanted {
                service,
                environment: &query.environment,
                scope: &scope,
            };
            self.notes_facts(&wanted, size)
        };
        let (ledger, first) = facts(&query.first, asked)?;
        let mut services = vec![(query.first.clone(), first)];
        for service in &query.others {
            // All as of the state of the ledger that the first was read in.
            let (_, more) = facts(service, Some(ledger.tree_size))?;
            services.push((service.clone(), more));
        }
        Ok(compose_release(&ReleaseInput {
            request: Request {
                ledger: &ledger,
                query: &at_size(&query.words, &ledger),
                time_zone: query.time_zone,
                template: RELEASE_TEMPLATE,
                template_sha256: &self.templates.digest(RELEASE_TEMPLATE)?,
                catalogue_sha256: self.catalogue.sha256(),
            },
            environment: &query.environment,
            from: query.from,
            to: query.to,
            audience: query.audience,
            services: &services,
            parameters: &self.catalogue.parameters,
        })?)
    }
}
