//! The log for those who verify it: `/log/…` as C2SP tlog-tiles, `/v1/log/…` for single questions.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Json, Path, ReqData};
use actix_web::{HttpRequest, HttpResponse, get};
use base64ct::{Base64, Encoding};
use ledger::TilePath;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use super::query::Query;
use crate::app::{App, LogError, QuorumState, WitnessStatus, Witnessing};
use crate::domain::Instant;
use crate::domain::producer::Token;
use crate::store::AlarmRow;

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
    /// What witnesses say of the published checkpoints.
    pub witnessing: WitnessingView,
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

/// What witnesses say of the published checkpoints.
#[derive(Serialize, ToSchema)]
pub struct WitnessingView {
    /// Whether the checkpoint that `/log/checkpoint` serves has the quorum of the service's policy.
    pub quorum: QuorumState,
    /// The newest checkpoint with a quorum.
    pub newest_quorum: Option<WitnessedView>,
    /// The witnesses of the policy.
    pub witnesses: Vec<WitnessView>,
    /// Trees that witnesses hold and this log does not continue, the newest first. Alarms are never removed.
    pub alarms: Vec<AlarmView>,
}

/// A checkpoint and when something was said of it.
#[derive(Serialize, ToSchema)]
pub struct WitnessedView {
    /// Its size.
    pub tree_size: u64,
    /// When it was cosigned, or had its quorum.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
}

/// A witness of the policy.
#[derive(Serialize, ToSchema)]
pub struct WitnessView {
    /// What the policy calls it.
    pub name: String,
    /// Its key, as a C2SP vkey.
    pub key: String,
    /// The newest checkpoint that it cosigned.
    pub newest: Option<WitnessedView>,
}

/// A witness holds a tree that this log does not continue.
#[derive(Serialize, ToSchema)]
pub struct AlarmView {
    /// Key of the witness, as a C2SP vkey.
    pub witness: String,
    /// `fork`: another tree of a size that this log has had. `ahead`: a larger tree than is here.
    pub reason: String,
    /// Size of the tree that the witness holds.
    pub held_size: u64,
    /// Size of the checkpoint that it was asked to cosign.
    pub tree_size: u64,
    /// What happened, in words.
    pub message: String,
    /// The checkpoint that the witness holds, if it showed one that this log's key signed.
    pub held_checkpoint: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Instant,
}

impl From<(u64, Instant)> for WitnessedView {
    fn from((tree_size, at): (u64, Instant)) -> Self {
        Self { tree_size, at }
    }
}

impl From<Witnessing> for WitnessingView {
    fn from(witnessing: Witnessing) -> Self {
        let witness = |status: WitnessStatus| WitnessView {
            name: status.name,
            key: status.key,
            newest: status.newest.map(Into::into),
        };
        let alarm = |row: AlarmRow| AlarmView {
            witness: row.witness,
            reason: row.reason,
            held_size: row.held_size as u64,
            tree_size: row.tree_size as u64,
            message: row.message,
            held_checkpoint: row.held_note,
            raised_at: Instant::from_millis(row.raised_ms),
        };
        Self {
            quorum: witnessing.quorum,
            newest_quorum: witnessing.newest_quorum.map(Into::into),
            witnesses: witnessing.witnesses.into_iter().map(witness).collect(),
            alarms: witnessing.alarms.into_iter().map(alarm).collect(),
        }
    }
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

/// The published checkpoint, as a C2SP signed note with the cosignatures there are.
///
/// With a policy that asks for a quorum this is the newest checkpoint that has it, unless the witnesses have been silent
/// for more than ten seconds: then it is the newest one, and the header says so.
#[utoipa::path(
    tag = "log",
    responses(
        (status = 200, description = "Signed note", body = String, content_type = "text/plain",
            headers(
                ("Shipslog-Quorum" = String, description = "`met`, `old` (an older one has it), `missing` (none ever had it) or `not-required`"),
                ("Shipslog-Quorum-Size" = u64, description = "Size of the newest checkpoint with a quorum, if there is one"),
                ("Shipslog-Quorum-Time" = String, description = "When it had it"),
            )),
        (status = 404, description = "Nothing is published yet", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[get("/log/checkpoint")]
pub async fn checkpoint(app: Data<App>) -> Result<HttpResponse, Problem> {
    let served = blocking(move || app.served_checkpoint()).await?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header(("Shipslog-Quorum", served.quorum.as_str()))
        .content_type("text/plain; charset=utf-8");
    if let Some((size, at)) = served.newest_quorum {
        response
            .insert_header(("Shipslog-Quorum-Size", size))
            .insert_header(("Shipslog-Quorum-Time", at.to_string()));
    }
    Ok(response.body(served.note.to_string()))
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
    let (summary, witnessing) = blocking(move || Ok::<_, LogError>((app.log_summary()?, app.witnessing()?))).await?;
    Ok(Json(LogView {
        origin: summary.origin,
        tree_size: summary.tree_size,
        root: summary.root.to_base64(),
        log_key: summary.log_key,
        checkpoint: summary.checkpoint,
        witnessing: witnessing.into(),
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
pub async fn show_envelopes(
    app: Data<App>,
    caller: ReqData<Token>,
    bundle: Path<u64>,
    at: Query<TreeSize>,
) -> Result<HttpResponse, Problem> {
    let (bundle, size) = (*bundle, at.tree_size);
    let reading = app.clone();
    let (lines, size) = blocking(move || reading.envelope_lines(bundle, size)).await?;
    app.record_export_question(&caller, size).await?;
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(lines))
}
