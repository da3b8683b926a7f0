//! What an auditor brings decides: keys with sizes, policies, producers, and a checkpoint that was kept.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::{Checkpoint, Cosigner, Hash, NoteSigner, PrivateKey, SignedNote};
use serde_json::Value;

use crate::support::binary::{Service, code, run, stdout};
use crate::support::events::{deployed, sign};
use crate::support::{key, python};

/// A log of 20 entries with its bundle, one receipt, and the key that signs its checkpoints.
struct Audited {
    folder: tempfile::TempDir,
    service: Service,
    signer: NoteSigner,
}

impl Audited {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(&folder.path().join("data"), None, &[]);
        for (name, seed) in [("pipeline", 7), ("idle team", 8)] {
            let body = serde_json::json!({ "name": name, "public_key": key(seed).public().to_pem() });
            service.client.post_json("/v1/producers", &body).expect(201);
        }
        let envelope = sign(&deployed("the-one", "checkout", "production", 1), &key(7));
        let receipt = service.client.record(&envelope).expect(201);
        fs::write(folder.path().join("envelope.json"), &envelope).unwrap();
        fs::write(folder.path().join("receipt.json"), &receipt.body).unwrap();
        for n in 0..20 {
            let event = deployed(&format!("e{n}"), "checkout", "production", n);
            service.client.record(&sign(&event, &key(7))).expect(201);
        }
        stdout(&service.shipslog(&["export", folder.path().join("bundle").to_str().unwrap()]));
        let vkey = fs::read_to_string(service.data.join("log.vkey")).unwrap();
        let private = PrivateKey::from_pem(&fs::read_to_string(service.data.join("log.key.pem")).unwrap()).unwrap();
        let signer = NoteSigner::new(vkey.split('+').next().unwrap(), private).unwrap();
        assert_eq!(signer.key().to_string(), vkey.trim_end());
        Self {
            folder,
            service,
            signer,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn vkey(&self) -> String {
        self.service.data.join("log.vkey").to_str().unwrap().to_owned()
    }

    fn note(&self) -> SignedNote {
        SignedNote::parse(&fs::read_to_string(self.path("bundle/checkpoint")).unwrap()).unwrap()
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&self.note(), self.signer.key()).unwrap()
    }

    /// Exit code, JSON and messages of `verify bundle`.
    fn bundle(&self, arguments: &[&str]) -> (i32, Value, String) {
        let bundle = self.path("bundle");
        verdict(&[&["verify", "bundle", bundle.to_str().unwrap()], arguments].concat())
    }

    fn receipt(&self, arguments: &[&str]) -> (i32, Value, String) {
        let (receipt, envelope) = (self.path("receipt.json"), self.path("envelope.json"));
        let fixed = [
            "verify",
            "receipt",
            receipt.to_str().unwrap(),
            "--envelope",
            envelope.to_str().unwrap(),
        ];
        verdict(&[&fixed, arguments].concat())
    }

    /// Both verifiers, with arguments that both know.
    fn both(&self, arguments: &[&str]) -> (i32, Value, String) {
        let verdict = self.bundle(arguments);
        let bundle = self.path("bundle");
        let second = python::verify(&[&[bundle.to_str().unwrap()], arguments].concat());
        assert!(
            second.is_none_or(|second| second == verdict.0),
            "verify.py says {second:?}: {verdict:?}"
        );
        verdict
    }
}

fn verdict(arguments: &[&str]) -> (i32, Value, String) {
    let output = run(&[arguments, &["--format", "json"]].concat());
    let shown = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (code(&output), shown, String::from_utf8(output.stderr).unwrap())
}

fn says(list: &Value, what: &str) -> bool {
    list.as_array()
        .unwrap()
        .iter()
        .any(|line| line.as_str().unwrap().contains(what))
}

fn pem_body(seed: u8) -> String {
    key(seed).public().to_pem().lines().nth(1).unwrap().to_owned()
}

fn service_key(data: &Path) -> String {
    let private = PrivateKey::from_pem(&fs::read_to_string(data.join("service.key.pem")).unwrap()).unwrap();
    private.public().to_pem().lines().nth(1).unwrap().to_owned()
}

