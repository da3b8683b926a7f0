//! The HTTP client that commands use: one service, one token, problems made readable.
//!
//! Writes are tried again when the connection breaks or the service is busy or away: the ledger knows an event by its id, so
//! a second try gets the receipt of the first. Reads are tried again when the connection breaks.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::{Context, Failure, output};
use crate::config::{self, ClientSettings};
use crate::outbound::{self, BodyError, chain};

/// Media type of an envelope.
pub const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Media type of a file of envelopes.
pub const ENVELOPES: &str = "application/x-ndjson";

const TRIES: u32 = 6;
const READS: u32 = 3;
/// What the service, or a proxy before it, says of a moment that passes.
const PASSING: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
/// What is to be known of a record that no answer came for, or one that knows no better.
const MAY_BE_RECORDED: &str = "\nIt may be recorded all the same, so do not record it anew: the same envelope again (shipslog send FILE) \
    gets the receipt of the first time, or look for it with shipslog search.";
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A path with each segment or query value percent-encoded.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// A query string from the pairs that have a value, with its question mark.
pub fn query(pairs: &[(&str, Option<String>)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            text.push(if text.is_empty() { '?' } else { '&' });
            text.push_str(&format!("{name}={}", encode(value)));
        }
    }
    text
}

/// Runs what a command does over the network, on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format!("cannot start: {error}")))?
        .block_on(work)
}

/// A connection to one service.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// Whether the address comes from a setting, and not from the command itself.
    configured: bool,
    token: Option<String>,
}

impl Client {
    /// The service that flags, environment and configuration file name.
    pub fn new(settings: ClientSettings, context: &Context) -> Result<Self, Failure> {
        let configured = settings.url.is_none();
        let config::Client { url, token } = settings.resolve(&context.environment, &context.file)?;
        Self::open(url, configured, token)
    }

    /// Whatever is at an address, asked without a token.
    pub fn anonymous(url: &str) -> Result<Self, Failure> {
        Self::open(url.to_owned(), false, None)
    }

    fn open(url: String, configured: bool, token: Option<String>) -> Result<Self, Failure> {
        if !outbound::is_http(&url) || reqwest::Url::parse(&url).is_err() {
            return Err(Failure::unclear(format!(
                "\"{url}\" is not an http:// or https:// address{}",
                if configured { " (--url, SHIPSLOG_URL)" } else { "" }
            )));
        }
        // No certificate is checked over plain HTTP, so a machine without any must do.
        let http = outbound::client(url.starts_with("https://"))
            .map_err(|error| Failure::refused(format!("cannot start the HTTP client: {}", chain(&error))))?;
        Ok(Self {
            http,
            url,
            configured,
            token,
        })
    }

