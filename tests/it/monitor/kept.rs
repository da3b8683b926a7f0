//! A checkpoint that the caller kept, against a log and what the monitor remembers of it.

use std::path::PathBuf;

use super::{Watched, ids, record};
use crate::support::binary::Service;

#[test]
fn what_the_caller_kept_counts_whatever_is_remembered() {
    let Some((watched, copy)) = Watched::copied(5) else {
        return;
    };
    // What somebody else was shown, and kept: smaller than what the monitor comes to believe, and larger.
    let forked = Service::start(copy.path(), None, &[]);
    let kept: Vec<PathBuf> = [("less", 2), ("more", 700)]
        .into_iter()
        .map(|(name, count)| {
            record(&forked, ids(name, count));
            let path = watched.data.path().join(name);
            std::fs::write(&path, forked.client.get("/log/checkpoint").expect(200).text()).unwrap();
            path
        })
        .collect();
    let service = Service::start(watched.data.path(), Some(&watched.database.url), &[]);
    let size = record(&service, ids("own", 4));
    for known in [false, true] {
        for path in &kept {
            let output = watched.monitor(&service.url(), &["--checkpoint", path.to_str().unwrap()], None);
            let line = watched.seen(&output, 1, "tampered");
            let evidence = PathBuf::from(line["evidence"].as_str().unwrap_or_else(|| panic!("{known}: {line}")));
            let held = std::fs::read_to_string(evidence.join("held.txt")).unwrap();
            assert_eq!(held, std::fs::read_to_string(path).unwrap());
            // Of the larger one nothing is served that would prove it.
            if line["message"].as_str().unwrap().starts_with("the first") {
                assert_eq!(watched.evidence(&line).offered.size, size);
            }
        }
        watched.look(&service.url(), 0, "verified");
    }
    // Its own is on the way, by either address of the log.
    let own = watched.data.path().join("own");
    std::fs::write(&own, service.client.get("/log/checkpoint").expect(200).text()).unwrap();
    record(&service, ids("later", 1));
    for url in [service.url(), format!("{}/log/", service.url())] {
        let output = watched.monitor(&url, &["--checkpoint", own.to_str().unwrap()], None);
        watched.seen(&output, 0, "verified");
    }
}