#[test]
fn the_output_says_what_was_checked_and_what_was_not() {
    let audited = Audited::new();
    let (code, shown, _) = audited.both(&["--log-key", &audited.vkey()]);
    assert_eq!(code, 0);
    assert_eq!(
        (&shown["verified"], &shown["report"]["findings"]),
        (&true.into(), &serde_json::json!([]))
    );
    for what in [
        "signed by the log's key",
        "every entry",
        "nothing else is in the folder",
    ] {
        assert!(says(&shown["checked"], what), "{what}: {shown}");
    }
    for what in ["witnesses", "registrations in the log count", "without --checkpoint"] {
        assert!(says(&shown["not_checked"], what), "{what}: {shown}");
    }
    let bundle = audited.path("bundle");
    let text = stdout(&run(&[
        "verify",
        "bundle",
        bundle.to_str().unwrap(),
        "--log-key",
        &audited.vkey(),
    ]));
    assert!(
        text.contains("  not checked  who the producers are: without --producers"),
        "{text}"
    );

    let (code, shown, _) = audited.receipt(&["--log-key", &audited.vkey()]);
    assert_eq!(code, 0);
    assert!(says(&shown["not_checked"], "the log's word stands for them"), "{shown}");
}

#[test]
fn a_list_of_producers_stands_above_the_registrations_in_the_log() {
    let audited = Audited::new();
    let vkey = audited.vkey();
    let service = service_key(&audited.service.data);
    let with = |lines: &[(&str, &str)]| {
        let text: String = lines.iter().map(|(name, key)| format!("{name} {key}\n")).collect();
        audited.file("producers", &format!("# mine\n\n{text}"))
    };
    let all = with(&[
        ("shipslog", &service),
        ("pipeline", &pem_body(7)),
        ("idle team", &pem_body(8)),
    ]);
    let (code, shown, _) = audited.both(&["--log-key", &vkey, "--producers", &all]);
    assert_eq!(code, 0, "{shown}");
    assert!(
        says(&shown["checked"], "your list") && shown["report"]["unlisted"].is_null(),
        "{shown}"
    );
    let (code, shown, _) = audited.receipt(&["--log-key", &vkey, "--producers", &all]);
    assert_eq!(
        (code, &shown["producers"]),
        (0, &serde_json::json!(["pipeline"])),
        "{shown}"
    );

    // Registered in the log, not in the list, and it recorded nothing: reported.
    let fewer = with(&[("shipslog", &service), ("pipeline", &pem_body(7))]);
    let (code, shown, _) = audited.both(&["--log-key", &vkey, "--producers", &fewer]);
    assert_eq!(
        (code, &shown["report"]["unlisted"][0]["name"]),
        (0, &"idle team".into()),
        "{shown}"
    );
    assert_eq!(shown["report"]["unlisted"][0]["key"], key(8).public().id().to_string());

    // One that did record something: its entries do not verify. The same under another name, or with another key.
    for lines in [
        vec![("shipslog", service.clone()), ("idle team", pem_body(8))],
        vec![("shipslog", service.clone()), ("somebody else", pem_body(7))],
        vec![("shipslog", service.clone()), ("pipeline", pem_body(9))],
        vec![("pipeline", pem_body(7))],
    ] {
        let lines: Vec<(&str, &str)> = lines.iter().map(|(name, key)| (*name, key.as_str())).collect();
        let file = with(&lines);
        let (code, shown, _) = audited.both(&["--log-key", &vkey, "--producers", &file]);
        assert_eq!(code, 1, "{lines:?}: {shown}");
        let finding = &shown["report"]["findings"][0];
        assert_eq!(finding["kind"], "producer", "{shown}");
        assert!(finding["message"].as_str().unwrap().contains("your list"), "{shown}");
    }
    let (code, shown, _) = audited.receipt(&["--log-key", &vkey, "--producers", &with(&[("x", &pem_body(9))])]);
    assert_eq!(code, 1, "{shown}");
    let receipt = [audited.path("receipt.json"), audited.path("envelope.json")];
    let [receipt, envelope] = receipt.each_ref().map(|path| path.to_str().unwrap());
    for (name, seed, expected) in [("x", 9, 1), ("pipeline", 7, 0)] {
        let file = with(&[(name, &pem_body(seed))]);
        let second = python::verify(&[receipt, envelope, "--log-key", &vkey, "--producers", &file]);
        assert!(second.is_none_or(|second| second == expected), "{name}: {second:?}");
    }
    for broken in ["", "pipeline", "pipeline ????"] {
        let file = audited.file("producers", broken);
        assert_eq!(
            audited.bundle(&["--log-key", &vkey, "--producers", &file]).0,
            2,
            "{broken:?}"
        );
    }
}

