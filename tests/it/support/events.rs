//! Events to send, and their signatures.

use ledger::{Envelope, PrivateKey};
use serde_json::{Value, json};

pub const CDEVENT: &str = "application/vnd.cdevents+json";
pub const CLOUDEVENT: &str = "application/cloudevents+json";

/// A digest of artifact number `n`.
pub fn digest(n: u64) -> String {
    format!("sha256:{n:064x}")
}

/// A package URL of a container image with that digest.
pub fn purl(service: &str, n: u64) -> String {
    format!(
        "pkg:oci/{service}@{}?repository_url=registry.example.com",
        digest(n).replace(':', "%3A")
    )
}

/// Any CDEvent. `kind` is what follows `dev.cdevents.`, such as `service.deployed.0.3.0`.
pub fn event(id: &str, kind: &str, subject: &str, content: Value, extension: Value) -> Value {
    let prefix = if kind.starts_with("shipslog-") {
        "dev.cdeventsx"
    } else {
        "dev.cdevents"
    };
    json!({
        "context": {
            "specversion": "0.5.1",
            "id": id,
            "source": "https://ci.example.com/shop",
            "type": format!("{prefix}.{kind}"),
            "timestamp": "2026-03-01T09:00:00Z",
        },
        "subject": { "id": subject, "source": "https://ci.example.com/shop", "content": content },
        "customData": { "shipslog": extension },
    })
}

/// `service.deployed` of artifact number `n`, with a version to match.
pub fn deployed(id: &str, service: &str, environment: &str, n: u64) -> Value {
    let content = json!({
        "environment": { "id": environment, "source": "https://cluster.example.com" },
        "artifactId": purl(service, n),
    });
    event(
        id,
        "service.deployed.0.3.0",
        service,
        content,
        json!({ "version": format!("1.{n}.0"), "commit": format!("{n:040x}") }),
    )
}

/// `incident.detected` about a service in an environment.
pub fn incident(id: &str, name: &str, service: &str, environment: &str) -> Value {
    let content = json!({
        "description": "Card payments fail",
        "environment": { "id": environment, "source": "https://cluster.example.com" },
        "service": { "id": service, "source": "https://cluster.example.com" },
    });
    event(
        id,
        "incident.detected.0.3.0",
        name,
        content,
        json!({ "severity": "high" }),
    )
}

/// The event, moved to another time.
pub fn at(mut event: Value, time: &str) -> Value {
    event["context"]["timestamp"] = time.into();
    event
}

/// A signed envelope around an event.
pub fn sign(event: &Value, key: &PrivateKey) -> Vec<u8> {
    sign_bytes(CDEVENT, event.to_string().as_bytes(), key)
}

/// A signed envelope around any bytes.
pub fn sign_bytes(payload_type: &str, payload: &[u8], key: &PrivateKey) -> Vec<u8> {
    Envelope::sign(payload_type, payload, &[key]).to_json().into_bytes()
}
