//! GitHub webhooks: `X-Hub-Signature-256`, and the events that deliveries become.
//!
//! Service and environment are what GitHub calls them: the repository's name and the deployment's environment. Sources: GitHub,
//! "Validating webhook deliveries" and "Webhook events and payloads"; payloads as in <https://github.com/octokit/webhooks>.

mod body;
mod deployment;
mod review;
mod source;

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::record::{Delivery, Record};
use super::{AdapterError, SignatureError, missing, refused};
use crate::domain::extension::Extension;
use crate::domain::id::ServiceName;
use crate::domain::pointer;
use body::Common;

/// Checks `X-Hub-Signature-256` over the raw body, in constant time.
pub fn verify_signature(secret: &[u8], body: &[u8], header: &str) -> Result<(), SignatureError> {
    let hex = header.strip_prefix("sha256=").ok_or(SignatureError::Form)?;
    let signature = decode_hex(hex).ok_or(SignatureError::Form)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| SignatureError::Mismatch)?;
    mac.update(body);
    mac.verify_slice(&signature).map_err(|_| SignatureError::Mismatch)
}

/// The payloads of the CDEvents that a delivery becomes: none for a kind or an action that says nothing about what was shipped.
///
/// `event` is `X-GitHub-Event` and `delivery` is `X-GitHub-Delivery`. Check the signature first.
pub fn events(event: &str, delivery: &str, body: &[u8]) -> Result<Vec<Vec<u8>>, AdapterError> {
    if !(1..=128).contains(&delivery.len()) || !delivery.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(AdapterError::Delivery);
    }
    let (common, records) = match event {
        "deployment" => deployment::created(&read(body)?)?,
        "deployment_status" => deployment::status(&read(body)?)?,
        "deployment_review" => review::review(&read(body)?)?,
        "release" => source::release(&read(body)?)?,
        "pull_request" => source::pull_request(&read(body)?)?,
        "pull_request_review" => source::review(&read(body)?)?,
        "push" => source::push(&read(body)?)?,
        "workflow_run" => source::workflow_run(&read(body)?)?,
        _ => return Ok(Vec::new()),
    };
    let delivery = Delivery {
        from: "github",
        event,
        id: delivery,
        body,
        source: &common,
    };
    delivery.write(records)
}

/// A repository's page, and what happened there.
type Made = (String, Vec<Record>);

fn made(common: &Common, records: Vec<Record>) -> Made {
    (common.repository.html_url.clone(), records)
}

/// Refuses the body of another kind of event: the header that names the kind is not authenticated, the body is.
fn absent<T>(pointer: &str, member: Option<&T>) -> Result<(), AdapterError> {
    match member {
        None => Ok(()),
        Some(_) => Err(refused(pointer, "is of another event than X-GitHub-Event names")),
    }
}

/// What every record of a repository has.
fn extension(common: &Common) -> Result<Extension, AdapterError> {
    let service = ServiceName::try_from(common.repository.name.clone());
    Ok(Extension {
        service: Some(service.map_err(|error| refused("/repository/name", error))?),
        repository: Some(common.repository.html_url.clone()),
        ..Extension::default()
    })
}

/// A package of GitHub: the repository at a commit or tag, in lower case as the purl specification asks for this type.
fn purl(common: &Common, version: &str) -> String {
    /// What a version keeps as it is.
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');
    let name = common.repository.full_name.to_ascii_lowercase();
    format!("pkg:github/{name}@{}", utf8_percent_encode(version, KEPT))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdapterError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refused(&pointer::of(error.path()), error.into_inner()))?;
    json.end().map_err(|error| refused("", error))?;
    Ok(value)
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}
