//! The log as plain files: any C2SP reader can check it, ours over HTTP and the Go project's own from the folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use ledger::{Checkpoint, Edge, Hash, NoteSigner, PrivateKey, SignedNote, TilePath, entry_bundle, leaf_hash};
use rstest::rstest;

use crate::support::binary::{Service, code, run, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, key};

fn record(service: &Service, name: &str, count: u64) {
    let lines: Vec<Vec<u8>> = (0..count)
        .map(|n| sign(&deployed(&format!("{name}{n}"), "checkout", "production", n), &key(7)))
        .collect();
    let answer = service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    assert_eq!(answer.text().matches("\"status\":201").count() as u64, count);
}

/// A service with some 600 entries, and its log in a folder.
fn exported(folder: &Path, backend: Backend) -> Option<(Service, PathBuf, TestDatabase)> {
    let database = TestDatabase::new(backend)?;
    let service = Service::start(&folder.join("data"), Some(&database.url), &[]);
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    record(&service, "a", 600);
    let tree = folder.join("tree");
    stdout(&service.shipslog(&["export", "--static", tree.to_str().unwrap()]));
    Some((service, tree, database))
}

/// Every file with its bytes and the time it was last written.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(next).unwrap().map(|item| item.unwrap().path()) {
            if item.is_dir() {
                open.push(item);
                continue;
            }
            let name = item.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let written = fs::metadata(&item).unwrap().modified().unwrap();
            found.insert(name, (fs::read(&item).unwrap(), written));
        }
    }
    found
}

fn checkpoint(tree: &Path) -> Checkpoint {
    let note = SignedNote::parse(&fs::read_to_string(tree.join("checkpoint")).unwrap()).unwrap();
    Checkpoint::parse(note.text()).unwrap()
}

#[rstest]
fn the_files_are_the_tiles_of_the_log(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let Some((service, tree, _database)) = exported(folder.path(), backend) else {
        return;
    };
    let head = checkpoint(&tree);
    let served = service.client.get("/v1/log").json();
    assert_eq!(
        (head.size, head.root.to_base64().into()),
        (served["tree_size"].as_u64().unwrap(), served["root"].clone())
    );
    let mut edge = Edge::empty();
    let mut full = Vec::new();
    let written = files(&tree);
    for number in 0..head.size.div_ceil(256) {
        let width = (head.size - number * 256).min(256) as u16;
        let path = format!("tile/{}", TilePath::Entries { index: number, width });
        for entry in entry_bundle::parse(&written[&path].0, width).unwrap() {
            edge.append(leaf_hash(entry), &mut full);
        }
    }
    assert_eq!(edge.root(), head.root);
    for name in written.keys().filter(|name| *name != "checkpoint") {
        // What is served under the same path is the same.
        let answer = service.client.anonymous().get(&format!("/log/{name}")).expect(200);
        assert_eq!(answer.body, written[name].0, "{name}");
    }
    // 2 full bundles and tiles, a partial one of each, and the partial tile above.
    assert_eq!(
        written.len(),
        1 + 2 * (head.size / 256) as usize + 2 + 1,
        "{:?}",
        written.keys()
    );
}

