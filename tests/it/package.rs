//! `export --scope` and `verify export`: all that an offline audit needs in one folder, and every byte of every file counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding};
use rstest::rstest;
use serde_json::{Value, json};

use crate::auditor::token;
use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, deployed, sign};
use crate::support::{Backend, key, python};
use crate::verify_report::history;

/// A package, the log's key, and the service that it is of.
struct Exported {
    folder: tempfile::TempDir,
    service: Service,
    _database: TestDatabase,
}

/// What an auditor exports of a short history.
fn exported(backend: Backend, limits: &Value, scopes: &[&str]) -> Option<Exported> {
    exported_of(backend, limits, scopes, Some("2026-01".to_owned()))
}

/// The same of a period; of the year in which it is recorded where none is given.
fn exported_of(backend: Backend, limits: &Value, scopes: &[&str], period: Option<String>) -> Option<Exported> {
    let database = TestDatabase::new(backend)?;
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let elsewhere = at(deployed("e1", "secretive", "laboratory", 70), "2026-01-13T10:00:00Z");
    for event in history().into_iter().chain([elsewhere]) {
        service.client.record(&sign(&event, &key(7))).expect(201);
    }
    let admin = service.client.clone();
    // Another auditor asks, about another place and about this one.
    let other = admin.with_token(&token(&admin, &whole()));
    for place in ["laboratory", "production&service=checkout"] {
        let report = format!("/v1/reports/compliance?environment={place}&period=2026-01");
        other.get(&report).expect(200);
    }
    let begun = admin.get("/v1/events/0").expect(200).json();
    let period = period.unwrap_or_else(|| begun["recorded_at"].as_str().unwrap()[..4].to_owned());
    service.client = service.client.with_token(&token(&admin, limits));
    let package = folder.path().join("package").display().to_string();
    let scopes: Vec<&str> = scopes.iter().flat_map(|scope| ["--scope", scope]).collect();
    let done = service.shipslog(&[&["export", &package, "--period", &period][..], &scopes].concat());
    assert!(done.status.success(), "{}", said(&done));
    service.client = admin;
    Some(Exported {
        folder,
        service,
        _database: database,
    })
}

/// No limit but a time.
fn whole() -> Value {
    json!({ "valid_until": "2126-01-01T00:00:00Z" })
}

impl Exported {
    fn package(&self) -> PathBuf {
        self.folder.path().join("package")
    }

    fn vkey(&self) -> String {
        self.service.data.join("log.vkey").display().to_string()
    }

    fn verify(&self) -> std::process::Output {
        run(&[
            "verify",
            "export",
            self.package().to_str().unwrap(),
            "--log-key",
            &self.vkey(),
        ])
    }

    /// Every file of the package, by its name.
    fn files(&self) -> Vec<String> {
        let list = fs::read_to_string(self.package().join("MANIFEST")).unwrap();
        let listed = list.lines().map(|line| line.split_once("  ").unwrap().1.to_owned());
        listed.chain(["MANIFEST".to_owned()]).collect()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.package().join(name)).unwrap()
    }

    /// Every line of the bundle's envelopes, in order.
    fn lines(&self) -> Vec<String> {
        let files = self.files().into_iter();
        let files = files.filter(|name| name.starts_with("bundle/envelopes/"));
        let text: String = files.map(|name| String::from_utf8(self.read(&name)).unwrap()).collect();
        text.lines().map(str::to_owned).collect()
    }

    /// What somebody would do who changes a file and knows of the manifest.
    fn list_again(&self) {
        let names = self.files();
        let names = names
            .iter()
            .filter(|name| *name != "MANIFEST" && self.package().join(name).exists());
        let digests: BTreeMap<&String, String> = names
            .map(|name| (name, ledger::sha256(&self.read(name)).to_string()))
            .collect();
        let lines = digests.iter().map(|(name, digest)| format!("{digest}  {name}\n"));
        fs::write(self.package().join("MANIFEST"), lines.collect::<String>()).unwrap();
    }
}

