//! A bundle verifies as it was written, and in no other form: every byte of every file counts.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::trust::Trust;
use super::*;
use crate::audit::Kind;
use crate::audit::fixture::Log;

struct Bundle {
    folder: tempfile::TempDir,
    log: Log,
}

fn trust(key: &ledger::NoteKey) -> Trust {
    Trust::of(key.clone())
}

impl Bundle {
    fn new(size: usize) -> Self {
        Self::of(Log::new(size.max(2)))
    }

    /// The bundle of a log, with a checkpoint that covers it whatever is in it.
    fn of(log: Log) -> Self {
        let size = log.kept.len();
        let bundle = Self {
            folder: tempfile::tempdir().unwrap(),
            log,
        };
        for (name, text) in FIXED {
            bundle.write(name, text.as_bytes());
        }
        bundle.write(CHECKPOINT, bundle.log.note().to_string().as_bytes());
        for part in Part::all(size as u64) {
            let (mut entries, mut lines) = (Vec::new(), String::new());
            for index in part.first..part.first + u64::from(part.width) {
                let kept = &bundle.log.kept[index as usize];
                entries.extend((kept.leaf.len() as u16).to_be_bytes());
                entries.extend(&kept.leaf);
                lines.push_str(&line(index, &kept.salt, &kept.envelope));
            }
            bundle.write(&part.entries_file(), &entries);
            bundle.write(&part.envelopes_file(), lines.as_bytes());
        }
        bundle
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for item in fs::read_dir(folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    walk(&path, found)
                } else {
                    found.push(path)
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found
    }

    fn verdict(&self) -> Verdict {
        verify(self.folder.path(), &trust(Log::signer().key()), None).unwrap()
    }

    fn holds(&self) -> bool {
        let verdict = self.verdict();
        verdict.opened.is_some() && verdict.report.findings.is_empty()
    }
}

#[test]
fn a_bundle_verifies() {
    for size in [1, 2, 255, 256, 257, 512, 515] {
        let bundle = Bundle::new(size);
        let verdict = bundle.verdict();
        assert_eq!(verdict.report.findings, [], "size {size}");
        assert_eq!(verdict.report.size, size.max(2) as u64);
    }
}

#[test]
fn files_are_named_as_the_specification_of_tiles_says() {
    let parts = Part::all(70_000).collect::<Vec<_>>();
    assert_eq!(parts.len(), 274);
    assert_eq!(parts[0].entries_file(), "tile/entries/000");
    assert_eq!(parts[273].entries_file(), "tile/entries/273.p/112");
    assert_eq!(parts[273].envelopes_file(), "envelopes/273.p/112.jsonl");
    assert_eq!(Part::all(0).count(), 0);
    assert_eq!(Part::all(256).map(|part| part.width).collect::<Vec<_>>(), [256]);
}

#[test]
fn a_flip_of_any_byte_of_any_file_is_found() {
    let bundle = Bundle::new(3);
    assert!(bundle.holds());
    let mut flips = 0;
    for file in bundle.files() {
        let bytes = fs::read(&file).unwrap();
        // The fixed texts are long and compared as a whole.
        let step = if file.ends_with("verify.py") { 97 } else { 1 };
        for at in (0..bytes.len()).step_by(step) {
            // One bit that wanders, and for letters the case, to which base64 and hexadecimal readers are often blind.
            let case = bytes[at].is_ascii_alphabetic().then_some(0x20);
            for mask in [Some(1 << (at % 8)), case].into_iter().flatten() {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                fs::write(&file, &changed).unwrap();
                assert!(!bundle.holds(), "byte {at} of {} ^ {mask:#x}", file.display());
                flips += 1;
            }
        }
        fs::write(&file, &bytes).unwrap();
    }
    assert!(bundle.holds() && flips > 5_000, "{flips}");
}

#[test]
fn a_file_that_is_missing_shorter_or_longer_is_found() {
    let bundle = Bundle::new(258);
    assert_eq!(bundle.files().len(), 7);
    for file in bundle.files() {
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(!bundle.holds(), "without {}", file.display());
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(!bundle.holds(), "shorter {}", file.display());
        fs::write(&file, [&bytes[..], b"\n"].concat()).unwrap();
        assert!(!bundle.holds(), "longer {}", file.display());
        fs::write(&file, b"").unwrap();
        assert!(!bundle.holds(), "empty {}", file.display());
        fs::write(&file, &bytes).unwrap();
    }
    assert!(bundle.holds());
}

#[test]
fn what_does_not_belong_is_found() {
    for name in [
        "notes.txt",
        "tile/0/000",
        "tile/entries/001",
        "tile/entries/000.p/3",
        "tile/entries/000",
        "envelopes/000.p/4",
        "envelopes/000.p/4.jsonl.bak",
        "envelopes/README.md",
        "tile/checkpoint",
    ] {
        let bundle = Bundle::new(4);
        bundle.write(name, b"x");
        assert!(!bundle.holds(), "{name}");
    }
    let bundle = Bundle::new(4);
    fs::create_dir(bundle.folder.path().join("empty")).unwrap();
    assert!(!bundle.holds());
    let bundle = Bundle::new(4);
    std::os::unix::fs::symlink("checkpoint", bundle.folder.path().join("link")).unwrap();
    assert!(!bundle.holds());
}

#[test]
fn a_file_behind_a_link_is_not_a_file_of_the_bundle() {
    let bundle = Bundle::new(4);
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let file = bundle.folder.path().join(CHECKPOINT);
    fs::copy(&file, elsewhere.path()).unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &file).unwrap();
    assert!(!bundle.holds());
}