#[test]
fn a_second_run_adds_what_is_new_and_writes_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    let Some((service, tree, _database)) = exported(folder.path(), Backend::Sqlite) else {
        return;
    };
    let export = |service: &Service| service.shipslog(&["export", "--static", tree.to_str().unwrap()]);
    let first = files(&tree);
    stdout(&export(&service));
    let again = files(&tree);
    assert!(
        first
            .iter()
            .all(|(name, file)| name == "checkpoint" || again[name] == *file),
        "nothing was written"
    );
    record(&service, "b", 300);
    // It needs no token.
    let anonymous = crate::support::binary::command(&["export", "--static", tree.to_str().unwrap()])
        .env("SHIPSLOG_URL", service.url())
        .output()
        .unwrap();
    stdout(&anonymous);
    stdout(&export(&service));
    let second = files(&tree);
    assert_eq!(
        checkpoint(&tree).size,
        service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap()
    );
    for (name, file) in first.iter().filter(|(name, _)| *name != "checkpoint") {
        assert_eq!(second[name], *file, "{name}");
    }
    assert!(second.len() > first.len() && second.contains_key("tile/0/002"));

    // A run that was interrupted before its checkpoint is continued.
    fs::remove_file(tree.join("checkpoint")).unwrap();
    fs::write(tree.join("checkpoint.partial"), "half").unwrap();
    fs::remove_file(tree.join("tile/0/001")).unwrap();
    stdout(&export(&service));
    assert_eq!(files(&tree)["tile/0/001"].0, second["tile/0/001"].0);

    // A file that holds something else is left alone and told of, and the checkpoint stays where it was.
    for name in ["tile/0/001", "tile/entries/000", "tile/1/000.p/3"] {
        let good = fs::read(tree.join(name)).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        fs::write(tree.join(name), &bad).unwrap();
        let before = fs::read(tree.join("checkpoint")).unwrap();
        let output = export(&service);
        assert_eq!(code(&output), 1, "{name}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("tree"), "{message}");
        assert_eq!(fs::read(tree.join(name)).unwrap(), bad, "{name}");
        assert_eq!(fs::read(tree.join("checkpoint")).unwrap(), before, "{name}");
        fs::write(tree.join(name), good).unwrap();
    }
    // Another log, or another folder.
    let other = Service::start(&folder.path().join("other"), None, &[]);
    let output = export(&other);
    assert_eq!(code(&output), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not continue it"));
    fs::write(tree.join("holiday.jpg"), "x").unwrap();
    assert_eq!(code(&export(&service)), 1);
    fs::remove_file(tree.join("holiday.jpg")).unwrap();
    stdout(&export(&service));
    assert_eq!(code(&service.shipslog(&["export"])), 2);
    assert_eq!(code(&service.shipslog(&["export", "x", "--static", "y"])), 2);
}

/// A file server, and nothing more: one connection after the other, in the order in which they were opened.
struct Files {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    fn serve(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let (folder, stop) = (folder.to_owned(), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream.unwrap(), &folder, |_| ());
            }
        });
        Self {
            address,
            ended,
            thread: Some(thread),
        }
    }
}

fn answer(mut stream: TcpStream, folder: &Path, before: impl FnOnce(&str)) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            Ok(_) | Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
    before(path);
    let (status, body) = match fs::read(folder.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A verifier that has seen enough hangs up.
    drop(stream.write_all(&[head.as_bytes(), &body].concat()));
}