#[test]
fn a_replaced_log_key_counts_for_its_sizes() {
    let audited = Audited::new();
    let vkey = fs::read_to_string(audited.vkey()).unwrap().trim_end().to_owned();
    let other = NoteSigner::new(audited.signer.key().name(), key(99))
        .unwrap()
        .key()
        .to_string();
    let size = audited.checkpoint().size;
    for (lines, expected) in [
        (format!("{vkey} from={size} to={size}\n"), 0),
        (format!("# rotated\n{other} to={}\n{vkey} from={size}\n", size - 1), 0),
        (format!("{vkey} to={}\n{other} from={size}\n", size - 1), 1),
        (format!("{vkey} from={}\n", size + 1), 1),
        (format!("{other}\n"), 1),
    ] {
        let file = audited.file("keys", &lines);
        let (code, shown, _) = audited.both(&["--log-key", &file]);
        assert_eq!(code, expected, "{lines}: {shown}");
    }
    // Several files say together what one could.
    let (old, new) = (audited.file("old", &other), audited.file("new", &vkey));
    assert_eq!(audited.both(&["--log-key", &old, "--log-key", &new]).0, 0);
    for lines in ["", "no key", &format!("{vkey} until=5"), &format!("{vkey} from=x")] {
        let file = audited.file("keys", lines);
        assert_eq!(audited.bundle(&["--log-key", &file]).0, 2, "{lines:?}");
    }
    let file = audited.file("keys", &format!("{vkey} until=5"));
    let bundle = audited.path("bundle");
    let second = python::verify(&[bundle.to_str().unwrap(), "--log-key", &file]);
    assert!(second.is_none_or(|second| second == 2));
    // Without any key nothing can be told.
    assert_eq!(audited.bundle(&[]).0, 2);
}

#[test]
fn the_bundle_must_continue_the_checkpoint_that_was_kept() {
    let audited = Audited::new();
    let vkey = audited.vkey();
    let newest = audited.checkpoint();
    let early = audited.service.client.get("/v1/events/5/receipt").json()["proof"]
        .as_str()
        .unwrap()
        .to_owned();
    let early = early.split_once("\n\n").unwrap().1.to_owned();
    let held = |text: &str| {
        let file = audited.file("held.txt", text);
        audited.bundle(&["--log-key", &vkey, "--checkpoint", &file])
    };
    let sign = |size: u64, root: Hash| {
        let (origin, signer) = (newest.origin.clone(), &audited.signer);
        Checkpoint { origin, size, root }.sign(signer).unwrap().to_string()
    };
    for text in [early.as_str(), &audited.note().to_string(), &sign(0, Hash::EMPTY_ROOT)] {
        let (code, shown, _) = held(text);
        assert_eq!(code, 0, "{text}: {shown}");
        assert!(says(&shown["checked"], "that you kept"), "{shown}");
    }
    // The operator signed another history, of the same size, of a smaller one, and of a larger one.
    for size in [newest.size, 3, newest.size + 5] {
        let (code, shown, _) = held(&sign(size, Hash([9; 32])));
        assert_eq!(code, 1, "{shown}");
        let finding = &shown["report"]["findings"][0];
        assert_eq!(finding["kind"], "consistency");
        let message = finding["message"].as_str().unwrap();
        assert!(
            message.contains(&Hash([9; 32]).to_base64()) && message.contains(&size.to_string()),
            "{message}"
        );
        if size > newest.size {
            assert!(
                message.contains(&newest.root.to_base64()),
                "both heads are named: {message}"
            );
        }
        assert_eq!(shown["checked"], serde_json::json!([]));
    }
    // A checkpoint that proves nothing: not signed by the log, or of another log.
    let forged = sign(3, Hash([9; 32])).replace(&Hash([9; 32]).to_base64(), &Hash([8; 32]).to_base64());
    assert_eq!(held(&forged).0, 2);
    assert_eq!(held("nothing").0, 2);
    let elsewhere = NoteSigner::new("other.example", key(3)).unwrap();
    let text = Checkpoint {
        origin: "other.example".into(),
        size: 1,
        root: Hash([1; 32]),
    };
    let keys = audited.file("keys", &format!("{}\n{}\n", audited.signer.key(), elsewhere.key()));
    let file = audited.file("held.txt", &text.sign(&elsewhere).unwrap().to_string());
    let (code, shown, message) = audited.bundle(&["--log-key", &keys, "--checkpoint", &file]);
    assert_eq!(code, 2, "{shown}");
    assert!(message.contains("another log"), "{message}");
}

