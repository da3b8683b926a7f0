//! The databases themselves: settings that would lose what was acknowledged, TLS, several services over one database.

use crate::support::binary::{Service, code, refused, run, said};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, eventually, key};

#[test]
fn settings_that_would_lose_commits_are_refused() {
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}?options=-c%20synchronous_commit%3Doff", database.url);
    let output = refused(&folder.path().join("data"), &url, &[]);
    assert_ne!(code(&output), 0);
    assert!(
        said(&output).contains("synchronous_commit") && said(&output).contains("off"),
        "{}",
        said(&output)
    );
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(!said(&output).contains(password), "credentials stay out of messages");
}

#[test]
fn postgres_is_spoken_over_tls_where_the_url_asks() {
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let Ok(ca) = std::env::var("SHIPSLOG_TEST_POSTGRES_CA") else {
        println!("skipped: SHIPSLOG_TEST_POSTGRES_CA is not set (tests/run sets it where openssl is there)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let encrypted = format!("{}?sslmode=require", database.url);
    let output = refused(&folder.path().join("untrusted"), &encrypted, &[]);
    assert_ne!(code(&output), 0, "nobody vouches for that certificate");
    assert!(
        said(&output).to_lowercase().contains("certificate"),
        "{}",
        said(&output)
    );

    let service = Service::start(&folder.path().join("data"), Some(&encrypted), &["--database-ca", &ca]);
    service.client.get("/v1/log").expect(200);
    let plain = database.texts(
        "SELECT a.pid::text FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) \
         WHERE a.datname = current_database() AND a.application_name = 'shipslog' AND NOT s.ssl",
    );
    assert_eq!(plain, [""; 0], "every connection is encrypted");
    let all = database.texts(
        "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'shipslog'",
    );
    assert!(!all.is_empty());

    // The name in the certificate counts, not only who signed it.
    let elsewhere = encrypted.replace("@127.0.0.1:", "@127.0.0.2:");
    let output = refused(&folder.path().join("elsewhere"), &elsewhere, &["--database-ca", &ca]);
    assert_ne!(code(&output), 0);
}

#[test]
fn several_services_over_one_postgres_make_one_log() {
    const EACH: u64 = 40;
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let services = [0, 1].map(|_| Service::start(&data, Some(&database.url), &[]));
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    services[0].client.post_json("/v1/producers", &body).expect(201);
    let before = services[0].client.get("/v1/log").json()["tree_size"].as_u64().unwrap();

    let mut indexes: Vec<u64> = std::thread::scope(|scope| {
        let send = |sender: usize| {
            let client = &services[sender % services.len()].client;
            let one = |n: u64| {
                let envelope = sign(
                    &deployed(&format!("{sender}-{n}"), "checkout", "production", n),
                    &key(7),
                );
                // The other service learns of the new producer within moments, and may find that the head has moved.
                let mut index = None;
                eventually("it is recorded", || {
                    let answer = client.record(&envelope);
                    assert!(matches!(answer.status, 200 | 201 | 401 | 503), "{}", answer.text());
                    index = matches!(answer.status, 200 | 201).then(|| answer.index());
                    index.is_some()
                });
                index.unwrap()
            };
            (0..EACH).map(one).collect::<Vec<_>>()
        };
        let senders: Vec<_> = (0..4).map(|sender| scope.spawn(move || send(sender))).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    indexes.sort_unstable();
    assert_eq!(
        indexes,
        (before..before + 4 * EACH).collect::<Vec<_>>(),
        "one log, without a gap or a fork"
    );
    for service in services {
        assert!(service.terminate());
    }
    let fsck = run(&["fsck", "--data", data.to_str().unwrap(), "--database", &database.url]);
    assert_eq!(code(&fsck), 0, "{}", said(&fsck));
}
