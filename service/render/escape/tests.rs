//! Text from outside stays text, on one line, in one cell.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;

/// What a reader sees of Markdown that should be one paragraph of text, or the first event that is none.
fn shown(markdown: &str) -> Result<String, String> {
    let mut text = String::new();
    for event in Parser::new_ext(markdown, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
            other => return Err(format!("{other:?} in {markdown:?}")),
        }
    }
    Ok(text.replace(WORD_JOINER, ""))
}

#[test]
fn markup_stays_text() {
    for text in [
        "# heading",
        "## heading",
        "- item",
        "+ item",
        "* item",
        "1. item",
        "12) item",
        "> quote",
        "---",
        "===",
        "***",
        "___",
        "`code`",
        "```",
        "~~~",
        "~~gone~~",
        "**bold**",
        "_soft_",
        "snake_case",
        "[a](javascript:alert(1))",
        "![a](b.png)",
        "[a]: http://x",
        "<script>alert(1)</script>",
        "<b",
        "<https://x.example>",
        "https://x.example",
        "www.x.example",
        "a|b",
        "|---|",
        "&lt;",
        "&amp;",
        "&#60;",
        "\\",
        "\\*",
        "a\\",
        "$x$",
        "[^1]",
        "[[wiki]]",
        ": term",
        "@name",
        "#12",
        "a @b/c",
        "4.12.0",
        "e-mail bob@example.com",
        ":smile:",
        "{#id}",
        "^up^",
        "!",
        "!a",
        "1.",
        "2024. was a year",
        "- [ ] task",
        "+++",
        "Setext\n===",
        "a<!-- b -->",
        "<?php ?>",
        "a\u{202e}b",
    ] {
        let visible = fold(text);
        assert_eq!(shown(&escape(text)), Ok(visible), "{text:?}");
    }
}

#[test]
fn plain_words_stay_plain() {
    for text in [
        "Add refunds for card payments (PAY-12)",
        "4.12.0",
        "release manager",
        "2026-03-02",
        "it's 5 % off, or so",
    ] {
        assert_eq!(escape(text), text);
    }
}

#[test]
fn the_invisible_is_made_visible_and_lines_are_folded() {
    assert_eq!(escape("a\u{202e}b\u{200b}c\u{7}d"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0007⟩d");
    assert_eq!(escape("  a\r\n\n\t b\u{2028}c  "), "a b c");
    assert_eq!(escape(""), "");
}

#[test]
fn long_values_are_cut_visibly() {
    let escaped = escape(&"word ".repeat(100_000));
    assert!(escaped.ends_with('…') && escaped.chars().count() <= MAX_VALUE_CHARS + 1);
}

#[test]
fn mentions_and_references_are_broken_up() {
    assert_eq!(
        escape("@team see #12, not a@b.example"),
        "@\u{2060}team see #\u{2060}12, not a@b.example"
    );
}

#[test]
fn links_lead_only_where_they_may() {
    for url in [
        "https://x.example/a?b=c#d",
        "http://x.example",
        "mailto:a@b.example",
        "/v1/events/1",
        "#part",
    ] {
        assert!(is_allowed(url), "{url}");
        assert!(link("text", url).starts_with("[text]("), "{url}");
    }
    for url in [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        " javascript:x",
        "\tjavascript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "java\u{200b}script:x",
        "javascript&colon;alert(1)\u{0}",
    ] {
        assert!(!is_allowed(url), "{url:?}");
        assert_eq!(link("text", url), "text", "{url:?}");
    }
    assert_eq!(
        link("a](b", "https://x.example/)(<>|`\" ü".replace(' ', "").as_str()),
        "[a\\](b](https://x.example/%29%28%3C%3E%7C%60%22%C3%BC)"
    );
}

#[test]
fn code_is_code_only_where_it_cannot_break_out() {
    assert_eq!(code("sha256:ab"), "`sha256:ab`");
    assert_eq!(code("a`b"), "a\\`b");
    assert_eq!(code("a|b"), "a\\|b");
    assert_eq!(code("a\n\n# b"), "`a # b`");
}

#[test]
fn a_block_cannot_be_closed_from_within() {
    assert_eq!(block("a\n```\nb\u{202e}\n"), "````\na\n```\nb⟨U+202E⟩\n````");
    assert_eq!(block("one"), "```\none\n```");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_text_is_text(text in "\\PC{0,40}") {
        prop_assert_eq!(shown(&escape(&text)), Ok(fold(&text)));
    }

    #[test]
    fn markup_soup_is_text(text in "[-#*+_=~`<>&|:!.()\\[\\]{}\\\\/\"'$^@ \t\n\ra1w]{0,24}") {
        prop_assert_eq!(shown(&escape(&text)), Ok(fold(&text)));
    }

    #[test]
    fn a_cell_stays_one_cell(text in "[-|`\\\\<>*\\[\\]()a \n:]{1,24}", other in "\\PC{0,16}") {
        let table = format!("| a | b | c |\n|---|---|---|\n| {} | {} | {} |\n", escape(&text), code(&text), link(&other, "https://x.example/|"));
        let cells = Parser::new_ext(&table, Options::ENABLE_TABLES).filter(|e| matches!(e, Event::Start(Tag::TableCell))).count();
        let rows = Parser::new_ext(&table, Options::ENABLE_TABLES).filter(|e| matches!(e, Event::Start(Tag::TableRow))).count();
        prop_assert_eq!((cells, rows), (6, 1), "{}", table);
    }

    #[test]
    fn a_link_holds_only_its_text(text in "[-\\[\\]()!<>`*_\\\\a&|]{1,20}", path in "[ -~]{0,20}") {
        let url = format!("https://x.example/{path}");
        let markdown = link(&text, &url);
        let mut links = 0;
        let mut inside = String::new();
        for event in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    links += 1;
                    prop_assert!(dest_url.starts_with("https://x.example/"));
                }
                Event::Text(part) => inside.push_str(&part),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph | TagEnd::Link) => {}
                other => prop_assert!(false, "{:?} in {}", other, markdown),
            }
        }
        prop_assert_eq!(links, usize::from(is_allowed(&url)));
        prop_assert_eq!(inside, fold(&text));
    }
}
