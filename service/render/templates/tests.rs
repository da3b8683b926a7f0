//! Escaping, filters, errors and limits of templates.

use minijinja::context;
use serde_json::json;

use super::*;

fn with(name: &str, source: &str) -> Result<Templates, RenderError> {
    Templates::with_overrides(BTreeMap::from([(name.to_owned(), source.to_owned())]))
}

fn render(source: &str, context: serde_json::Value) -> Result<String, RenderError> {
    with("t.md", source)?.render("t.md", &context)
}

#[test]
fn markdown_is_escaped_without_asking() {
    let context = json!({"title": "<b> | [a](javascript:x)\n# h", "n": 3, "none": null, "yes": true, "s": "a_b"});
    assert_eq!(
        render("- {{ title }}", context.clone()).unwrap(),
        "- &lt;b&gt; \\| \\[a\\](javascript:x) # h\n"
    );
    assert_eq!(
        render("{{ n }} {{ none }} {{ yes }} {{ s|e }}", context.clone()).unwrap(),
        "3 not recorded yes a\\_b\n"
    );
    assert_eq!(
        render("{{ title|upper|replace('B', '*') }}", context.clone()).unwrap(),
        "&lt;\\*&gt; \\| \\[A\\](JAVASCRIPT:X) # H\n"
    );
    assert!(
        render("{{ title|safe }}", context).is_err(),
        "there is no way round the escaping"
    );
}

#[test]
fn json_is_text_too() {
    let context = json!({ "rows": [{ "title": "*b* [x](https://x.example) <b>" }] });
    assert_eq!(
        render("{{ rows|tojson }}", context).unwrap(),
        "\\[{\"title\":\"\\*b\\* \\[x\\](https\\://x.example) &lt;b&gt;\"}\\]\n"
    );
}

#[test]
fn a_file_that_is_of_no_use_is_named_with_what_was_meant() {
    let files = |files: &[(&str, &str)]| {
        let files = files
            .iter()
            .map(|(name, source)| (String::from(*name), String::from(*source)));
        Templates::from_files(files.collect()).map(|_| ())
    };
    for (name, words) in [
        ("relase-notes.md", "did you mean `release-notes.md`?"),
        ("novel.md", "nothing includes it"),
    ] {
        let refused = files(&[(name, "{{ title }}"), ("sample.md", "x")])
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains(&format!("`{name}`")) && refused.contains(words),
            "{refused}"
        );
    }
    let included = files(&[("header.md", "x"), ("sample.md", "{% include 'header.md' %}")]);
    assert_eq!(included, Ok(()), "a part of one's own");
}

#[test]
fn html_is_escaped_as_html() {
    let templates = with("t.html", "<p title=\"{{ x }}\">{{ x }}</p>").unwrap();
    let html = templates.render("t.html", &json!({"x": "<\"&'>"})).unwrap();
    assert!(!html.contains("<\"") && html.starts_with("<p title=\"&lt;"), "{html}");
}

#[test]
fn filters_say_it_for_people() {
    let context = json!({"t": "2026-03-02T09:14:05.250Z", "none": null, "d": 200_000, "day": 180_000_000, "zero": 10, "minus": -60_000,
        "index": 88, "list": [1, 22], "empty": [], "hash": "sha256:0123456789abcdef", "url": "https://x.example/a b"});
    for (source, expected) in [
        ("{{ t|date }}", "2026-03-02 09:14:05 UTC"),
        ("{{ t|date('minute') }}", "2026-03-02 09:14 UTC"),
        ("{{ t|date('day') }}", "2026-03-02"),
        ("{{ none|date }}", "not recorded"),
        ("{{ d|duration }}", "3 min 20 s"),
        ("{{ day|duration }}", "2 days 2 h"),
        (
            "{{ 0.48|percent }} {{ 1|percent }} {{ none|percent }}",
            "48 % 100 % not recorded",
        ),
        ("{{ zero|duration }}", "less than 1 s"),
        ("{{ minus|duration }}", "minus 1 min"),
        ("{{ index|idx }}", "[#88](/entries/88)"),
        ("{{ list|idx }}", "[#1](/entries/1), [#22](/entries/22)"),
        ("{{ empty|idx }}", "—"),
        (
            "{{ 1|plural('change') }}, {{ 2|plural('change') }}, {{ 0|plural('entry', 'entries') }}",
            "1 change, 2 changes, 0 entries",
        ),
        ("{{ 'pay by card'|sentence }} {{ 'Pay'|sentence }}", "Pay by card Pay"),
        (
            "{{ 'npm2 is new'|sentence }} {{ 'iOS'|sentence }} {{ ''|sentence }}",
            "npm2 is new iOS",
        ),
        ("{{ hash|short }}", "sha256:0123456789ab…"),
        ("{{ hash|short(16)|code }}", "`sha256:0123456789abcdef`"),
        ("{{ 'a[b'|link('/x') }}", "[a\\[b](/x)"),
        ("{{ 'a'|link(url) }}", "a"),
    ] {
        assert_eq!(
            render(source, context.clone()).unwrap().trim_end(),
            expected,
            "{source}"
        );
    }
    assert!(render("{{ 'soon'|date }}", context).is_err());
}

