//! The log for those who verify it: `/log/…` as C2SP tlog-tiles, `/v1/log/…` for single questions.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use base64ct::{Base64, Encoding};
use ledger::TilePath;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use crate::app::{App, LogError};
use crate::domain::Instant;

/// The log as it is now.
#[derive(Serialize, ToSchema)]
pub struct LogView {
    /// Origin of its checkpoints.
    pub origin: String,
    /// Number of entries.
    pub tree_size: u64,
    /// Root of the tree, in base64 as in its checkpoint.
    pub root: String,
    /// Public key of the log, as a C2SP vkey. An auditor gets it from elsewhere.
    pub log_key: String,
    /// The signed checkpoint of exactly this tree.
    pub checkpoint: String,
    /// The log that this one continues, named by its second entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<PredecessorView>,
}

/// A log that has ended and is continued by this one.
#[derive(Serialize, ToSchema)]
pub struct PredecessorView {
    /// Its origin.
    pub origin: String,
    /// How many entries it had.
    pub tree_size: u64,
    /// Its public key, as a C2SP vkey. An auditor gets it from elsewhere.
    pub log_key: String,
    /// Its last signed checkpoint, as published.
    pub checkpoint: String,
}

/// An entry of the log, taken apart.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    /// Its index.
    pub index: u64,
    /// The server's clock when it was sequenced.
    #[schema(value_type = String, format = DateTime)]
    pub time: Instant,
    /// Commitment to the signed content, in base64.
    pub commitment: String,
    /// Payload type of the envelope.
    pub payload_type: String,
    /// Accepted signatures.
    pub signers: Vec<SignerView>,
    /// Bytes of the leaf, in base64.
    pub entry: String,
}

/// An accepted signature of an entry.
#[derive(Serialize, ToSchema)]
pub struct SignerView {
    /// SHA-256 of the key's DER SubjectPublicKeyInfo, in hex.
    pub key: String,
    /// SHA-256 of the signature, in base64.
    pub signature: String,
}

/// As of which tree.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TreeSize {
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// The newest published checkpoint, as a C2SP signed note.
#[utoipa::path(
    tag = "log",
    responses(
        (status = 200, description = "Signed note", body = String, content_type = "text/plain"),
        (status = 404, description = "Nothing is published yet", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[get("/log/checkpoint")]
pub async fn checkpoint(app: Data<App>) -> Result<HttpResponse, Problem> {
    let note = blocking(move || app.published_checkpoint()).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("text/plain; charset=utf-8")
        .body(note))
}

/// A tile or entry bundle of the published log, by its C2SP tlog-tiles path.
#[utoipa::path(
    tag = "log",
    params(("path" = String, Path, description = "`<L>/<N>[.p/<W>]`, or `entries/<N>[.p/<W>]`")),
    responses(
        (status = 200, description = "Hashes, or entries with their lengths. Never changes.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "Unchanged"),
        (status = 404, description = "The published tree does not imply it", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[get("/log/tile/{path:.*}")]
pub async fn tile(app: Data<App>, request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    let path = TilePath::parse(&path).map_err(|_| Problem::from(LogError::NoResource))?;
    let tile = blocking(move || app.tile(&path)).await?;
    let etag = format!("\"{}\"", tile.etag);
    let unchanged = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((ETAG, etag))
        .content_type("application/octet-stream");
    Ok(if unchanged {
        response.finish()
    } else {
        response.body(tile.bytes)
    })
}

/// What the log is and how large.
#[utoipa::path(
    tag = "log",
    responses((status = 200, description = "The committed head", body = LogView)),
    security(("token" = []))
)]
#[get("/v1/log")]
pub async fn show_log(app: Data<App>) -> Result<Json<LogView>, Problem> {
    let keyring = app.keyring();
    let summary = blocking(move || app.log_summary()).await?;
    Ok(Json(LogView {
        origin: summary.origin,
        tree_size: summary.tree_size,
        root: summary.root.to_base64(),
        log_key: summary.log_key,
        checkpoint: summary.checkpoint,
        predecessor: keyring.predecessor().map(|predecessor| PredecessorView {
            origin: predecessor.checkpoint.origin.clone(),
            tree_size: predecessor.checkpoint.size,
            log_key: predecessor.log_key.clone(),
            checkpoint: predecessor.note.clone(),
        }),
    }))
}

/// One entry, taken apart.
#[utoipa::path(
    tag = "log",
    params(("index" = u64, Path, description = "Index of the entry")),
    responses(
        (status = 200, description = "The entry", body = EntryView),
        (status = 404, description = "There is no such entry", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/log/entries/{index}")]
pub async fn show_entry(app: Data<App>, index: Path<u64>) -> Result<Json<EntryView>, Problem> {
    let index = *index;
    let entry = blocking(move || app.entry(index)).await?;
    Ok(Json(EntryView {
        index,
        time: Instant::from_millis(entry.time() as i64),
        commitment: entry.commitment().to_base64(),
        payload_type: entry.payload_type().to_owned(),
        signers: entry
            .signers()
            .iter()
            .map(|signer| SignerView {
                key: signer.key.to_string(),
                signature: signer.signature.to_base64(),
            })
            .collect(),
        entry: Base64::encode_string(&entry.encode()),
    }))
}

/// The inclusion proof of an entry with a signed checkpoint, as C2SP `tlog-proof` text.
#[utoipa::path(
    tag = "log",
    params(("index" = u64, Path, description = "Index of the entry"), TreeSize),
    responses(
        (status = 200, description = "tlog-proof", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such entry, or no checkpoint of that size", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/log/entries/{index}/proof")]
pub async fn show_proof(app: Data<App>, index: Path<u64>, at: Query<TreeSize>) -> Result<HttpResponse, Problem> {
    let (index, size) = (*index, at.tree_size);
    let proof = blocking(move || app.entry_proof(index, size)).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(proof.to_string()))
}

/// The envelopes of an entry bundle (256 entries) with their salts, one line each, in canonical form.
#[utoipa::path(
    tag = "log",
    params(("bundle" = u64, Path, description = "Number of the bundle"), TreeSize),
    responses(
        (status = 200, description = "`{\"index\":…,\"salt\":…,\"envelope\":{…}}` a line", body = String, content_type = "application/x-ndjson"),
        (status = 404, description = "There is no such bundle", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "Something in it was erased by an entry that a tree of this size does not have", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/log/envelopes/{bundle}")]
pub async fn show_envelopes(app: Data<App>, bundle: Path<u64>, at: Query<TreeSize>) -> Result<HttpResponse, Problem> {
    let (bundle, size) = (*bundle, at.tree_size);
    let lines = blocking(move || app.envelope_lines(bundle, size)).await?;
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(lines))
}