impl Drop for Files {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_served_log_is_verified_from_its_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let Some((service, tree, _database)) = exported(folder.path(), Backend::Sqlite) else {
        return;
    };
    let vkey = service.data.join("log.vkey").to_str().unwrap().to_owned();
    let verify = |url: &str, more: &[&str]| {
        let output = run(&[&["verify", "log", url, "--log-key", &vkey, "--format", "json"], more].concat());
        let message = String::from_utf8(output.stderr.clone()).unwrap();
        (
            code(&output),
            serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null),
            message,
        )
    };
    // The service itself, without a token, and a file server.
    let (code, shown, message) = verify(&format!("{}/log", service.url()), &[]);
    assert_eq!(code, 0, "{message}");
    assert_eq!(shown["tree_size"], service.client.get("/v1/log").json()["tree_size"]);
    assert!(
        shown["not_checked"]
            .to_string()
            .contains("the signed records themselves"),
        "{shown}"
    );
    let files = Files::serve(&tree);
    let url = format!("http://{}/", files.address);
    let (code, _, message) = verify(&url, &[]);
    assert_eq!(code, 0, "{message}");

    let head = checkpoint(&tree);
    let held = folder.path().join("held.txt");
    let hold = |size: u64, root: Hash| {
        let private = fs::read_to_string(service.data.join("log.key.pem")).unwrap();
        let signer = NoteSigner::new(&head.origin, PrivateKey::from_pem(&private).unwrap()).unwrap();
        let note = Checkpoint {
            origin: head.origin.clone(),
            size,
            root,
        }
        .sign(&signer)
        .unwrap();
        fs::write(&held, note.to_string()).unwrap();
        verify(&url, &["--checkpoint", held.to_str().unwrap()])
    };
    let early = service
        .client
        .get("/v1/log/proof/inclusion?index=0&tree_size=259")
        .json();
    let early = Hash::from_base64(early["root"].as_str().unwrap()).unwrap();
    let (code, shown, _) = hold(259, early);
    assert_eq!(code, 0);
    assert!(
        shown["checked"].to_string().contains("259 entries that you kept"),
        "{shown}"
    );
    let (code, _, message) = hold(259, Hash([7; 32]));
    assert_eq!(code, 1);
    assert!(
        message.contains(&Hash([7; 32]).to_base64()) && message.contains(&early.to_base64()),
        "{message}"
    );
    let (code, _, message) = hold(head.size + 1, Hash([7; 32]));
    assert_eq!(code, 1);
    assert!(
        message.contains(&head.root.to_base64()),
        "both heads are named: {message}"
    );

    for (name, _) in self::files(&tree) {
        let path = tree.join(&name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        for bytes in [&bad[..], &good[..good.len() - 1], &[&good[..], b"x"].concat()] {
            fs::write(&path, bytes).unwrap();
            let (code, _, message) = verify(&url, &[]);
            assert_eq!(code, 1, "{name}: {message}");
        }
        fs::remove_file(&path).unwrap();
        // Without a checkpoint there is no log to speak of; without a tile there is a broken one.
        let (code, _, message) = verify(&url, &[]);
        assert_eq!(code, if name == "checkpoint" { 2 } else { 1 }, "{name}: {message}");
        fs::write(&path, good).unwrap();
    }
    // What is full by now may be all that is kept of what was narrow: the specification allows it.
    let last = format!("tile/entries/{:03}.p/{}", head.size / 256, head.size % 256);
    let narrow = fs::read(tree.join(&last)).unwrap();
    let wider = [&narrow[..], &narrow].concat();
    fs::remove_file(tree.join(&last)).unwrap();
    fs::write(tree.join(format!("tile/entries/{:03}", head.size / 256)), wider).unwrap();
    let (code, _, message) = verify(&url, &[]);
    assert_eq!(code, 0, "{message}");
    drop(files);
    assert_eq!(verify(&url, &[]).0, 2, "nobody answers");
}

#[test]
fn a_bundle_that_is_asked_for_goes_on_while_a_tile_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let Some((service, tree, _database)) = exported(folder.path(), Backend::Sqlite) else {
        return;
    };
    // The narrow bundle was replaced by a full one, so two requests lead to it.
    let size = checkpoint(&tree).size;
    let last = format!("tile/entries/{:03}.p/{}", size / 256, size % 256);
    let full = format!("tile/entries/{:03}", size / 256);
    fs::rename(tree.join(&last), tree.join(&full)).unwrap();
    // A server that answers for the first tile only once it was asked for that bundle, and for the bundle's narrow form
    // only once it was asked for the first tile.
    let seen = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = tree.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let (served, seen) = (served.clone(), Arc::clone(&seen));
            let (last, full) = (last.clone(), full.clone());
            std::thread::spawn(move || {
                answer(stream, &served, |path| {
                    let (paths, told) = &*seen;
                    let mut paths = paths.lock().unwrap();
                    paths.push(path.to_owned());
                    told.notify_all();
                    let first = match path {
                        "tile/0/000" => &full,
                        path if path == last => "tile/0/000",
                        _ => return,
                    };
                    // Less than the other side waits for an answer.
                    let limit = Duration::from_secs(50);
                    let missing = |paths: &mut Vec<String>| !paths.iter().any(|path| path == first);
                    let (_paths, waited) = told.wait_timeout_while(paths, limit, missing).unwrap();
                    assert!(!waited.timed_out(), "{path} is asked for, and {first} is not");
                });
            });
        }
    });
    let vkey = service.data.join("log.vkey");
    let output = run(&[
        "verify",
        "log",
        &format!("http://{address}"),
        "--log-key",
        vkey.to_str().unwrap(),
    ]);
    stdout(&output);
}

