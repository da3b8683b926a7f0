//! A log whose database was lost is continued by a new one, which says so in its second entry.

use std::path::Path;

use ledger::PrivateKey;
use serde_json::Value;

use crate::support::binary::{Service, code, refused, run, said, stdout};
use crate::support::events::{deployed, sign};
use crate::support::key;

struct Old {
    folder: tempfile::TempDir,
}

impl Old {
    /// A log that has ended.
    fn new(origin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(&folder.path().join("old"), None, &["--origin", origin]);
        register(&service);
        for n in 0..3 {
            let envelope = sign(&deployed(&format!("old-{n}"), "checkout", "production", n), &key(7));
            service.client.record(&envelope).expect(201);
        }
        assert!(service.terminate());
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

fn register(service: &Service) {
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
}

/// The administration that an entry carries.
fn administration(service: &Service, index: u64) -> Value {
    let envelope = service
        .client
        .get(&format!("/v1/events/{index}/envelope"))
        .expect(200)
        .body;
    let payload: Value = serde_json::from_slice(&ledger::Envelope::parse(&envelope).unwrap().payload).unwrap();
    payload["customData"]["shipslog"]["administration"].clone()
}

#[test]
fn the_second_entry_names_the_predecessor_with_its_last_checkpoint() {
    let old = Old::new("log.example.com/2025");
    let (guard, vkey) = (old.path("old/guard"), old.path("old/log.vkey"));
    let flags = [
        "--origin",
        "log.example.com/2026",
        "--predecessor",
        &guard,
        "--predecessor-key",
        &vkey,
    ];
    let data = old.folder.path().join("new");
    let service = Service::start(&data, None, &flags);
    let last = std::fs::read_to_string(&guard).unwrap();
    let old_key = std::fs::read_to_string(&vkey).unwrap();
    assert_eq!(
        stdout(&run(&["guard", "show", "--note", "--data", &old.path("old")])),
        last,
        "the same text wherever the guard is"
    );
    let named = administration(&service, 1);
    assert_eq!(
        named,
        serde_json::json!({ "action": "log_continued", "log_key": old_key.trim_end(), "checkpoint": last })
    );
    let log = service.client.get("/v1/log").expect(200).json();
    let predecessor = &log["predecessor"];
    assert_eq!(predecessor["origin"], "log.example.com/2025");
    assert_eq!(
        predecessor["tree_size"].as_u64(),
        last.lines().nth(1).unwrap().parse().ok()
    );
    assert_eq!(
        (predecessor["checkpoint"].as_str(), predecessor["log_key"].as_str()),
        (Some(&*last), Some(old_key.trim_end()))
    );
    register(&service);
    let size = service.client.get("/v1/log").json()["tree_size"].clone();

    // The same flags at the next start change nothing.
    assert!(service.terminate());
    let service = Service::start(&data, None, &flags);
    assert_eq!(service.client.get("/v1/log").json()["tree_size"], size);
    let bundle = old.path("bundle");
    stdout(&service.shipslog(&["export", &bundle]));
    let verified = stdout(&run(&[
        "verify",
        "bundle",
        &bundle,
        "--log-key",
        &old.path("new/log.vkey"),
    ]));
    assert!(
        verified.contains("continues   log.example.com/2025, which ended with"),
        "{verified}"
    );
    assert!(service.terminate());

    // Another predecessor is refused, and so is one for a log that began without.
    let other = Old::new("log.example.com/2024");
    let (checkpoint, vkey) = (&*other.path("old/guard"), &*other.path("old/log.vkey"));
    for data in [data.as_path(), Path::new(&old.path("old"))] {
        let output = refused_on_its_own(data, &["--predecessor", checkpoint, "--predecessor-key", vkey]);
        assert!(output.contains("entry 1 names it or none does"), "{output}");
    }
}

#[test]
fn a_predecessor_that_did_not_sign_is_refused_before_a_log_exists() {
    let old = Old::new("log.example.com/2025");
    let stranger = ledger::NoteKey::new("log.example.com/2025", PrivateKey::from_seed([9; 32]).public()).unwrap();
    std::fs::write(old.path("stranger.vkey"), format!("{stranger}\n")).unwrap();
    let (guard, vkey) = (old.path("old/guard"), old.path("old/log.vkey"));
    let stranger = old.path("stranger.vkey");
    let data = old.folder.path().join("new");
    for (flags, why) in [
        (
            vec!["--predecessor", &guard, "--predecessor-key", &stranger],
            "not signed by",
        ),
        (
            vec!["--predecessor", &vkey, "--predecessor-key", &vkey],
            "not a signed note",
        ),
        (
            vec!["--predecessor", "missing.txt", "--predecessor-key", &vkey],
            "missing.txt",
        ),
        (vec!["--predecessor", &guard], "--predecessor-key"),
    ] {
        let output = refused_on_its_own(&data, &flags);
        assert!(output.contains(why), "{flags:?}: {output}");
        assert!(!data.join("shipslog.db").exists(), "{flags:?}: nothing was begun");
    }
    let same = [
        "--origin",
        "log.example.com/2025",
        "--predecessor",
        &guard,
        "--predecessor-key",
        &vkey,
    ];
    let output = refused_on_its_own(&data, &same);
    assert!(output.contains("the same origin"), "{output}");
}

/// What `serve` on the database of its data directory says before it ends by itself.
fn refused_on_its_own(data: &Path, flags: &[&str]) -> String {
    let url = format!("sqlite:{}", data.join("shipslog.db").display());
    let output = refused(data, &url, flags);
    assert_ne!(code(&output), 0);
    said(&output)
}
