//! What HTML can come out of Markdown.

use super::*;

#[test]
fn prose_and_tables_come_through() {
    let html = to_html("# T\n\nA **b** `c`.\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n");
    assert_eq!(
        html.as_str(),
        "<h1>T</h1>\n<p>A <strong>b</strong> <code>c</code>.</p>\n<table><thead><tr><th>a</th><th class=\"number\">b</th></tr></thead><tbody>\n<tr><td>1</td><td class=\"number\">2</td></tr>\n</tbody></table>\n"
    );
}

#[test]
fn raw_html_is_text() {
    let html = to_html("<script>alert(1)</script>\n\na <img src=x onerror=alert(1)> b <!-- c -->\n");
    assert!(!html.as_str().contains("<script") && !html.as_str().contains("<img") && !html.as_str().contains("<!--"));
    assert!(
        html.as_str().contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{}",
        html.as_str()
    );
}

#[test]
fn only_allowed_links_and_no_images() {
    let html = to_html(
        "[a](javascript:alert(1)) [b](https://x.example \"title\") ![c](https://x.example/c.png) <https://y.example> <javascript:alert(1)> <a@b.example> [d](//evil.example)\n",
    );
    assert_eq!(
        html.as_str(),
        "<p>a <a href=\"https://x.example\">b</a> c <a href=\"https://y.example\">https://y.example</a> javascript:alert(1) <a href=\"mailto:a@b.example\">a@b.example</a> d</p>\n"
    );
}

#[test]
fn what_kept_forges_from_linking_is_gone() {
    assert_eq!(to_html("@\u{2060}team").as_str(), "<p>@team</p>\n");
}

#[test]
fn the_language_of_code_reaches_no_attribute() {
    assert_eq!(
        to_html("```\"onclick=x\ncode\n```\n").as_str(),
        "<pre><code>code\n</code></pre>\n"
    );
}