#[test]
fn an_earlier_checkpoint_does_not_cover_later_entries() {
    let bundle = Bundle::new(6);
    bundle.write(CHECKPOINT, Log::new(5).note().to_string().as_bytes());
    assert!(!bundle.holds());
}

#[test]
fn a_checkpoint_by_another_key_is_refused() {
    let bundle = Bundle::new(3);
    let other = ledger::NoteSigner::new("log.example", ledger::PrivateKey::from_seed([7; 32])).unwrap();
    let verdict = verify(bundle.folder.path(), &trust(other.key()), None).unwrap();
    assert!(verdict.opened.is_none() && !verdict.report.findings.is_empty());
}

#[test]
fn an_erased_line_needs_a_record_of_the_erasure() {
    let bundle = Bundle::new(3);
    let log = &bundle.log;
    let text = [
        line(0, &log.kept[0].salt, &log.kept[0].envelope),
        line(1, &log.kept[1].salt, &log.kept[1].envelope),
        erased_line(2),
    ];
    bundle.write("envelopes/000.p/3.jsonl", text.concat().as_bytes());
    let findings = bundle.verdict().report.findings;
    assert_eq!(
        findings
            .iter()
            .map(|finding| (finding.kind, finding.index))
            .collect::<Vec<_>>(),
        [(Kind::Erased, Some(2))]
    );
}

#[test]
fn a_folder_that_is_not_there_cannot_be_judged() {
    assert!(verify(Path::new("/nonexistent/bundle"), &trust(Log::signer().key()), None).is_err());
}

/// Runs the verifier that the bundle carries; its exit code, or nothing where there is no Python.
fn second_verifier(bundle: &Bundle) -> Option<i32> {
    let key = bundle.folder.path().with_extension("vkey");
    fs::write(&key, Log::signer().key().to_string()).unwrap();
    let output = std::process::Command::new("python3")
        .args(["-I", "-B"])
        .arg(bundle.folder.path().join("verify.py"))
        .arg(bundle.folder.path())
        .arg("--log-key")
        .arg(&key)
        .output();
    fs::remove_file(&key).unwrap();
    match output {
        Ok(output) => output.status.code(),
        Err(error) => {
            println!("skipped: python3 cannot be run ({error})");
            None
        }
    }
}