#[rstest]
fn the_go_project_accepts_it_and_our_proofs(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let packages = Path::new("/usr/share/gocode");
    let there = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there || !packages.join("src/golang.org/x/mod/sumdb/tlog").exists() {
        println!("skipped: golang-go and golang-golang-x-mod-dev are missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some((service, tree, _database)) = exported(folder.path(), backend) else {
        return;
    };
    let size = checkpoint(&tree).size;
    let get = |path: String| service.client.get(&path).expect(200).json();
    let inclusion: Vec<_> = [(0, 1), (0, size), (255, 256), (256, 300), (size - 1, size), (100, 513)]
        .into_iter()
        .map(|(index, at)| get(format!("/v1/log/proof/inclusion?index={index}&tree_size={at}")))
        .collect();
    let consistency: Vec<_> = [
        (1, size),
        (255, 256),
        (256, 512),
        (300, size),
        (size, size),
        (size - 1, size),
    ]
    .into_iter()
    .map(|(old, new)| get(format!("/v1/log/proof/consistency?old={old}&new={new}")))
    .collect();
    let program = folder.path().join("check");
    let go = |arguments: &[&str]| {
        Command::new("go")
            .args(arguments)
            .envs([
                ("GO111MODULE", "off"),
                ("GOPATH", "/usr/share/gocode"),
                ("GOFLAGS", ""),
                ("GOPROXY", "off"),
            ])
            .env("GOCACHE", folder.path().join("cache"))
            .output()
            .unwrap()
    };
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop/tlog.go");
    stdout(&go(&[
        "build",
        "-o",
        program.to_str().unwrap(),
        source.to_str().unwrap(),
    ]));
    let proofs = folder.path().join("proofs.json");
    let check = |inclusion: &[serde_json::Value], consistency: &[serde_json::Value]| {
        let given = serde_json::json!({ "Inclusion": inclusion, "Consistency": consistency });
        fs::write(&proofs, given.to_string()).unwrap();
        Command::new(&program)
            .args([&tree, &service.data.join("log.vkey"), &proofs])
            .output()
            .unwrap()
    };
    let said = stdout(&check(&inclusion, &consistency));
    assert!(
        said.starts_with(&format!("{size} entries, 6 inclusion and 6 consistency proofs")),
        "{said}"
    );
    // And it would not accept anything else.
    for (at, path) in [("hashes", 1), ("root", 1)] {
        let mut wrong = inclusion.clone();
        match at {
            "hashes" => wrong[path]["hashes"][0] = Hash([1; 32]).to_base64().into(),
            _ => wrong[path]["root"] = Hash([1; 32]).to_base64().into(),
        }
        assert!(!check(&wrong, &consistency).status.success(), "{at}");
    }
    let mut wrong = consistency.clone();
    wrong[3]["hashes"][0] = Hash([1; 32]).to_base64().into();
    assert!(!check(&inclusion, &wrong).status.success());
    for name in ["tile/0/001", "tile/entries/001", "checkpoint"] {
        let good = fs::read(tree.join(name)).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        fs::write(tree.join(name), bad).unwrap();
        assert!(!check(&inclusion, &consistency).status.success(), "{name}");
        fs::write(tree.join(name), good).unwrap();
    }
}
