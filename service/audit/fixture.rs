//! Small logs made by hand, for the tests of everything that verifies one.

use ledger::{Checkpoint, Envelope, Frontier, NoteSigner, PrivateKey, SignedNote, leaf_hash};
use serde_json::json;

use super::{Audit, Content, Report};
use crate::domain::Instant;
use crate::domain::parse::{ADMINISTRATION_JSON, CDEVENT_JSON};
use crate::domain::producer::{Administration, Scope};

/// Origin of every log made here.
pub const ORIGIN: &str = "log.example";
const START: i64 = 1_767_225_600_000;

/// One entry with everything that is kept of it.
#[derive(Clone)]
pub struct Kept {
    /// The leaf.
    pub leaf: Vec<u8>,
    /// The salt.
    pub salt: [u8; 32],
    /// The canonical envelope.
    pub envelope: String,
}

/// A log and all its keys.
pub struct Log {
    /// Its entries.
    pub kept: Vec<Kept>,
    /// The service key, which signs administration.
    pub service: PrivateKey,
    /// The key of the producer `team`, limited to the service `shop`.
    pub team: PrivateKey,
}

impl Log {
    /// A log that is created, registers `team`, and records events of `shop` up to `size` entries.
    pub fn new(size: usize) -> Self {
        let mut log = Self {
            kept: Vec::new(),
            service: PrivateKey::from_seed([1; 32]),
            team: PrivateKey::from_seed([2; 32]),
        };
        log.administer(&Administration::LogCreated {
            origin: ORIGIN.to_owned(),
            public_key: log.service.public().to_pem(),
        });
        let scope = Scope {
            services: vec!["shop".parse().unwrap()],
            ..Scope::default()
        };
        log.administer(&Administration::ProducerRegistered {
            name: "team".parse().unwrap(),
            public_key: log.team.public().to_pem(),
            scope,
            valid_from: None,
            valid_until: None,
        });
        while log.kept.len() < size {
            log.deploy("shop");
        }
        log
    }

    /// Records what the service decides.
    pub fn administer(&mut self, administration: &Administration) {
        let id = format!("a-{}", self.kept.len());
        let payload = administration.to_payload(&id, "shipslog", self.now(), None).unwrap();
        let key = self.service.clone();
        self.record_as(ADMINISTRATION_JSON, &payload, &key, self.now());
    }

    /// Records a deployment of `service` by `team`.
    pub fn deploy(&mut self, service: &str) {
        let payload = self.deployment(service);
        let key = self.team.clone();
        self.record(&payload, &key, self.now());
    }

    /// A deployment event.
    pub fn deployment(&self, service: &str) -> Vec<u8> {
        let index = self.kept.len();
        serde_json::to_vec(&json!({
            "context": {"specversion": "0.5.1", "id": format!("e-{index}"), "source": "/ci", "timestamp": self.now(),
                        "type": "dev.cdeventsx.shipslog-deployment.finished.0.1.0"},
            "subject": {"id": format!("d-{index}"), "content": {
                "artifactId": "pkg:oci/shop@1", "environment": {"id": "production"}, "outcome": "success"}},
            "customData": {"shipslog": {"service": service}},
        }))
        .unwrap()
    }

    /// Appends an entry, whether it is right or not.
    pub fn record(&mut self, payload: &[u8], key: &PrivateKey, at: Instant) {
        self.record_as(CDEVENT_JSON, payload, key, at);
    }

    /// The same with another payload type.
    pub fn record_as(&mut self, payload_type: &str, payload: &[u8], key: &PrivateKey, at: Instant) {
        let index = self.kept.len();
        let salt = [index as u8; 32];
        let envelope = Envelope::sign(payload_type, payload, &[key]);
        let verified = envelope.verify(|_| vec![key.public()]).unwrap();
        self.kept.push(Kept {
            leaf: verified.entry(at.as_millis() as u64, &salt).encode(),
            salt,
            envelope: verified.envelope().to_json(),
        });
    }

    /// The time at which the next entry is recorded: a minute after the one before.
    pub fn now(&self) -> Instant {
        Instant::from_millis(START + self.kept.len() as i64 * 60_000)
    }

    /// What the log signs checkpoints with.
    pub fn signer() -> NoteSigner {
        NoteSigner::new(ORIGIN, PrivateKey::from_seed([3; 32])).unwrap()
    }

    /// The checkpoint of all entries.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut frontier = Frontier::empty();
        self.kept.iter().for_each(|kept| frontier.append(leaf_hash(&kept.leaf)));
        Checkpoint {
            origin: ORIGIN.to_owned(),
            size: frontier.size(),
            root: frontier.root(),
        }
    }

    /// The signed checkpoint of all entries.
    pub fn note(&self) -> SignedNote {
        self.checkpoint().sign(&Self::signer()).unwrap()
    }

    /// The audit of these entries against a checkpoint.
    pub fn audit(&self, checkpoint: &Checkpoint) -> Report {
        let mut audit = Audit::new();
        for (index, kept) in self.kept.iter().enumerate() {
            let content = Content::Sealed {
                salt: &kept.salt,
                envelope: kept.envelope.as_bytes(),
            };
            audit.add(index as u64, &kept.leaf, content);
        }
        audit.finish(checkpoint)
    }
}