    /// Whether there is a token to show.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// JSON from a GET.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        let response = self.accepted(Method::GET, path, None).await?;
        json(response).await
    }

    /// JSON from a GET, or nothing where the service knows of nothing.
    pub async fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let response = self
            .request(Method::GET, path, None)
            .await
            .map_err(|error| self.lost(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        json(self.checked(path, response).await?).await.map(Some)
    }

    /// Whether the token, whatever it is, opens this.
    pub async fn is_permitted(&self, path: &str) -> Result<bool, Failure> {
        let response = self
            .request(Method::GET, path, None)
            .await
            .map_err(|error| self.lost(&error))?;
        Ok(response.status() != StatusCode::FORBIDDEN)
    }

    /// At most `limit` bytes from a GET, or nothing where there is no such resource.
    pub async fn find_bytes(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
        let mut left = READS;
        loop {
            left -= 1;
            let response = self
                .request(Method::GET, path, None)
                .await
                .map_err(|error| self.lost(&error))?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let response = self.checked(path, response).await?;
            match outbound::body(response, limit).await {
                Err(BodyError::CutOff(_)) if left > 0 => {}
                Err(error) => return Err(Failure::refused(format!("{path}: {error}"))),
                Ok(bytes) => return Ok(Some(bytes)),
            }
        }
    }

    /// Text from a GET.
    pub async fn get_text(&self, path: &str) -> Result<String, Failure> {
        self.get_stream(path)
            .await?
            .text()
            .await
            .map_err(|error| self.lost(&error))
    }

    /// The response of a GET, its body still to be read.
    pub async fn get_stream(&self, path: &str) -> Result<Response, Failure> {
        self.accepted(Method::GET, path, None).await
    }

    /// The same, or nothing where what was there is gone.
    pub async fn find_stream(&self, path: &str) -> Result<Option<Response>, Failure> {
        let response = self
            .request(Method::GET, path, None)
            .await
            .map_err(|error| self.lost(&error))?;
        if response.status() == StatusCode::GONE {
            return Ok(None);
        }
        self.checked(path, response).await.map(Some)
    }

    /// JSON in, JSON out.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = Body {
            media: "application/json",
            bytes: body.to_string().into_bytes(),
        };
        json(self.accepted(Method::POST, path, Some(&body)).await?).await
    }

    /// Posts what may be posted twice, and tries again while the service is busy or away. Gives the body as received.
    pub async fn post_again(&self, path: &str, media: &'static str, bytes: Vec<u8>) -> Result<String, Failure> {
        self.tried(path, &Body { media, bytes }, TRIES).await
    }

    async fn tried(&self, path: &str, body: &Body, tries: u32) -> Result<String, Failure> {
        let mut pause = Duration::from_millis(250);
        // Whether a try before may have been recorded without our knowing.
        let mut doubtful = false;
        let mut left = tries;
        loop {
            left -= 1;
            let failure = match self.request(Method::POST, path, Some(body)).await {
                Ok(response) if response.status().is_server_error() => {
                    let status = response.status();
                    pause = pause.max(retry_after(&response));
                    // Busy, not sure, read-only, …: whoever waits wants to know for what.
                    let text = response.text().await.unwrap_or_default();
                    doubtful |= is_doubtful(status, &text);
                    if !PASSING.contains(&status) {
                        left = 0;
                    }
                    Failure::refused(problem(status, path, &text, self.token.is_some()))
                }
                Ok(response) => match self.checked(path, response).await?.text().await {
                    Ok(text) => return Ok(text),
                    Err(error) => {
                        doubtful = true;
                        self.lost(&error)
                    }
                },
                Err(error) if error.is_builder() => return Err(self.lost(&error)),
                Err(error) => {
                    doubtful |= !error.is_connect();
                    self.lost(&error)
                }
            };
            if left == 0 {
                return Err(if doubtful {
                    failure.and(MAY_BE_RECORDED)
                } else {
                    failure
                });
            }
            output::note(&format!("Trying again in {pause:?}: {failure}"));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    /// Asks by a body, and tells apart that the service refuses, which is an error, and that it is away.
    pub async fn ask(&self, path: &str, media: &'static str, bytes: Vec<u8>) -> Result<Asked, Failure> {
        let body = Body { media, bytes };
        match self.request(Method::POST, path, Some(&body)).await {
            Ok(response) if response.status().is_server_error() => match self.checked(path, response).await {
                Ok(response) => Ok(Asked::Answered(json(response).await?)),
                Err(failure) => Ok(Asked::Away(failure)),
            },
            Ok(response) => Ok(Asked::Answered(json(self.checked(path, response).await?).await?)),
            Err(error) if error.is_builder() => Err(self.lost(&error)),
            Err(error) => Ok(Asked::Away(self.lost(&error))),
        }
    }

    async fn accepted(&self, method: Method, path: &str, body: Option<&Body>) -> Result<Response, Failure> {
        let response = self
            .request(method, path, body)
            .await
            .map_err(|error| self.lost(&error))?;
        self.checked(path, response).await
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Body>) -> Result<Response, reqwest::Error> {
        let mut left = if method == Method::GET { READS } else { 1 };
        loop {
            left -= 1;
            match self.send(method.clone(), path, body).await {
                // It was there and hung up: one that closes idle connections may do so while it is being asked.
                Err(error) if left > 0 && error.is_request() && !error.is_connect() && !error.is_timeout() => {}
                outcome => return outcome,
            }
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Body>) -> Result<Response, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, body.media).body(body.bytes.clone());
        }
        request.send().await
    }

    async fn checked(&self, path: &str, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let to = response
                .headers()
                .get("location")
                .and_then(|value| value.to_str().ok())
                .unwrap_or("somewhere else");
            return Err(Failure::refused(format!(
                "{} sends to {}; set --url or SHIPSLOG_URL to the address that answers itself",
                self.url,
                output::clean(to)
            )));
        }
        let body = response.text().await.map_err(|error| self.lost(&error))?;
        Err(Failure::refused(problem(status, path, &body, self.token.is_some())))
    }

    fn lost(&self, error: &reqwest::Error) -> Failure {
        let hint = if self.configured {
            " Set --url or SHIPSLOG_URL to its address."
        } else {
            ""
        };
        Failure::refused(format!(
            "no answer from {}: {}. Is the service running there?{hint}",
            self.url,
            chain(error)
        ))
    }
}