/// Logs whose operator signs whatever is in them: only what the records themselves say can convict it.
#[test]
fn both_verifiers_agree_on_every_dishonest_log() {
    use crate::audit::fixture::Kept;
    use crate::domain::Instant;
    use crate::domain::producer::{Administration, Scope};

    fn register(log: &mut Log, name: &str, seed: u8, scope: Scope, until: Option<Instant>) -> ledger::PrivateKey {
        let key = ledger::PrivateKey::from_seed([seed; 32]);
        log.administer(&Administration::ProducerRegistered {
            name: name.parse().unwrap(),
            public_key: key.public().to_pem(),
            scope,
            valid_from: None,
            valid_until: until,
        });
        key
    }
    fn revoke(log: &mut Log, name: &str) {
        log.administer(&Administration::ProducerRevoked {
            name: name.parse().unwrap(),
            reason: "lost".into(),
        });
    }
    fn say(log: &mut Log, key: &ledger::PrivateKey, change: impl FnOnce(&mut serde_json::Value)) {
        let mut event = serde_json::from_slice(&log.deployment("shop")).unwrap();
        change(&mut event);
        log.record(event.to_string().as_bytes(), key, log.now());
    }
    fn scope(json: serde_json::Value) -> Scope {
        serde_json::from_value(json).unwrap()
    }
    use serde_json::json;

    type Change = fn(&mut Log);
    let cases: &[(&str, bool, Change)] = &[
        ("nothing", true, |_| {}),
        ("a key that nobody registered", false, |log| {
            let payload = log.deployment("shop");
            log.record(&payload, &ledger::PrivateKey::from_seed([9; 32]), log.now());
        }),
        ("another service than the key's", false, |log| log.deploy("till")),
        ("a time before the last", false, |log| {
            let (payload, key) = (log.deployment("shop"), log.team.clone());
            log.record(
                &payload,
                &key,
                Instant::from_millis(log.now().as_millis() - 60 * 60_000),
            );
        }),
        ("a revoked key", false, |log| {
            revoke(log, "team");
            log.deploy("shop");
        }),
        ("a revoked key that signs no more", true, |log| {
            log.deploy("shop");
            revoke(log, "team");
        }),
        ("a name that is given again", true, |log| {
            revoke(log, "team");
            let key = register(log, "team", 5, Scope::default(), None);
            say(log, &key, |_| {});
        }),
        ("a name that is taken", false, |log| {
            drop(register(log, "team", 5, Scope::default(), None))
        }),
        ("a key that is taken", false, |log| {
            drop(register(log, "other", 2, Scope::default(), None))
        }),
        ("somebody who is not there is revoked", false, |log| {
            revoke(log, "nobody")
        }),
        ("the service is revoked", false, |log| revoke(log, "shipslog")),
        ("a key after its time", false, |log| {
            let until = Instant::from_millis(log.now().as_millis() + 60_000);
            let key = register(log, "brief", 5, Scope::default(), Some(until));
            say(log, &key, |_| {});
        }),
        ("a key within its time", true, |log| {
            let until = Instant::from_millis(log.now().as_millis() + 120_000);
            let key = register(log, "brief", 5, Scope::default(), Some(until));
            say(log, &key, |_| {});
        }),
        ("a producer administers", false, |log| {
            let claim = Administration::ProducerRevoked {
                name: "team".parse().unwrap(),
                reason: "x".into(),
            };
            let (payload, key) = (claim.to_payload("x", "/ci", log.now(), None).unwrap(), log.team.clone());
            log.record(&payload, &key, log.now());
        }),
        ("a second creation", false, |log| {
            let public_key = log.service.public().to_pem();
            log.administer(&Administration::LogCreated {
                origin: crate::audit::fixture::ORIGIN.to_owned(),
                public_key,
            });
        }),
        ("no creation", false, |log| drop(log.kept.remove(0))),
        ("a salt of another entry", false, |log| log.kept[3].salt = [77; 32]),
        ("another spelling of an envelope", false, |log| {
            log.kept[3].envelope.push(' ')
        }),
        ("an envelope of another entry", false, |log| {
            let Kept { salt, envelope, .. } = log.kept[4].clone();
            log.kept[5].salt = salt;
            log.kept[5].envelope = envelope;
        }),
        ("a leaf that is no entry", false, |log| log.kept[5].leaf.push(b'x')),
        ("a member twice", false, |log| {
            let key = log.team.clone();
            let payload = String::from_utf8(log.deployment("shop")).unwrap();
            let twice = payload.replacen('{', "{\"context\":{},", 1);
            log.record(twice.as_bytes(), &key, log.now());
        }),
        ("another environment than the key's", false, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |_| {});
        }),
        ("no environment where one is needed", false, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdevents.incident.detected.0.3.0".into();
                event["subject"]["content"] = json!({});
            });
        }),
        ("no environment where none is needed", true, |log| {
            let key = register(log, "test", 5, scope(json!({"environments": ["test"]})), None);
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdeventsx.tool-scan.finished.0.1.0".into();
                event["subject"]["content"] = json!({"environment": {"id": "production"}});
            });
        }),
        ("another type than the key's", false, |log| {
            let key = register(log, "sensor", 5, scope(json!({"event_types": ["incident"]})), None);
            say(log, &key, |_| {});
        }),
        ("another predicate than the key's", false, |log| {
            let key = register(
                log,
                "sensor",
                5,
                scope(json!({"event_types": ["deployment.queued"]})),
                None,
            );
            say(log, &key, |_| {});
        }),
        ("types in three spellings", true, |log| {
            for (at, spelling) in ["deployment", "dev.cdeventsx.deployment.finished", "deployment.*"]
                .iter()
                .enumerate()
            {
                let types = scope(json!({"event_types": ["x", spelling]}));
                let key = register(log, &format!("sensor{at}"), 10 + at as u8, types, None);
                say(log, &key, |_| {});
            }
        }),
        ("a service in the name of a package", true, |log| {
            let key = register(log, "other", 5, scope(json!({"services": ["a shop"]})), None);
            say(log, &key, |event| {
                event["customData"] = json!({});
                event["subject"]["content"]["artifactId"] = "pkg:oci/x/a%20shop@1?tag=2#sub/path".into();
            });
        }),
        ("another service in the name of a package", false, |log| {
            let key = register(log, "other", 5, scope(json!({"services": ["till"]})), None);
            say(log, &key, |event| event["customData"] = json!({}));
        }),
        ("a service as the subject", true, |log| {
            let key = log.team.clone();
            say(log, &key, |event| {
                event["context"]["type"] = "dev.cdevents.service.removed.0.3.0".into();
                event["subject"] = json!({"id": "shop", "content": {"environment": {"id": "production"}}});
                event["customData"] = json!({});
            });
        }),
        ("something received, by a producer", false, |log| {
            let key = log.team.clone();
            say(log, &key, |event| {
                event["customData"]["shipslog"]["received"] = json!({"from": "github", "body": "e30="});
            });
        }),
    ];
    for (name, honest, change) in cases {
        let mut log = Log::new(8);
        change(&mut log);
        let bundle = Bundle::of(log);
        let findings = bundle.verdict().report.findings;
        assert_eq!(findings.is_empty(), *honest, "{name}: {findings:?}");
        let second = second_verifier(&bundle);
        assert!(
            second.is_none_or(|code| code == i32::from(!honest)),
            "{name}: verify.py says {second:?}"
        );
    }
}