#[test]
fn a_receipt_needs_a_proof_to_continue_the_checkpoint_that_was_kept() {
    let audited = Audited::new();
    let vkey = audited.vkey();
    let newest = audited.checkpoint();
    let held = audited.path("bundle/checkpoint").to_str().unwrap().to_owned();
    let receipt: Value = serde_json::from_slice(&fs::read(audited.path("receipt.json")).unwrap()).unwrap();
    let size = receipt["index"].as_u64().unwrap() + 1;
    let (code, _, message) = audited.receipt(&["--log-key", &vkey, "--checkpoint", &held]);
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains(&format!("from {size} to {}", newest.size)),
        "{message}"
    );
    let path = format!("/v1/log/proof/consistency?old={size}&new={}", newest.size);
    let proof = audited.service.client.get(&path).expect(200);
    let with = |text: &str| {
        let file = audited.file("consistency.json", text);
        audited
            .receipt(&["--log-key", &vkey, "--checkpoint", &held, "--consistency", &file])
            .0
    };
    assert_eq!(with(proof.text()), 0);
    let mut changed: Value = proof.json();
    changed["hashes"][0] = Hash([1; 32]).to_base64().into();
    assert_eq!(with(&changed.to_string()), 1);
    let mut changed: Value = proof.json();
    changed["old_root"] = Hash([1; 32]).to_base64().into();
    assert_eq!(with(&changed.to_string()), 1);
    let mut changed: Value = proof.json();
    changed["old"] = (size - 1).into();
    assert_eq!(with(&changed.to_string()), 1);
    assert_eq!(with("{}"), 2);
    let own = receipt["proof"]
        .as_str()
        .unwrap()
        .split_once("\n\n")
        .unwrap()
        .1
        .to_owned();
    let own = audited.file("own.txt", &own);
    assert_eq!(
        audited.receipt(&["--log-key", &vkey, "--checkpoint", &own]).0,
        0,
        "its own checkpoint"
    );
}

#[test]
fn a_policy_asks_for_witnesses() {
    let audited = Audited::new();
    let witness = |seed: u8| Cosigner::new(&format!("w{seed}.example"), key(seed)).unwrap();
    let file = |quorum: &str| {
        let text = format!(
            "log {}\nwitness one {}\nwitness two {}\n{}\n",
            audited.signer.key(),
            witness(41).key(),
            witness(42).key(),
            match quorum {
                "none" => "quorum none".to_owned(),
                some => format!("group both {some} one two\nquorum both"),
            }
        );
        audited.file("policy", &text)
    };
    let plain = audited.note();
    let checkpoint = audited.checkpoint();
    let put = |note: &SignedNote| fs::write(audited.path("bundle/checkpoint"), note.to_string()).unwrap();
    let line = |seed| witness(seed).cosign(&checkpoint, 1_700_000_000).unwrap();
    // The log alone: enough for a policy without witnesses, too little to tell for one with them.
    assert_eq!(audited.bundle(&["--policy", &file("none")]).0, 0);
    let (code, shown, message) = audited.bundle(&["--policy", &file("any")]);
    assert_eq!((code, &shown["verified"]), (2, &false.into()), "{shown}");
    assert!(
        message.contains("CANNOT TELL") && message.contains("0 of 2 witnesses"),
        "{message}"
    );
    put(&plain.with_signatures([line(42)]).unwrap());
    let (code, shown, _) = audited.bundle(&["--policy", &file("any")]);
    assert_eq!(
        (code, &shown["cosigned_by"]),
        (0, &serde_json::json!(["two"])),
        "{shown}"
    );
    assert!(says(&shown["checked"], "cosigned by two"), "{shown}");
    assert_eq!(audited.bundle(&["--policy", &file("all")]).0, 2);
    put(&plain.with_signatures([line(42), line(41)]).unwrap());
    assert_eq!(
        audited
            .bundle(&["--policy", &file("all"), "--log-key", &audited.vkey()])
            .0,
        0
    );
    // Who brings no policy is told that there is more than was checked.
    let (code, shown, _) = audited.both(&["--log-key", &audited.vkey()]);
    assert_eq!(code, 0);
    assert!(says(&shown["not_checked"], "2 more signatures"), "{shown}");
    // A cosignature that does not verify is worse than none.
    let mut forged = line(41);
    forged.signature[20] ^= 1;
    put(&plain.with_signatures([forged, line(42)]).unwrap());
    assert_eq!(audited.bundle(&["--policy", &file("any")]).0, 1);
    // Neither is a checkpoint that a log of the policy did not sign, however many witnesses it has.
    put(&plain.with_signatures([line(42), line(41)]).unwrap());
    let other = file("any");
    let stranger = NoteSigner::new(audited.signer.key().name(), key(99)).unwrap();
    let text = fs::read_to_string(&other).unwrap();
    fs::write(
        &other,
        text.replace(&audited.signer.key().to_string(), &stranger.key().to_string()),
    )
    .unwrap();
    assert_eq!(audited.bundle(&["--policy", &other]).0, 1);
    fs::write(&other, "quorum nobody\n").unwrap();
    assert_eq!(audited.bundle(&["--policy", &other]).0, 2);
}