/// What became of a question.
pub enum Asked {
    /// The answer.
    Answered(Value),
    /// Nobody answers, or whoever does cannot now: why.
    Away(Failure),
}

struct Body {
    media: &'static str,
    bytes: Vec<u8>,
}

/// Whether an event that was answered like this may be recorded. The service says so where it may; what it refuses for want of
/// time or room is not. Anything else is a proxy's word, or that of a service in disorder.
fn is_doubtful(status: StatusCode, body: &str) -> bool {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            let problem = serde_json::from_str::<Value>(body).unwrap_or(Value::Null);
            problem["type"] == "urn:shipslog:problem:unconfirmed"
        }
        _ => true,
    }
}

async fn json(response: Response) -> Result<Value, Failure> {
    let text = response
        .text()
        .await
        .map_err(|error| Failure::refused(format!("the answer was cut off: {}", chain(&error))))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::refused(format!("the answer is not JSON ({error}); is this a Shipslog service?")))
}

fn retry_after(response: &Response) -> Duration {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(60))
}

/// One line from an RFC 9457 problem, and what to do about it where that is known.
fn problem(status: StatusCode, path: &str, body: &str, had_token: bool) -> String {
    let parsed = serde_json::from_str::<Value>(body).unwrap_or(Value::Null);
    let member = |name| parsed.get(name).and_then(Value::as_str).map(output::clean);
    let mut text = format!(
        "{}: {}",
        status.as_u16(),
        member("title").unwrap_or_else(|| { status.canonical_reason().unwrap_or("refused").to_owned() })
    );
    if let Some(detail) = member("detail") {
        text.push_str(&format!(": {detail}"));
    }
    if let Some(pointer) = member("pointer") {
        text.push_str(&format!(" (at {pointer})"));
    }
    match status {
        StatusCode::UNAUTHORIZED if member("pointer").as_deref() == Some("/signatures") => text.push_str(
            "\nIf the key is new, an administrator has to register its public half: shipslog producer add NAME --public-key FILE.pub.pem",
        ),
        StatusCode::UNAUTHORIZED if !had_token => text.push_str(
            "\nNo token was sent: set SHIPSLOG_TOKEN or SHIPSLOG_TOKEN_FILE (the first admin token is in DATA/admin.token)",
        ),
        // What is beyond a token's reach is named already.
        StatusCode::FORBIDDEN if had_token && !path.starts_with("/v1/events") && member("pointer").is_none() => {
            text.push_str("\nThe token has another role than this needs");
        }
        StatusCode::NOT_FOUND if parsed.is_null() => text.push_str("\nIs this the address of a Shipslog service?"),
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests;
