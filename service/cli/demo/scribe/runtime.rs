//! What is seen running: snapshots of production, made from what the story deployed, and once from what nobody wrote down.

use ledger::sha256;
use serde_json::json;

use super::super::cast::{SERVICES, Signer};
use super::super::facts::{Attempt, Release};
use super::{CLOUD, Scribe, draft};
use crate::domain::sequence::Sequence;
use crate::domain::snapshot::{Method, RuntimeSnapshot, SNAPSHOT_TAKEN, Workload};
use crate::domain::{Extension, Instant};

/// The cluster means to look once a week; a day more is no silence. In seconds.
const WITHIN: u32 = 8 * 24 * 60 * 60;

/// Something that was put into production.
pub struct Live {
    since: Instant,
    service: &'static str,
    artifact: String,
    version: String,
}

impl Scribe {
    /// Remembers what a deployment put into production.
    pub(super) fn goes_live(&mut self, since: Instant, release: &Release, attempt: &Attempt) {
        if attempt.environment == "production" && attempt.outcome == "success" {
            self.live.push(Live {
                since,
                service: release.service.name,
                artifact: release.artifact.clone(),
                version: release.version.clone(),
            });
        }
    }

    /// Somebody changes a service in production by hand, and writes nothing down.
    pub fn patched_by_hand(&mut self, since: Instant, service: &'static str) {
        let running = self.running(service, since).map(|live| live.version.clone());
        let digest = sha256(format!("{} by hand", self.seed).as_bytes());
        self.live.push(Live {
            since,
            service,
            artifact: format!("registry.northwind.example/{service}@sha256:{}", digest.to_hex()),
            version: format!("{}-patched", running.unwrap_or_default()),
        });
    }

    /// A snapshot of all that runs in production.
    pub fn snapshot(&mut self, at: Instant, number: u64) {
        let workload = |service: &'static str| {
            let live = self.running(service, at)?;
            Some(Workload {
                service: service.parse().ok()?,
                artifact: Some(live.artifact.clone()),
                version: Some(live.version.clone()),
                instances: Some(3),
            })
        };
        let running = SERVICES.iter().filter_map(|service| workload(service.name)).collect();
        let extension = Extension {
            environment: "production".parse().ok(),
            snapshot: Some(Box::new(RuntimeSnapshot {
                method: Method::Kubernetes,
                complete: true,
                services: Vec::new(),
                running,
                unmapped: Vec::new(),
            })),
            sequence: Some(Sequence {
                number,
                series: Some("runtime".to_owned()),
                next_within_s: Some(WITHIN),
            }),
            ..Extension::default()
        };
        let event = draft(SNAPSHOT_TAKEN, CLOUD, "production", json!({}), extension);
        self.aside(Signer::Platform, at, &event);
    }

    fn running(&self, service: &str, at: Instant) -> Option<&Live> {
        let live = self
            .live
            .iter()
            .filter(|live| live.service == service && live.since <= at);
        live.max_by_key(|live| live.since)
    }
}