#[test]
fn errors_name_template_and_line() {
    let failed = |source| match render(source, json!({})) {
        Err(RenderError::Failed {
            template,
            line,
            message,
        }) => (template, line, message),
        other => panic!("{other:?}"),
    };
    let (template, line, message) = failed("a\n\n{{ nope }}");
    assert_eq!((template.as_str(), line), ("t.md", 3));
    assert!(message.contains("`nope` is undefined"), "{message}");
    for source in [
        "{{ d.nope }}",
        "{% for row in rows %}{{ row.nope }}{% endfor %}",
        "{{ d.nope|upper }}",
        "{{ d.nope|duration }}",
        "{{ d.nope|date }}",
        "{{ d.nope|idx }}",
        "{{ d.nope|code }}",
        "{{ d.nope|link('https://x.example') }}",
        "{{ d.nope|tojson }}",
        "{% if d.nope %}x{% endif %}",
        "{% for x in d.nope %}x{% endfor %}",
        "{{ d.nope.deeper }}",
        "{{ rows[0]['nope'] }}",
        "{{ 'a' ~ d.nope }}",
    ] {
        let context = json!({ "d": { "label": "1" }, "rows": [{ "label": "1" }] });
        let message = render(source, context).unwrap_err().to_string();
        assert!(message.contains("nope"), "{source}: {message}");
    }
    let hidden = render("{{ range(3) }}", json!({ "range": true })).unwrap_err();
    assert!(hidden.to_string().contains("`range` of release notes"), "{hidden}");
    let (template, line, _) = failed("a\n{% if %}");
    assert_eq!((template.as_str(), line), ("t.md", 2));
    let two = BTreeMap::from([
        ("outer.md".to_owned(), "x\n{% include 'inner.md' %}".to_owned()),
        ("inner.md".to_owned(), "\n\n\n{{ nope }}".to_owned()),
    ]);
    let error = Templates::with_overrides(two)
        .unwrap()
        .render("outer.md", &json!({}))
        .unwrap_err();
    assert!(
        error.to_string().starts_with("template `inner.md`, line 4: "),
        "{error}"
    );
}

#[test]
fn what_never_ends_is_stopped() {
    for source in [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{{ a * b }}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 't.md' %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}",
        "{{ 'a' * 100000000000 }}",
    ] {
        assert!(
            matches!(render(source, json!({})), Err(RenderError::Failed { .. })),
            "{source}"
        );
    }
    let long = "{% for i in range(60000) %}{{ text }}{% endfor %}";
    assert_eq!(
        render(long, json!({"text": "x".repeat(1500)})),
        Err(RenderError::OutputTooLong("t.md".to_owned()))
    );
}

#[test]
fn hostile_sources_do_not_end_the_process() {
    let deep = format!("{{{{ {} x }}}}", "not ".repeat(16_000));
    assert!(deep.len() < MAX_SOURCE_BYTES);
    assert!(
        render(&deep, json!({"x": true})).is_ok_and(|text| text == "yes\n")
            || render(&deep, json!({"x": true})).is_err()
    );
    assert!(
        render(
            &format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)),
            json!({})
        )
        .is_err()
    );
    let long = "x".repeat(MAX_SOURCE_BYTES + 1);
    assert_eq!(
        render(&long, json!({})),
        Err(RenderError::SourceTooLong("t.md".to_owned()))
    );
    assert!(matches!(
        with("builtin/release-notes.md", "x"),
        Err(RenderError::Reserved(_))
    ));
}

#[test]
fn no_template_reaches_a_file_or_the_engine() {
    for source in [
        "{% include '/etc/passwd' %}",
        "{% include '../Cargo.toml' %}",
        "{{ debug() }}",
        "{{ self.__class__ }}",
        "{{ x.__init__ }}",
    ] {
        assert!(render(source, json!({"x": 1})).is_err(), "{source}");
    }
}

#[test]
fn digests_are_those_of_the_files_until_something_is_overridden() {
    let plain = Templates::built_in().unwrap();
    assert_eq!(
        plain.digest("web/style.css").unwrap(),
        sha256(include_str!("../../../templates/web/style.css"))
    );
    assert_eq!(plain.digest("nope.md"), Err(RenderError::Unknown("nope.md".to_owned())));
    let changed = with("part.md", "x").unwrap();
    assert_ne!(changed.digest("release-notes.md"), plain.digest("release-notes.md"));
    assert_ne!(
        changed.digest("release-notes.md"),
        with("part.md", "y").unwrap().digest("release-notes.md")
    );
    assert_eq!(
        plain.render("nope.md", &json!({})),
        Err(RenderError::Unknown("nope.md".to_owned()))
    );
}

#[test]
fn an_override_can_stand_on_what_it_replaces() {
    let page = with(
        "web/document.html",
        "<!-- ours -->{% include 'builtin/web/document.html' %}",
    )
    .unwrap();
    let html = page
        .render_value(
            "web/document.html",
            context! { title => "T", body => "B", style => "", style_digest => "" },
        )
        .unwrap();
    assert!(html.starts_with("<!-- ours --><!doctype html>") && html.contains("<title>T</title>"));
}
