//! An organisation's own templates, tried from the command line.

use std::fs;

use crate::support::binary::{code, run, said, stdout};

const DOCUMENTS: [&str; 7] = [
    "release-notes.md",
    "release-notes-manager.md",
    "release-notes-customer.md",
    "release.md",
    "service-report.md",
    "compliance-report.md",
    "sample.md",
];

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        fs::write(folder.path().join(name), source).unwrap();
    }
    folder
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

#[test]
fn a_saved_context_is_rendered_again() {
    let own = folder(&[(
        "release-notes.md",
        "{% extends \"builtin/release-notes.md\" %}{% block title %}# ACME: {{ title }}\n{% endblock %}",
    )]);
    for document in DOCUMENTS {
        let sample = stdout(&run(&["template", "sample", document]));
        let saved = tempfile::tempdir().unwrap();
        let file = path(&saved, "context.json");
        fs::write(&file, &sample).unwrap();
        let render = ["template", "render", "--from-context", &file];
        let plain = stdout(&run(&render));
        assert!(plain.starts_with("# ") && !plain.contains("ACME"), "{plain}");
        let html = stdout(&run(&[&render[..], &["--format", "html"]].concat()));
        assert!(html.starts_with("<!doctype html>"), "{html}");
        assert_eq!(html.contains("<svg"), document == "service-report.md");
        let ours = stdout(&run(
            &[&render[..], &["--templates", own.path().to_str().unwrap()]].concat()
        ));
        assert_eq!(
            ours.starts_with("# ACME: "),
            document.starts_with("release-notes"),
            "{ours}"
        );
        assert_ne!(ours, plain, "the document states other templates");
    }
}

#[test]
fn what_is_no_context_is_refused() {
    let files = folder(&[
        ("text.json", "no"),
        ("bare.json", "{\"context_version\": 2}"),
        (
            "page.json",
            "{\"context_version\": 2, \"generated\": {\"template\": {\"name\": \"web/style.css\"}}}",
        ),
        (
            "old.json",
            "{\"context_version\": 0, \"generated\": {\"template\": {\"name\": \"release-notes.md\"}}}",
        ),
        (
            "novel.json",
            "{\"context_version\": 2, \"generated\": {\"template\": {\"name\": \"novel.md\"}}}",
        ),
        (
            "poor.json",
            "{\"context_version\": 2, \"generated\": {\"template\": {\"name\": \"release-notes.md\"}}, \"title\": \"t\"}",
        ),
    ]);
    for (name, exit, words) in [
        ("text.json", 2, "text.json"),
        ("bare.json", 2, "/generated/template/name"),
        ("page.json", 2, "/generated/template/name"),
        ("novel.json", 1, "novel.md"),
        ("old.json", 2, "/context_version"),
        ("poor.json", 1, "line"),
        ("none.json", 2, "none.json"),
    ] {
        let done = run(&["template", "render", "--from-context", &path(&files, name)]);
        assert_eq!(code(&done), exit, "{name}: {}", said(&done));
        assert!(said(&done).contains(words), "{name}: {}", said(&done));
    }
}

#[test]
fn a_check_finds_what_leaks_and_nothing_in_the_built_in_ones() {
    let check = |folder: &tempfile::TempDir| run(&["template", "check", folder.path().to_str().unwrap()]);
    let harmless = check(&folder(&[
        ("sample.md", "{% include 'own.md' %}"),
        ("own.md", "{{ title }}"),
    ]));
    assert_eq!(code(&harmless), 0, "{}", said(&harmless));
    let leaking = check(&folder(&[(
        "service-report.md",
        "{% extends \"builtin/service-report.md\" %}{% block title %}{% autoescape false %}# {{ title }}{% endautoescape %}\n{% endblock %}",
    )]));
    let table = String::from_utf8(leaking.stdout.clone()).unwrap();
    assert_eq!(code(&leaking), 1, "{table}");
    assert!(
        table.contains("service-report.md") && table.contains("/title"),
        "{table}"
    );
    assert!(!table.contains("release-notes.md"), "{table}");
    // What few deployments have is tried as well.
    for (document, loop_over, member) in [
        (
            "release-notes.md",
            "g in changes.groups %}{% for x in g.entries",
            "title",
        ),
        (
            "release-notes-manager.md",
            "g in changes.groups %}{% for x in g.entries",
            "breaking_note",
        ),
        (
            "release-notes-customer.md",
            "g in changes.groups %}{% for x in g.entries",
            "title",
        ),
        ("release.md", "s in services %}{% for x in s.notes.known_issues", "text"),
        ("release-notes.md", "g in [0] %}{% for x in highlights", "text"),
        (
            "release-notes.md",
            "g in [0] %}{% for x in incidents.linked",
            "description",
        ),
        ("sample.md", "g in items %}{% for x in g.assurance.tests", "kind"),
        ("service-report.md", "g in [0] %}{% for x in shipped.breaking", "label"),
    ] {
        let source = format!(
            "{{% autoescape false %}}{{% for {loop_over} %}}{{{{ x.{member} }}}} {{% endfor %}}{{% endfor %}}{{% endautoescape %}}\n"
        );
        let leaking = check(&folder(&[(document, &source)]));
        let table = String::from_utf8(leaking.stdout.clone()).unwrap();
        assert_eq!(code(&leaking), 1, "{source}: {table}");
        assert!(table.contains(&format!("/{member}")), "{source}: {table}");
    }
    let misspelt = check(&folder(&[("relase-notes.md", "x")]));
    assert_ne!(code(&misspelt), 0);
    assert!(
        said(&misspelt).contains("did you mean `release-notes.md`"),
        "{}",
        said(&misspelt)
    );
    let idle = check(&folder(&[("novel.md", "{{ title }}")]));
    assert_ne!(code(&idle), 0);
    assert!(said(&idle).contains("`novel.md`"), "{}", said(&idle));
    // A template that fails says where.
    for (source, words) in [
        ("{{ nothing.here }}", "line 1: undefined value: `nothing` is undefined"),
        (
            "a\n{% for i in range(10000000) %}{% for j in range(10000000) %}x{% endfor %}{% endfor %}",
            "release-notes.md",
        ),
        ("\n{% include \"release-notes.md\" %}", "release-notes.md"),
        ("{% if %}", "line 1"),
    ] {
        let failing = check(&folder(&[("release-notes.md", source)]));
        assert_ne!(code(&failing), 0, "{source}");
        assert!(said(&failing).contains(words), "{source}: {}", said(&failing));
    }
}
