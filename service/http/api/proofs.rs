//! `/v1/log/proof/…`: inclusion and consistency for any sizes, as JSON.
//!
//! Conveniences: the same proofs follow from the tiles under `/log`. They are not to be stored by caches, for an
//! answer under a wrong key would look like a fork.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::blocking;
use super::super::problem::Problem;
use super::query::Query;
use crate::app::App;

/// Which entry in which tree.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// Index of the entry.
    pub index: u64,
    /// Size of the tree, at most the committed one.
    pub tree_size: u64,
}

/// From which tree to which.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Size of the older tree, at least 1.
    pub old: u64,
    /// Size of the newer tree, at most the committed one.
    pub new: u64,
}

/// Proof that an entry is in a tree: RFC 9162 §2.1.3.
#[derive(Serialize, ToSchema)]
pub struct InclusionView {
    /// Index of the entry.
    pub index: u64,
    /// Size of the tree.
    pub tree_size: u64,
    /// Hash of the entry, in base64.
    pub leaf_hash: String,
    /// Root of the tree, in base64.
    pub root: String,
    /// The proof in base64, the sibling of the leaf first.
    pub hashes: Vec<String>,
}

/// Proof that a tree begins with all of another: RFC 9162 §2.1.4.
#[derive(Serialize, ToSchema)]
pub struct ConsistencyView {
    /// Size of the older tree.
    pub old: u64,
    /// Size of the newer tree.
    pub new: u64,
    /// Root of the older tree, in base64.
    pub old_root: String,
    /// Root of the newer tree, in base64.
    pub new_root: String,
    /// The proof in base64; empty where both are the same tree.
    pub hashes: Vec<String>,
}

/// The inclusion proof of an entry in the tree of any size up to the committed one.
#[utoipa::path(
    tag = "log",
    params(Inclusion),
    responses(
        (status = 200, description = "The proof", body = InclusionView),
        (status = 400, description = "There is no such tree, or no such entry in it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/log/proof/inclusion")]
pub async fn prove_inclusion(app: Data<App>, query: Query<Inclusion>) -> Result<HttpResponse, Problem> {
    let Inclusion { index, tree_size } = *query;
    let proof = blocking(move || app.prove_inclusion(index, tree_size)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(InclusionView {
            index,
            tree_size,
            leaf_hash: proof.leaf.to_base64(),
            root: proof.root.to_base64(),
            hashes: proof.hashes.iter().map(ledger::Hash::to_base64).collect(),
        }))
}

/// The consistency proof between the trees of any two sizes up to the committed one.
#[utoipa::path(
    tag = "log",
    params(Consistency),
    responses(
        (status = 200, description = "The proof", body = ConsistencyView),
        (status = 400, description = "There are no such trees, or in the other order", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/log/proof/consistency")]
pub async fn prove_consistency(app: Data<App>, query: Query<Consistency>) -> Result<HttpResponse, Problem> {
    let Consistency { old, new } = *query;
    let proof = blocking(move || app.prove_consistency(old, new)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(ConsistencyView {
            old,
            new,
            old_root: proof.old_root.to_base64(),
            new_root: proof.new_root.to_base64(),
            hashes: proof.hashes.iter().map(ledger::Hash::to_base64).collect(),
        }))
}
