//! What a service leaves when it is told to stop.

use serde_json::json;

use crate::support::binary::Service;

#[test]
fn its_database_is_one_file_once_it_has_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for round in 0..20 {
        let service = Service::start(&data, None, &[]);
        // Right after a write the readers, and the thread that moves the write-ahead log, are at work.
        let token = json!({ "name": format!("reader-{round}"), "role": "reader" });
        service.client.post_json("/v1/tokens", &token).expect(201);
        assert!(service.terminate());
        assert!(data.join("shipslog.db").exists());
        for beside in ["shipslog.db-wal", "shipslog.db-shm"] {
            assert!(!data.join(beside).exists(), "round {round}: {beside} is left");
        }
    }
}
