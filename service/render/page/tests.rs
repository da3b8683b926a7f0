//! Pages stand alone and let nothing in.

use std::collections::BTreeMap;

use super::*;
use crate::render::to_html;

#[test]
fn a_page_stands_alone() {
    let templates = Templates::built_in().unwrap();
    let html = page(&templates, "</title><script>x", &to_html("# Hi")).unwrap();
    assert!(
        html.contains("<title>&lt;&#x2f;title&gt;&lt;script&gt;x</title>") && html.contains("<h1>Hi</h1>"),
        "{html}"
    );
    let style = html
        .split("<style>")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next())
        .unwrap();
    let digest = Base64::encode_string(&Sha256::digest(style.as_bytes()));
    assert!(
        html.contains(&format!("'sha256-{digest}'")),
        "the policy allows the style sheet as it stands in the page"
    );
    assert!(!html.contains("src=") && !html.contains("url(") && !html.contains("@import"));
}

#[test]
fn a_style_sheet_cannot_end_its_element() {
    let overrides = BTreeMap::from([("web/style.css".to_owned(), "</style><script>x</script>".to_owned())]);
    let html = page(&Templates::with_overrides(overrides).unwrap(), "T", &to_html("")).unwrap();
    assert!(
        !html.contains("<script>") || !html.contains("</style><script>"),
        "{html}"
    );
    assert_eq!(html.matches("</style>").count(), 1);
}
