//! Holds the source to the module table of `service/README.md`, so that the layering cannot rot.
//!
//! The scanner is plain: it drops comments and literals, then looks for paths. It knows no macro, and need not.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use source::{
    Source, declared_modules, mentions, module_of, root, service, sources, uses, without_tests, without_text,
};

/// Every module of the `shipslog` crate with the modules it may use, lowest first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("disk", &[]),
    ("entropy", &[]),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("clock", &["domain"]),
    ("data", &["entropy"]),
    ("fork", &["data"]),
    ("outbound", &[]),
    ("parallel", &[]),
    ("adapter", &["domain"]),
    ("correlate", &["domain"]),
    ("reconcile", &["domain"]),
    ("check", &["domain", "reconcile"]),
    ("catalogue", &["check", "domain"]),
    ("metrics", &["correlate", "domain"]),
    (
        "document",
        &[
            "catalogue",
            "check",
            "correlate",
            "domain",
            "metrics",
            "parallel",
            "reconcile",
        ],
    ),
    ("render", &[]),
    ("audit", &["domain"]),
    ("store", &["domain", "parallel"]),
    ("guard", &["store"]),
    ("sequencer", &["clock", "disk", "domain", "guard", "store"]),
    (
        "app",
        &[
            "adapter",
            "audit",
            "catalogue",
            "check",
            "clock",
            "correlate",
            "disk",
            "document",
            "domain",
            "entropy",
            "guard",
            "metrics",
            "reconcile",
            "render",
            "sequencer",
            "store",
        ],
    ),
    ("witness", &["clock", "fork", "store"]),
    ("witnesses", &["app", "clock", "outbound", "store"]),
    (
        "http",
        &[
            "adapter",
            "app",
            "document",
            "domain",
            "metrics",
            "reconcile",
            "sequencer",
            "store",
            "witness",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "audit",
            "catalogue",
            "check",
            "clock",
            "config",
            "data",
            "disk",
            "document",
            "domain",
            "entropy",
            "fork",
            "guard",
            "http",
            "outbound",
            "reconcile",
            "render",
            "store",
            "telemetry",
            "witness",
            "witnesses",
        ],
    ),
];

/// What only some places may name. A place is a module, or a file relative to `service/`.
const CONFINED: &[(&str, &[&str])] = &[
    ("diesel", &["store"]),
    ("diesel_async", &["store"]),
    ("diesel_migrations", &["store"]),
    ("libsqlite3_sys", &["store"]),
    ("tokio_postgres", &["store"]),
    ("tokio_postgres_rustls", &["store"]),
    ("actix_web", &["http", "cli/serve.rs"]),
    ("utoipa_actix_web", &["http"]),
    ("utoipa_swagger_ui", &["http"]),
    ("fs4", &["disk.rs"]),
    ("reqwest", &["cli", "outbound", "witnesses"]),
    ("clap", &["cli", "config.rs"]),
    ("comfy_table", &["cli"]),
    ("indicatif", &["cli"]),
    ("minijinja", &["render"]),
    ("pulldown_cmark", &["render"]),
    ("chrono_tz", &["domain", "render"]),
    ("std::env", &["cli", "config.rs"]),
    ("std::process", &["cli", "main.rs"]),
    ("Utc::now", &["clock.rs"]),
    ("SystemTime::now", &["clock.rs"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
];

/// Modules that compute and nothing else: no files, no network, no clock, no runtime.
const PURE: &[&str] = &[
    "adapter",
    "audit",
    "check",
    "correlate",
    "document",
    "domain",
    "metrics",
    "reconcile",
];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io",
    "std::thread",
    "tokio",
    "getrandom",
    "Instant::now",
];

/// The whole of what an auditor who depends on the ledger crate alone has to trust.
const LEDGER_DEPENDENCIES: &[&str] = &[
    "base64",
    "ed25519-dalek",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "zeroize",
];
const LEDGER_FORBIDDEN: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::time",
    "std::thread",
    "std::process",
    "println!",
];

const LONGEST_FILE: usize = 500;

fn fail_with(problems: &[String], rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}