#[test]
fn names_of_files_in_large_trees_are_the_same_for_both_verifiers() {
    // The way in which verify.py writes them, beside ours.
    let script = "import re,sys\nfor n in map(int, sys.stdin.read().split()):\n d=str(n)\n \
                  g=re.findall('...', d.zfill(-(-len(d) // 3) * 3))\n \
                  print(''.join(f'x{x}/' for x in g[:-1]) + g[-1])\n";
    let text = include_str!("verify.py");
    assert!(text.contains("re.findall(\"...\", digits.zfill(-(-len(digits) // 3) * 3))"));
    assert!(text.contains("\"\".join(f\"x{group}/\" for group in groups[:-1]) + groups[-1]"));
    let numbers = [0, 9, 10, 999, 1000, 1234, 999_999, 1_000_000, 1_234_067];
    let mut python = match std::process::Command::new("python3")
        .args(["-I", "-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
    {
        Ok(python) => python,
        Err(error) => {
            println!("skipped: python3 cannot be run ({error})");
            return;
        }
    };
    let input = numbers.map(|number: u64| number.to_string()).join(" ");
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    let ours = numbers.map(|number| {
        let part = Part {
            number,
            first: number * 256,
            width: 256,
        };
        part.tile_path().strip_prefix("entries/").unwrap().to_owned()
    });
    assert_eq!(output.lines().collect::<Vec<_>>(), ours);
}
