//! Against services that answer, hang up or refuse.

use super::*;

#[test]
fn queries_hold_what_is_given() {
    assert_eq!(query(&[("at", None), ("tree_size", None)]), "");
    assert_eq!(
        query(&[("q", Some("a&b=c d".into())), ("x", None), ("n", Some("7".into()))]),
        "?q=a%26b%3Dc%20d&n=7"
    );
    assert_eq!(encode("eu/west 1"), "eu%2Fwest%201");
}

#[test]
fn problems_are_readable_and_say_what_to_do() {
    let body = r#"{"type":"about:blank","title":"Outside the schema","status":422,"detail":"must be a string","pointer":"/subject/id"}"#;
    assert_eq!(
        problem(StatusCode::UNPROCESSABLE_ENTITY, "/v1/events", body, false),
        "422: Outside the schema: must be a string (at /subject/id)"
    );
    assert!(problem(StatusCode::UNAUTHORIZED, "/v1/tokens", "", false).contains("SHIPSLOG_TOKEN"));
    assert!(problem(StatusCode::NOT_FOUND, "/v1/tokens", "<html>", true).contains("Is this the address"));
    let unknown = r#"{"title":"Not authenticated","detail":"no signature is by a known key","pointer":"/signatures"}"#;
    for had_token in [false, true] {
        let told = problem(StatusCode::UNAUTHORIZED, "/v1/events", unknown, had_token);
        assert!(
            told.contains("producer add") && !told.to_lowercase().contains("token"),
            "{told}"
        );
    }
}

/// A service that answers each connection in turn with one of these, the empty one by hanging up; gives the requests
/// it got, each of which ends like this.
fn service(end: &'static str, answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let worker = std::thread::spawn(move || {
        answers
            .iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(end.as_bytes()) {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(request).unwrap()
            })
            .collect()
    });
    (url, worker)
}

const EVENT: &str = "{\"event\":1}";
const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const AWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const UNCONFIRMED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 43\r\nConnection: close\r\n\r\n\
    {\"type\":\"urn:shipslog:problem:unconfirmed\"}";

fn post(url: String) -> Result<String, Failure> {
    let client = Client::anonymous(&url)?;
    block_on(client.post_again("/v1/events", ENVELOPE, EVENT.as_bytes().to_vec()))
}

#[test]
fn a_busy_or_absent_service_is_asked_again_with_the_same_bytes() {
    let (url, worker) = service(
        EVENT,
        &[
            BUSY,
            AWAY,
            "",
            "HTTP/1.1 201 Created\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"index\":7}",
        ],
    );
    assert_eq!(post(url).unwrap(), "{\"index\":7}");
    let requests = worker.join().unwrap();
    assert_eq!(requests.len(), 4);
    assert!(
        requests
            .iter()
            .all(|request| request.starts_with("POST /v1/events ") && request.contains(ENVELOPE))
    );
}

#[test]
fn what_may_be_recorded_is_told_apart_from_what_was_never_sent() {
    let tried = |url: &str| {
        let body = Body {
            media: ENVELOPE,
            bytes: EVENT.as_bytes().to_vec(),
        };
        let client = Client::anonymous(url).unwrap();
        block_on(client.tried("/v1/events", &body, 2)).unwrap_err().to_string()
    };
    // Nobody listens there.
    let told = tried("http://127.0.0.1:1");
    assert!(told.contains("no answer from") && !told.contains("recorded"), "{told}");
    for (answers, doubtful) in [
        (&["", ""], true),
        // Whatever comes after it: nobody knows what became of the first.
        (&["", BUSY], true),
        (&[UNCONFIRMED, ""], true),
        (&[UNCONFIRMED, BUSY], true),
        (&[UNCONFIRMED, UNCONFIRMED], true),
        (&[AWAY, AWAY], true),
        (&[BUSY, BUSY], false),
    ] {
        let (url, worker) = service(EVENT, answers);
        let told = tried(&url);
        assert_eq!(told.contains("It may be recorded all the same"), doubtful, "{told}");
        worker.join().unwrap();
    }
}

#[test]
fn a_read_is_tried_again_when_the_connection_breaks() {
    const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nti";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ntile";
    let read = |answers| {
        let (url, worker) = service("\r\n\r\n", answers);
        let client = Client::anonymous(&url).unwrap();
        let found = block_on(client.find_bytes("/tile/0/000", 4));
        (found, worker.join().unwrap().len())
    };
    let (found, requests) = read(&["", CUT, WHOLE]);
    assert_eq!((found.unwrap(), requests), (Some(b"tile".to_vec()), 3));
    let (found, requests) = read(&["", "", ""]);
    assert!(found.unwrap_err().to_string().contains("no answer from"));
    assert_eq!(requests, 3);
    let (found, requests) = read(&[CUT, CUT, CUT]);
    assert!(found.unwrap_err().to_string().contains("was cut off"));
    assert_eq!(requests, 3);
}

#[test]
fn a_refusal_is_not_repeated() {
    let (url, worker) = service(
        EVENT,
        &["HTTP/1.1 409 Conflict\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{\"title\":\"Conflict\"}"],
    );
    let failure = post(url).unwrap_err();
    assert!(!failure.to_string().contains("may be recorded"));
    assert_eq!((failure.code(), failure.to_string().as_str()), (1, "409: Conflict"));
    assert_eq!(worker.join().unwrap().len(), 1);
}

#[test]
fn a_redirect_is_told_instead_of_followed() {
    let (url, worker) = service(
        EVENT,
        &[
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ],
    );
    assert!(
        post(url)
            .unwrap_err()
            .to_string()
            .contains("https://elsewhere.example/")
    );
    worker.join().unwrap();
}
