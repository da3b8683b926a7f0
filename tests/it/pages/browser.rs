//! The pages in a real browser, driven over the WebDriver protocol. Source: <https://www.w3.org/TR/webdriver2/>.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{HOSTILE, PAGES, story};
use crate::support::http::Client;
use crate::support::{Backend, TestApp, eventually, free_address};

/// Chromium without what would reach out of this machine.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
];

/// The name under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; says so where there is none.
    pub fn start() -> Option<Self> {
        let address = free_address();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = driver else {
            println!("skipped: there is no chromedriver");
            return None;
        };
        let client = Client { address, token: None };
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            client,
            session: String::new(),
            _profile: profile,
        };
        eventually("the driver listens", || TcpStream::connect(address).is_ok());
        let data = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([data.as_str()]).collect();
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } });
        let session = browser.call(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": wanted } }),
        );
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_call(method, path, body)
            .unwrap_or_else(|said| panic!("{method} {path}: {said}"))
    }

    fn try_call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let path = format!("{}{path}", self.session);
        let body = (method == "POST").then(|| body.to_string());
        let headers = [("Content-Type", "application/json")];
        let answer = self
            .client
            .send(method, &path, &headers, body.as_ref().map(String::as_bytes));
        match answer.status {
            200 => Ok(answer.json()["value"].clone()),
            _ => Err(answer.text().to_owned()),
        }
    }

    pub fn open(&self, app: &TestApp, path: &str) {
        let url = format!("http://{}{path}", app.client.address);
        self.call("POST", "/url", &json!({ "url": url }));
    }

    /// The path and query that are shown.
    fn place(&self) -> String {
        self.script("return location.pathname + location.search")
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Asks for a page that nobody may see, and signs in for it.
    pub fn sign_in(&self, app: &TestApp, page: &str) {
        self.open(app, page);
        assert!(self.place().starts_with("/sign-in?next=%2F"), "{}", self.place());
        self.write("input[name=token]", app.client.token.as_deref().unwrap());
        self.click("button");
        self.arrives(page);
    }

    /// Waits until this is shown: a click returns before the page that it leads to is there.
    fn arrives(&self, place: &str) {
        let shown = format!("document.readyState === 'complete' && location.pathname + location.search === '{place}'");
        self.wait_for(place, &shown);
    }

    /// Waits until something is so on the page; one that is just going away may not answer.
    fn wait_for(&self, what: &str, so: &str) {
        let asked = json!({ "script": format!("return {so}"), "args": [] });
        eventually(what, || {
            self.try_call("POST", "/execute/sync", &asked) == Ok(Value::Bool(true))
        });
    }

    pub fn script(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn find(&self, selector: &str) -> String {
        let found = self.call(
            "POST",
            "/element",
            &json!({ "using": "css selector", "value": selector }),
        );
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.call("POST", &format!("/element/{element}/click"), &json!({}));
    }

    fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.call("POST", &format!("/element/{element}/value"), &json!({ "text": text }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", "", &json!({}));
        }
        // It has ended, or is of no use any more.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn a_manager_signs_in_reads_decides_and_signs_out() {
    let Some(app) = TestApp::start(Backend::Sqlite) else {
        return;
    };
    let Some(browser) = Browser::start() else { return };
    story(&app);
    browser.sign_in(&app, "/incidents");

    for path in PAGES.into_iter().chain(["/deployments/c2"]) {
        browser.open(&app, path);
        assert_eq!(
            browser.script("return window.hit === undefined"),
            true,
            "{path}: text from outside ran"
        );
        assert_eq!(
            browser.script("return document.scripts.length + document.images.length"),
            0,
            "{path}"
        );
        // The style sheet came through the policy, there is one heading of the page, and nothing is wider than it.
        assert_eq!(browser.script("return document.styleSheets.length"), 1, "{path}");
        assert_eq!(
            browser.script("return document.querySelectorAll('h1').length"),
            1,
            "{path}"
        );
        let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(browser.script(wider), false, "{path} is wider than the window");
        let unnamed = "return [...document.querySelectorAll('table')].filter(t => !t.querySelector('th')).length";
        assert_eq!(browser.script(unnamed), 0, "{path}: a table without headers");
    }
    browser.open(&app, "/incidents");
    let text = browser.script("return document.querySelector('tbody th .soft').textContent");
    assert!(
        text.as_str().unwrap().starts_with(&HOSTILE[..20]),
        "shown as the text it is: {text}"
    );

    browser.click("tbody th a");
    browser.arrives("/incidents/INC%201%2Fa");
    browser.click("input[name=deployment]");
    browser.script("document.querySelector('select[name=verdict]').value = 'confirmed'");
    browser.write("input[name=reason]", "the traces end there");
    browser.click("main form button");
    let decided = "document.querySelector('tbody .state.confirmed') !== null";
    browser.wait_for("the decision is shown", decided);

    browser.click("header form button");
    browser.arrives("/sign-in");
    browser.open(&app, "/");
    assert_eq!(browser.place(), "/sign-in?next=%2F");
}
