//! Integration tests, in one binary: through HTTP, through the real `shipslog`, and over the source itself.
//!
//! `tests/README.md` says how to run them and how they are laid out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop loudly"
)]

mod access;
mod alertmanager;
mod architecture;
mod assessment;
#[path = "../attack/mod.rs"]
mod attack;
mod auditor;
mod bad_events;
mod batch;
mod catalogue;
mod cdevents;
mod checkouts;
mod cli;
mod cli_record;
mod completeness;
mod compliance;
mod controls;
mod crash;
mod databases;
mod delivery_performance;
mod demo;
mod documents;
mod erasure;
mod events;
mod evil_operator;
mod faults;
mod fsck;
mod gate;
mod git_cliff;
mod github;
mod github_changes;
mod guard;
mod hooks;
mod issuing;
mod links;
mod log;
mod migrations;
mod monitor;
mod openapi;
mod package;
mod pages;
mod periods;
mod problems;
mod proofs;
mod reading;
mod record;
mod refresh;
mod release_notes;
mod replicas;
mod samples;
mod scripts;
mod static_export;
mod stopping;
mod storage_trouble;
mod succession;
mod support;
mod templates;
mod trust;
mod verifiers;
mod verify;
mod verify_report;
mod witness;
mod witnesses;
