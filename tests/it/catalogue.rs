//! The catalogue from the command line, and a service that runs with an organisation's own.

use std::fs;

use serde_json::json;

use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::events::{at, deployed, sign};
use crate::support::key;

const OWN: &str = "\
[framework]
id = \"acme-release-policy\"
version = \"3\"
title = \"Release policy\"
publisher = \"ACME\"

[[requirement]]
id = \"R1\"
title = \"Two people approve\"
all = [\"DL-AUTH-1\"]
coverage = \"full\"

[[scope]]
framework = \"acme-release-policy\"
services = [\"checkout\"]

[parameters]
min_approvers = 2
";

#[test]
fn mistakes_are_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    fs::create_dir(folder.path().join("frameworks")).unwrap();
    let file = folder.path().join("frameworks/own.toml");
    fs::write(&file, OWN).unwrap();
    let fine = run(&["catalogue", "lint", directory]);
    assert_eq!((code(&fine), stdout(&fine).trim()), (0, "No mistakes."));
    fs::write(&file, OWN.replace("DL-AUTH-1", "DL-AUTH-9")).unwrap();
    let wrong = run(&["catalogue", "lint", directory]);
    assert_eq!(code(&wrong), 1);
    let text = String::from_utf8(wrong.stdout).unwrap();
    assert_eq!(text, "frameworks/own.toml:10: there is no check `DL-AUTH-9`\n");
    let none = run(&["catalogue", "lint", "/nowhere"]);
    assert_eq!(code(&none), 2);
    // A service does not start with a catalogue that says something else than it seems to.
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let anywhere = ["--listen", "127.0.0.1:0"];
    let serve = run(&[&["serve", "--data", data, "--catalogue", directory][..], &anywhere].concat());
    assert!(
        code(&serve) == 2 && said(&serve).contains("own.toml:10"),
        "{}",
        said(&serve)
    );
}

#[test]
fn what_is_built_in_can_be_read() {
    let list = stdout(&run(&["catalogue", "list"]));
    assert!(list.contains("pci-dss") && list.contains("sox-itgc"), "{list}");
    let pci = stdout(&run(&["catalogue", "list", "pci-dss"]));
    assert!(pci.contains("6.5.4") && pci.contains("DL-SOD-1"), "{pci}");
    assert_eq!(code(&run(&["catalogue", "list", "pci"])), 1);
}

#[test]
fn a_service_reports_by_the_catalogue_of_its_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("policy.toml"), OWN).unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, None, &["--catalogue", own.to_str().unwrap()]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    for (id, name) in [("c1", "checkout"), ("s1", "search")] {
        let event = at(deployed(id, name, "production", 1), "2026-01-05T10:00:00Z");
        service.client.record(&sign(&event, &key(7))).expect(201);
    }
    let report = [
        "report",
        "compliance",
        "--environment",
        "production",
        "--period",
        "2026-01",
        "--framework",
        "acme-release-policy",
    ];
    let text = stdout(&service.shipslog(&report));
    for words in [
        "### Release policy 3",
        "| Two people approve |",
        "| at least | 2 approvers, set by the organisation |",
        "| Release policy | 3 | ACME | 1 | 1 |",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let file = folder.path().join("report.md");
    fs::write(&file, &text).unwrap();
    let bundle = folder.path().join("bundle");
    stdout(&service.shipslog(&["export", bundle.to_str().unwrap()]));
    let vkey = data.join("log.vkey");
    let verify = [
        "verify",
        "report",
        file.to_str().unwrap(),
        "--bundle",
        bundle.to_str().unwrap(),
        "--log-key",
        vkey.to_str().unwrap(),
    ];
    let without = run(&verify);
    assert_ne!(code(&without), 0, "{}", said(&without));
    let with = run(&[&verify[..], &["--catalogue", own.to_str().unwrap()]].concat());
    assert_eq!(code(&with), 0, "{}", said(&with));
}
