//! The pages judged by axe-core, which `tests/run` fetches. Source: <https://github.com/dequelabs/axe-core/blob/develop/doc/API.md>.

use std::path::PathBuf;

use serde_json::json;

use super::browser::Browser;
use super::{PAGES, story};
use crate::support::{Backend, TestApp};

/// What axe-core finds serious or critical on the page that is shown, in the words of a report: rule, place, what is wrong.
const JUDGE: &str = "
    return axe.run(document, { resultTypes: ['violations'] }).then(found => {
        if (found.passes.length === 0) throw new Error('nothing was looked at');
        return found.violations
            .filter(violation => ['serious', 'critical'].includes(violation.impact))
            .flatMap(violation => violation.nodes.map(node => `${violation.id}: ${node.target}: ${node.failureSummary}`));
    });";

/// A text that is hard to read, and a field that nothing names.
const PLANT: &str = "
    document.querySelector('main').insertAdjacentHTML('beforeend', '<p id=faint>faint</p><input id=unnamed>');
    document.querySelector('#faint').style.color = getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'
        ? '#cccccc' : '#333333';";

struct Axe(String);

impl Axe {
    fn fetched() -> Option<Self> {
        let Some(folder) = std::env::var_os("SHIPSLOG_TEST_AXE").map(PathBuf::from) else {
            println!("skipped: axe-core is not here, so nobody judges whether everybody can use the pages");
            return None;
        };
        Some(Self(std::fs::read_to_string(folder.join("axe.min.js")).unwrap()))
    }

    fn complaints(&self, browser: &Browser) -> Vec<String> {
        let found = browser.script(&format!("{}\n{JUDGE}", self.0));
        serde_json::from_value(found).unwrap()
    }
}

impl Browser {
    /// Shows pages as to somebody who prefers `light` or `dark`.
    fn prefers(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let asked = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.call("POST", "/goog/cdp/execute", &asked);
    }
}

#[test]
fn axe_finds_nothing_serious_on_any_page_in_light_or_dark() {
    let Some(axe) = Axe::fetched() else { return };
    let Some(app) = TestApp::start(Backend::Sqlite) else {
        return;
    };
    let Some(browser) = Browser::start() else { return };
    story(&app);
    let mut complaints = Vec::new();
    let mut judge = |path: &str| {
        browser.open(&app, path);
        for scheme in ["light", "dark"] {
            browser.prefers(scheme);
            let found = axe.complaints(&browser);
            complaints.extend(found.iter().map(|one| format!("{path} in {scheme}: {one}")));
        }
    };
    judge("/sign-in");
    browser.sign_in(&app, "/");
    let others = [
        "/deployments/c2",
        "/incidents/INC%201%2Fa",
        "/incidents/none",
        "/delivery?from=2026-02-01&to=soon",
    ];
    PAGES.into_iter().chain(others).for_each(judge);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));

    for scheme in ["light", "dark"] {
        browser.open(&app, "/");
        browser.prefers(scheme);
        browser.script(PLANT);
        let found = axe.complaints(&browser).join("\n");
        for planted in ["color-contrast: #faint", "label: #unnamed"] {
            assert!(found.contains(planted), "{planted} in {scheme} is not found: {found}");
        }
    }
}
