//! Bad requests around events: too large, of another type, stalled, for what is not there. Every one is an RFC 9457
//! problem, and none is a server error.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rstest::rstest;

use crate::support::events::{deployed, sign};
use crate::support::http::{Answer, ENVELOPE};
use crate::support::{Backend, TestApp};

#[rstest]
fn bodies_that_are_too_large_or_of_another_type(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let mut event = deployed("large", "checkout", "production", 1);
    event["customData"]["other"] = "x".repeat(1 << 20).into();
    let large = sign(&event, &app.pipeline);
    app.client.record(&large).problem(413);

    // The same without saying how long it will be.
    let mut chunked =
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {ENVELOPE}\r\n")
            .into_bytes();
    chunked.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    for part in large.chunks(60_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        chunked.extend_from_slice(part);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    app.client.exchange(&chunked).problem(413);

    let good = sign(&deployed("good", "checkout", "production", 1), &app.pipeline);
    app.client.post("/v1/events", "text/plain", &good).problem(415);
    app.client.send("POST", "/v1/events", &[], Some(&good)).problem(415);
    app.client
        .post("/v1/events/batch", "application/json", &good)
        .problem(415);
    assert_eq!(app.tree_size(), before);
}

#[rstest]
fn what_is_not_there_and_what_cannot_be_read(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&deployed("e1", "checkout", "production", 1));
    let size = app.tree_size();
    let not_found = [
        "/nowhere".to_owned(),
        "/v1/nowhere".into(),
        format!("/v1/events/{size}"),
        "/v1/events/-1".into(),
        "/v1/events/x".into(),
        "/v1/events/99999999999999999999".into(),
        format!("/v1/events/{}", i64::MAX),
        format!("/v1/events/{}", u64::MAX),
        format!("/v1/events/{size}/envelope"),
        format!("/v1/events/{size}/receipt"),
        "/v1/deployments/none".into(),
        "/v1/incidents/none".into(),
        "/v1/environments/none/state".into(),
        format!("/v1/log/entries/{size}"),
        format!("/v1/log/entries/{}", u64::MAX),
        format!("/v1/log/entries/0/proof?tree_size={}", size + 1),
        "/v1/log/entries/0/proof?tree_size=0".into(),
        format!("/v1/log/entries/{}/proof?tree_size=1", size - 1),
        format!("/v1/log/envelopes/{}", u64::MAX),
        "/v1/log/envelopes/7".into(),
        "/log/tile/0/001".into(),
        "/log/tile/0/000".into(),
        "/log/tile/9/000".into(),
        "/log/tile/entries/001.p/1".into(),
        "/log/tile/0/000.p/0".into(),
        "/log/tile/0/000.p/01".into(),
        "/log/tile/0/0".into(),
        "/log/tile/0/../0/000.p/1".into(),
        "/log/tile/".into(),
    ];
    for path in &not_found {
        let answer = app.client.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.problem(404);
    }
    let unreadable = [
        ("/v1/events?cursor=zzz", Some("cursor")),
        ("/v1/events?cursor=", Some("cursor")),
        ("/v1/events?limit=0", Some("limit")),
        ("/v1/events?limit=x", None),
        ("/v1/events?from=yesterday", None),
        ("/v1/events?unknown=1", None),
        ("/v1/events?tree_size=99999", Some("tree_size")),
        ("/v1/deployments?cursor=AAAA", Some("cursor")),
        ("/v1/deployments?status=gone", Some("status")),
        ("/v1/incidents?open=perhaps", None),
        ("/v1/environments/production/state?at=today", None),
        ("/v1/search", None),
        ("/v1/search?q=x", Some("q")),
        ("/v1/log/entries/0/proof?tree_size=-1", None),
    ];
    for (path, pointer) in unreadable {
        let answer = app.client.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let problem = answer.problem(400);
        if let Some(pointer) = pointer {
            assert_eq!(problem["pointer"], pointer, "{path}");
        }
    }
    for (method, path, allowed) in [
        ("DELETE", "/v1/events/0", "GET, HEAD"),
        ("PUT", "/v1/events", "GET, HEAD, POST"),
        ("GET", "/v1/gate", "POST"),
        ("HEAD", "/v1/gate", "POST"),
    ] {
        let answer = app.client.send(method, path, &[], None);
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allowed)),
            "{method} {path}"
        );
    }
    for path in ["/healthz", "/v1/log", "/v1/events/0", "/openapi.json"] {
        let (get, head) = (app.client.get(path), app.client.send("HEAD", path, &[], None));
        assert_eq!((head.status, &head.body[..]), (200, &b""[..]), "{path}");
        for header in ["content-type", "content-length"] {
            assert_eq!(head.header(header), get.header(header), "{path}");
        }
    }
    assert_eq!(app.client.anonymous().send("HEAD", "/v1/log", &[], None).status, 401);
    assert_eq!(app.tree_size(), size);
}

#[rstest]
fn a_stalled_body_is_cut_off(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let heads = [
        format!(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {ENVELOPE}\r\nContent-Length: 1000\r\n\r\n{{\"pay"
        ),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {ENVELOPE}\r\nTransfer-Enc"),
    ];
    std::thread::scope(|scope| {
        for head in &heads {
            let address = app.client.address;
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
                stream.write_all(head.as_bytes()).unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).unwrap();
                assert!(
                    answer.starts_with(b"HTTP/1.1 408"),
                    "{}",
                    String::from_utf8_lossy(&answer)
                );
            });
        }
    });
    assert_eq!(app.tree_size(), before);
    app.record(&deployed("good", "checkout", "production", 1));
}

#[rstest]
fn hostile_requests_never_bring_a_server_error(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let hostile = [
        "%00",
        "%ff",
        "..%2f..%2fetc",
        "'%20OR%201=1--",
        "%F0%9F%92%A9",
        "%7B%7B7*7%7D%7D",
        "%3Cscript%3E",
        "a%0d%0aX:%20y",
        "%25",
        "_",
        "%E2%80%AE",
        "-1",
        "1e9",
        "0x10",
        "9223372036854775808",
        "%20",
        "NaN",
        "null",
    ];
    let templates = [
        "/v1/events/{}",
        "/v1/deployments/{}",
        "/v1/incidents/{}",
        "/v1/environments/{}/state",
        "/v1/log/entries/{}/proof",
        "/v1/log/envelopes/{}",
        "/log/tile/{}",
        "/v1/events?service={}",
        "/v1/events?cursor={}",
        "/v1/events?limit={}",
        "/v1/events?from={}",
        "/v1/search?q={}",
        "/v1/deployments?environment={}",
        "/v1/incidents?service={}",
        "/v1/services?tree_size={}",
        "/docs/{}",
        "/{}",
    ];
    for template in templates {
        for value in hostile {
            let path = template.replace("{}", value);
            let answer: Answer = app.client.get(&path);
            assert!(
                answer.status < 500,
                "{path}: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
    }
    assert_eq!(app.tree_size(), before);
}