#[rstest]
fn an_auditor_takes_everything_away_and_verifies_it(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(exported) = exported(backend, &whole(), &["production", "production/checkout", "production"]) else {
        return;
    };
    let (package, vkey) = (exported.package(), exported.vkey());
    let verdict = exported.verify();
    assert_eq!(code(&verdict), 0, "{}", said(&verdict));
    let text = String::from_utf8_lossy(&verdict.stdout).into_owned();
    assert!(
        text.contains("Verified: 2 reports") && text.contains("--service checkout"),
        "{text}"
    );
    let place = |name: &str| package.join(name).display().to_string();
    // The three commands of its README, without and with this program; then each document for itself.
    let listed = Command::new("sha256sum")
        .args(["--check", "--strict", "MANIFEST"])
        .current_dir(&package)
        .output();
    assert!(listed.unwrap().status.success());
    assert!(python::verify(&[&place("bundle"), "--log-key", &vkey]).is_none_or(|code| code == 0));
    assert_eq!(
        code(&run(&["verify", "bundle", &place("bundle"), "--log-key", &vkey])),
        0
    );
    for scope in ["production", "production+checkout"] {
        let json = fs::read_to_string(place(&format!("reports/{scope}/compliance-report.json"))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let query = json["generated"]["query"].as_str().unwrap();
        for form in [
            "compliance-report.md",
            "compliance-report.html",
            "compliance-report.json",
            "compliance-report.csv",
        ] {
            let document = place(&format!("reports/{scope}/{form}"));
            let arguments = [
                "verify",
                "report",
                &document,
                "--bundle",
                &place("bundle"),
                "--log-key",
                &vkey,
            ];
            let verdict = run(&[&arguments[..], &["--query", query]].concat());
            assert_eq!(code(&verdict), 0, "{document}: {}", said(&verdict));
        }
    }
    // Each of the fourteen documents was a question, and the history another, beside those of the other auditor.
    let asked = "/v1/events?type=dev.cdeventsx.shipslog-document.asked.0.1.0";
    let asked = exported.service.client.get(asked).expect(200).json();
    assert_eq!(asked["items"].as_array().unwrap().len(), 17);
}

#[rstest]
fn whoever_is_limited_takes_a_part_away_and_the_rest_is_proven(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let limits = json!({
        "environments": ["production"], "services": ["checkout"], "from": "2026-01-01", "to": "2026-02-01",
    });
    let Some(exported) = exported(backend, &limits, &["production/checkout"]) else {
        return;
    };
    let verdict = exported.verify();
    assert_eq!(code(&verdict), 0, "{}", said(&verdict));
    let text = String::from_utf8_lossy(&verdict.stdout).into_owned();
    assert!(text.contains("which are withheld"), "{text}");
    let (bundle, vkey) = (exported.package().join("bundle").display().to_string(), exported.vkey());
    // What is withheld nobody could check, and the reader has to say that this is known.
    for (known, expected) in [(&[][..], 2), (&["--allow-withheld"][..], 0)] {
        let arguments = [&[bundle.as_str(), "--log-key", &vkey], known].concat();
        let verdict = run(&[&["verify", "bundle"], &arguments[..]].concat());
        let text = String::from_utf8_lossy(&verdict.stdout).into_owned();
        assert!(code(&verdict) == expected && text.contains("  withheld    "), "{text}");
        assert!(python::verify(&arguments).is_none_or(|code| code == expected));
    }
    // Another service elsewhere is not shown; who may sign is, and what the report was made from.
    let lines = exported.lines();
    let found = exported
        .service
        .client
        .get("/v1/events?service=secretive")
        .expect(200)
        .json();
    let index = found["items"][0]["index"].as_u64().unwrap() as usize;
    assert_eq!(lines[index], format!("{{\"index\":{index},\"withheld\":true}}"));
    assert!(lines[0].contains("\"envelope\""));
    let shown = exported
        .service
        .client
        .get("/v1/events?service=checkout&to=2026-02-01T00:00:00Z")
        .expect(200)
        .json();
    for item in shown["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["environment"] == "production")
    {
        assert!(
            lines[item["index"].as_u64().unwrap() as usize].contains("\"envelope\""),
            "{item}"
        );
    }
    // One more that is withheld: the report cannot be made any more, and nobody is told that it is right.
    let index = shown["items"][0]["index"].as_u64().unwrap() as usize;
    let name = exported
        .files()
        .into_iter()
        .find(|name| name.starts_with("bundle/envelopes/"))
        .unwrap();
    let less = String::from_utf8(exported.read(&name)).unwrap();
    let less = less.replace(&lines[index], &format!("{{\"index\":{index},\"withheld\":true}}"));
    fs::write(exported.package().join(&name), less).unwrap();
    exported.list_again();
    let verdict = exported.verify();
    assert!(
        code(&verdict) == 2 && said(&verdict).contains("CANNOT TELL"),
        "{}",
        said(&verdict)
    );
}

/// What a line of a bundle says, where it is shown.
fn payload(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).unwrap();
    let payload = line["envelope"]["payload"].as_str()?;
    Some(serde_json::from_slice(&Base64::decode_vec(payload).unwrap()).unwrap())
}

#[rstest]
fn what_others_asked_elsewhere_is_counted_and_not_shown(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let limits = json!({ "environments": ["production"], "services": ["checkout"] });
    let Some(exported) = exported_of(backend, &limits, &["production/checkout"], None) else {
        return;
    };
    let lines = exported.lines();
    let texts: Vec<Value> = lines.iter().filter_map(|line| payload(line)).collect();
    let asked: Vec<&str> = texts
        .iter()
        .filter_map(|event| event["customData"]["shipslog"]["question"]["query"].as_str())
        .collect();
    assert!(matches!(asked[..], [asked] if asked.contains("--environment production --service checkout")));
    assert!(
        texts
            .iter()
            .any(|event| event["customData"]["shipslog"]["administration"]["action"] == "token_issued")
    );
    let report = exported.read("reports/production+checkout/compliance-report.json");
    let report: Value = serde_json::from_slice(&report).unwrap();
    let integrity = &report["integrity"];
    let counted = (
        integrity["questions"].as_array().unwrap().len(),
        &integrity["questions_elsewhere"],
    );
    assert_eq!(counted, (1, &json!(1)));
    // Whoever has the package alone makes the same report of it, with the same count.
    let verdict = exported.verify();
    assert_eq!(code(&verdict), 0, "{}", said(&verdict));
    let (bundle, vkey) = (exported.package().join("bundle").display().to_string(), exported.vkey());
    let arguments = [bundle.as_str(), "--log-key", &vkey, "--allow-withheld"];
    assert_eq!(code(&run(&[&["verify", "bundle"], &arguments[..]].concat())), 0);
    assert!(python::verify(&arguments).is_none_or(|code| code == 0));
}

#[test]
fn every_byte_of_every_file_counts() {
    let Some(exported) = exported(Backend::Sqlite, &whole(), &["production"]) else {
        return;
    };
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let files = exported.files();
    let whole: BTreeMap<&String, Vec<u8>> = files.iter().map(|name| (name, exported.read(name))).collect();
    for round in 0..100 {
        // The history and the reports as often as all the templates and the catalogue.
        let some: Vec<&String> = files
            .iter()
            .filter(|name| round % 3 == 0 || !name.starts_with("built-in/"))
            .collect();
        let name = some[roll(some.len())];
        let mut bytes = whole[name].clone();
        let at = roll(bytes.len());
        let path = exported.package().join(name);
        let what = match roll(5) {
            0 => {
                bytes[at] ^= 1 << roll(8);
                "flipped"
            }
            1 => {
                bytes.insert(at, roll(256) as u8);
                "inserted"
            }
            2 => {
                bytes.remove(at);
                "deleted"
            }
            3 => {
                let other = some[roll(some.len())];
                if whole[other] == whole[name] {
                    continue;
                }
                bytes.clone_from(&whole[other]);
                fs::write(exported.package().join(other), &whole[name]).unwrap();
                "swapped"
            }
            _ => {
                fs::remove_file(&path).unwrap();
                "removed"
            }
        };
        if what != "removed" {
            fs::write(&path, &bytes).unwrap();
        }
        let knowing = round % 2 == 0 && name != "MANIFEST" && what != "swapped";
        if knowing {
            exported.list_again();
        }
        let verdict = exported.verify();
        assert!(
            [1, 2].contains(&code(&verdict)),
            "{what} at {at} of {name}, listed again: {knowing}: {}",
            stdout(&verdict)
        );
        for (name, bytes) in &whole {
            fs::write(exported.package().join(name), bytes).unwrap();
        }
    }
    assert_eq!(code(&exported.verify()), 0, "whole again");
    let wrong = |name: &str, bytes: &[u8], words: &str| {
        fs::write(exported.package().join(name), bytes).unwrap();
        let verdict = exported.verify();
        assert!(
            code(&verdict) == 1 && said(&verdict).contains(words),
            "{name}: {}",
            said(&verdict)
        );
        fs::remove_file(exported.package().join(name)).unwrap();
    };
    wrong("notes.txt", b"x", "notes.txt is not in MANIFEST");
    wrong("bundle/notes.txt", b"x", "bundle/notes.txt is not in MANIFEST");
    fs::create_dir(exported.package().join("reports/empty")).unwrap();
    assert_eq!(code(&exported.verify()), 1);
    assert_eq!(
        code(&run(&[
            "verify",
            "export",
            "/nonexistent",
            "--log-key",
            &exported.vkey()
        ])),
        2
    );
}

#[test]
fn what_cannot_be_exported_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(&folder.path().join("data"), None, &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let event = deployed("d", "checkout", "production", 1);
    service.client.record(&sign(&event, &key(7))).expect(201);
    let package = folder.path().join("package").display().to_string();
    let refused = |service: &Service, arguments: &[&str], exit: i32, words: &str| {
        let done = service.shipslog(&[&["export", &package][..], arguments].concat());
        assert!(
            code(&done) == exit && said(&done).contains(words),
            "{arguments:?}: {} {}",
            code(&done),
            said(&done)
        );
        assert!(!Path::new(&package).exists() && !folder.path().join("package.partial").exists());
    };
    refused(&service, &["--scope", "production"], 2, "--period");
    refused(&service, &["--period", "2026-01"], 2, "--scope");
    refused(
        &service,
        &["--scope", "production/", "--period", "2026-01"],
        2,
        "the service",
    );
    refused(
        &service,
        &["--scope", "production", "--period", "winter"],
        1,
        "period must be",
    );
    refused(
        &service,
        &["--scope", "production", "--period", "2026-01", "--framework", "x"],
        1,
        "no framework `x`",
    );
    // Templates that the service was not started with.
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("compliance-report.md"), "{{ title }}\n").unwrap();
    let templates = own.to_str().unwrap();
    let asked = ["--scope", "production", "--period", "2026-01", "--templates", templates];
    refused(&service, &asked, 2, "other templates");
    // What lies beyond a token's reach.
    let limited = token(&service.client, &json!({ "environments": ["production"] }));
    service.client = service.client.with_token(&limited);
    refused(
        &service,
        &["--scope", "staging", "--period", "2026-01"],
        1,
        "production alone",
    );
}