#[test]
fn modules_are_used_downwards_only() {
    let modules = declared_modules();
    let table: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let rows: BTreeSet<String> = table.keys().map(|m| (*m).to_owned()).collect();
    assert_eq!(
        rows, modules,
        "the table has a row for every module of service/lib.rs, and for nothing else"
    );

    let mut problems = Vec::new();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in service() {
        let module = module_of(&source.path);
        // The tests of a document go through to the page that a reader sees.
        let is_test = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
        if module == "lib" || module == "main" || is_test {
            continue;
        }
        for name in uses(&source, &modules) {
            if !table
                .get(module)
                .is_some_and(|allowed| allowed.contains(&name.as_str()))
            {
                problems.push(format!("service/{} uses crate::{name}", source.path));
            }
            used.entry(module.to_owned()).or_default().insert(name);
        }
    }
    for (at, (module, allowed)) in ALLOWED.iter().enumerate() {
        for name in *allowed {
            if !ALLOWED[..at].iter().any(|(lower, _)| lower == name) {
                problems.push(format!("the table lets {module} use {name}, which is not below it"));
            }
            if !used.get(*module).is_some_and(|names| names.contains(*name)) {
                problems.push(format!(
                    "the table lets {module} use {name}, but it does not: remove the permission"
                ));
            }
        }
    }
    fail_with(&problems, "modules are used downwards only, as the table says");
}

#[test]
fn libraries_stay_where_they_belong() {
    let files: BTreeSet<String> = service().into_iter().map(|s| s.path).collect();
    let mut problems = Vec::new();
    for source in service() {
        let allowed = |places: &[&str]| {
            places
                .iter()
                .any(|p| *p == source.path || *p == module_of(&source.path))
        };
        for (name, places) in CONFINED {
            if !allowed(places) && mentions(&source.code, name).next().is_some() {
                problems.push(format!(
                    "service/{} names {name}, which belongs to {}",
                    source.path,
                    places.join(", ")
                ));
            }
        }
        if PURE.contains(&module_of(&source.path)) {
            let impure = IMPURE
                .iter()
                .filter(|name| mentions(&source.code, name).next().is_some());
            problems.extend(impure.map(|name| format!("service/{} is pure but names {name}", source.path)));
        }
    }
    for (name, places) in CONFINED {
        let exists = |place: &str| files.iter().any(|f| f == place || module_of(f) == place);
        let missing = places.iter().filter(|place| !exists(place));
        problems.extend(missing.map(|place| format!("{name} is confined to {place}, which does not exist")));
    }
    fail_with(&problems, "libraries stay where they belong");
}

#[test]
fn every_module_says_what_it_is_for() {
    let problems: Vec<String> = service()
        .iter()
        .map(|s| (format!("service/{}", s.path), s))
        .chain(sources("tests").iter().map(|s| (format!("tests/{}", s.path), s)))
        // Unit tests beside their module need no introduction.
        .filter(|(path, s)| {
            let beside = path.starts_with("service/") && path.ends_with("/tests.rs");
            !beside && !s.text.starts_with("//! ")
        })
        .map(|(path, _)| path)
        .collect();
    fail_with(&problems, "every file begins with a //! line that says what it is for");
}

#[test]
fn no_file_holds_more_than_one_idea() {
    let mut problems = Vec::new();
    for folder in ["service", "tests"] {
        for source in sources(folder) {
            let lines = source.text.lines().count();
            if lines > LONGEST_FILE {
                problems.push(format!("{folder}/{} has {lines} lines", source.path));
            }
        }
    }
    fail_with(&problems, "no file is longer than 500 lines");
}

#[test]
fn the_ledger_crate_is_small_and_pure() {
    let manifest = fs::read_to_string(root().join("service/ledger/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies: Vec<&str> = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        dependencies, LEDGER_DEPENDENCIES,
        "the ledger crate depends on exactly these"
    );
    assert!(!manifest.contains_key("target") && !manifest.contains_key("build-dependencies"));

    let mut problems = Vec::new();
    for source in sources("service/ledger/src") {
        let named = LEDGER_FORBIDDEN
            .iter()
            .filter(|name| mentions(&source.code, name).next().is_some());
        problems.extend(named.map(|name| format!("service/ledger/src/{} names {name}", source.path)));
        if !source.text.starts_with("//! ") {
            problems.push(format!("service/ledger/src/{} has no //! header", source.path));
        }
    }
    fail_with(&problems, "the ledger crate does no IO and reads no clock");
}

#[test]
fn the_scanner_sees_what_it_should() {
    let code = without_tests(&without_text(concat!(
        "// crate::store\nuse crate::{domain::id, store::{Db, Page}};\nlet a = \"crate::http \\\" crate::cli\";\n",
        "let b = r#\"crate::app\"#; let c = '\"'; let d: &'static str = x; super::super::render::html();\n",
        "#[cfg(test)]\nmod tests { use crate::sequencer; }\nfn f() { my_crate::x(); crate::audit::run() }\n",
    )));
    let source = Source {
        path: "document/notes.rs".into(),
        text: String::new(),
        code,
    };
    let modules: BTreeSet<String> = ["render".to_owned()].into();
    let found: Vec<String> = uses(&source, &modules).into_iter().collect();
    assert_eq!(found, ["audit", "domain", "render", "store"]);
    assert_eq!(mentions("std::fs::read(x); my_std::fs; std::fsx", "std::fs").count(), 1);
}
