//! A bundle verifies as it was written, and in no other form: every byte of every file counts.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::output;
use super::super::trust::Trust;
use super::*;
use crate::audit::Kind;
use crate::audit::fixture::Log;

mod dishonest;
mod types;

/// Stands for the envelope of an entry that is withheld.
const WITHHELD: &str = "withheld";

struct Bundle {
    folder: tempfile::TempDir,
    log: Log,
}

fn trust(key: &ledger::NoteKey) -> Trust {
    Trust::of(key.clone())
}

impl Bundle {
    fn new(size: usize) -> Self {
        Self::of(Log::new(size.max(2)))
    }

    /// The bundle of a log, with a checkpoint that covers it whatever is in it.
    fn of(log: Log) -> Self {
        let size = log.kept.len();
        let bundle = Self {
            folder: tempfile::tempdir().unwrap(),
            log,
        };
        for (name, text) in FIXED {
            bundle.write(name, text.as_bytes());
        }
        bundle.write(CHECKPOINT, bundle.log.note().to_string().as_bytes());
        for part in Part::all(size as u64) {
            let (mut entries, mut lines) = (Vec::new(), String::new());
            for index in part.first..part.first + u64::from(part.width) {
                let kept = &bundle.log.kept[index as usize];
                entries.extend((kept.leaf.len() as u16).to_be_bytes());
                entries.extend(&kept.leaf);
                lines.push_str(&match kept.envelope.as_str() {
                    "" => erased_line(index),
                    WITHHELD => withheld_line(index),
                    envelope => line(index, &kept.salt, envelope),
                });
            }
            bundle.write(&part.entries_file(), &entries);
            bundle.write(&part.envelopes_file(), lines.as_bytes());
        }
        bundle
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for item in fs::read_dir(folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    walk(&path, found)
                } else {
                    found.push(path)
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        found
    }

    fn verdict(&self) -> Verdict {
        verify(self.folder.path(), &trust(Log::signer().key()), None).unwrap()
    }

    fn holds(&self) -> bool {
        let verdict = self.verdict();
        verdict.opened.is_some() && verdict.report.findings.is_empty()
    }
}

#[test]
fn a_bundle_verifies() {
    for size in [1, 2, 255, 256, 257, 512, 515] {
        let bundle = Bundle::new(size);
        let verdict = bundle.verdict();
        assert_eq!(verdict.report.findings, [], "size {size}");
        assert_eq!(verdict.report.size, size.max(2) as u64);
    }
}

#[test]
fn files_are_named_as_the_specification_of_tiles_says() {
    let parts = Part::all(70_000).collect::<Vec<_>>();
    assert_eq!(parts.len(), 274);
    assert_eq!(parts[0].entries_file(), "tile/entries/000");
    assert_eq!(parts[273].entries_file(), "tile/entries/273.p/112");
    assert_eq!(parts[273].envelopes_file(), "envelopes/273.p/112.jsonl");
    assert_eq!(Part::all(0).count(), 0);
    assert_eq!(Part::all(256).map(|part| part.width).collect::<Vec<_>>(), [256]);
}

#[test]
fn a_flip_of_any_byte_of_any_file_is_found() {
    let bundle = Bundle::new(3);
    assert!(bundle.holds());
    let mut flips = 0;
    for file in bundle.files() {
        let bytes = fs::read(&file).unwrap();
        // The fixed texts are long and compared as a whole.
        let step = if file.ends_with("verify.py") { 97 } else { 1 };
        for at in (0..bytes.len()).step_by(step) {
            // One bit that wanders, and for letters the case, to which base64 and hexadecimal readers are often blind.
            let case = bytes[at].is_ascii_alphabetic().then_some(0x20);
            for mask in [Some(1 << (at % 8)), case].into_iter().flatten() {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                fs::write(&file, &changed).unwrap();
                assert!(!bundle.holds(), "byte {at} of {} ^ {mask:#x}", file.display());
                flips += 1;
            }
        }
        fs::write(&file, &bytes).unwrap();
    }
    assert!(bundle.holds() && flips > 5_000, "{flips}");
}

#[test]
fn a_file_that_is_missing_shorter_or_longer_is_found() {
    let bundle = Bundle::new(258);
    assert_eq!(bundle.files().len(), 7);
    for file in bundle.files() {
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(!bundle.holds(), "without {}", file.display());
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(!bundle.holds(), "shorter {}", file.display());
        fs::write(&file, [&bytes[..], b"\n"].concat()).unwrap();
        assert!(!bundle.holds(), "longer {}", file.display());
        fs::write(&file, b"").unwrap();
        assert!(!bundle.holds(), "empty {}", file.display());
        fs::write(&file, &bytes).unwrap();
    }
    assert!(bundle.holds());
}

#[test]
fn what_does_not_belong_is_found() {
    for name in [
        "notes.txt",
        "tile/0/000",
        "tile/entries/001",
        "tile/entries/000.p/3",
        "tile/entries/000",
        "envelopes/000.p/4",
        "envelopes/000.p/4.jsonl.bak",
        "envelopes/README.md",
        "tile/checkpoint",
    ] {
        let bundle = Bundle::new(4);
        bundle.write(name, b"x");
        assert!(!bundle.holds(), "{name}");
    }
    let bundle = Bundle::new(4);
    fs::create_dir(bundle.folder.path().join("empty")).unwrap();
    assert!(!bundle.holds());
    let bundle = Bundle::new(4);
    std::os::unix::fs::symlink("checkpoint", bundle.folder.path().join("link")).unwrap();
    assert!(!bundle.holds());
}

#[test]
fn a_file_behind_a_link_is_not_a_file_of_the_bundle() {
    let bundle = Bundle::new(4);
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let file = bundle.folder.path().join(CHECKPOINT);
    fs::copy(&file, elsewhere.path()).unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &file).unwrap();
    assert!(!bundle.holds());
}

#[test]
fn an_earlier_checkpoint_does_not_cover_later_entries() {
    let bundle = Bundle::new(6);
    bundle.write(CHECKPOINT, Log::new(5).note().to_string().as_bytes());
    assert!(!bundle.holds());
}

#[test]
fn a_checkpoint_by_another_key_is_refused() {
    let bundle = Bundle::new(3);
    let other = ledger::NoteSigner::new("log.example", ledger::PrivateKey::from_seed([7; 32])).unwrap();
    let verdict = verify(bundle.folder.path(), &trust(other.key()), None).unwrap();
    assert!(verdict.opened.is_none() && !verdict.report.findings.is_empty());
}

#[test]
fn an_erased_line_needs_a_record_of_the_erasure() {
    let bundle = Bundle::new(3);
    let log = &bundle.log;
    let text = [
        line(0, &log.kept[0].salt, &log.kept[0].envelope),
        line(1, &log.kept[1].salt, &log.kept[1].envelope),
        erased_line(2),
    ];
    bundle.write("envelopes/000.p/3.jsonl", text.concat().as_bytes());
    let findings = bundle.verdict().report.findings;
    assert_eq!(
        findings
            .iter()
            .map(|finding| (finding.kind, finding.index))
            .collect::<Vec<_>>(),
        [(Kind::Erased, Some(2))]
    );
}

#[test]
fn an_erased_line_stands_where_a_later_entry_names_it() {
    let mut log = Log::new(4);
    log.administer(&crate::domain::producer::Administration::EventErased {
        index: 3,
        reason: crate::domain::ErasureReason::LegalOrder,
        text: "ordered".into(),
        identity: "0".repeat(64),
    });
    let bundle = Bundle::of(log);
    let lines = |gone: &[u64]| -> String {
        let kept = bundle.log.kept.iter().zip(0..);
        kept.map(|(kept, index)| match gone.contains(&index) {
            true => erased_line(index),
            false => line(index, &kept.salt, &kept.envelope),
        })
        .collect()
    };
    for (gone, holds) in [(&[3][..], true), (&[], false), (&[2, 3], false), (&[3, 4], false)] {
        bundle.write("envelopes/000.p/5.jsonl", lines(gone).as_bytes());
        assert_eq!(bundle.holds(), holds, "{gone:?}");
    }
}

#[test]
fn a_withheld_line_counts_and_takes_nothing_else_along() {
    let bundle = Bundle::new(6);
    let lines = |hidden: &[u64], of: &dyn Fn(u64) -> String| {
        let kept = bundle.log.kept.iter().zip(0..);
        let text: String = kept
            .map(|(kept, index)| match hidden.contains(&index) {
                true => of(index),
                false => line(index, &kept.salt, &kept.envelope),
            })
            .collect();
        bundle.write("envelopes/000.p/6.jsonl", text.as_bytes());
        bundle.verdict().report
    };
    let report = lines(&[3, 5], &withheld_line);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.withheld.entries, report.withheld.administrative), (2, 0));
    assert!(report.withheld.omission().unwrap().contains("what 2 entries say"));
    // Not what says who may sign, nor a line in another form, nor of another entry.
    assert!(!lines(&[0], &withheld_line).findings.is_empty());
    assert!(!lines(&[1], &withheld_line).findings.is_empty());
    for other in [
        |index: u64| format!("{{\"index\":{index},\"withheld\":false}}\n"),
        |index| format!("{{\"index\":{index},\"erased\":true,\"withheld\":true}}\n"),
        |index| format!("{{\"index\":{index}, \"withheld\":true}}\n"),
        |index| withheld_line(index + 1),
    ] {
        assert!(!lines(&[3], &other).findings.is_empty(), "{}", other(3));
    }
}

#[test]
fn a_folder_that_is_not_there_cannot_be_judged() {
    assert!(verify(Path::new("/nonexistent/bundle"), &trust(Log::signer().key()), None).is_err());
}

#[test]
fn names_of_files_in_large_trees_are_the_same_for_both_verifiers() {
    // The way in which verify.py writes them, beside ours.
    let script = "import re,sys\nfor n in map(int, sys.stdin.read().split()):\n d=str(n)\n \
                  g=re.findall('...', d.zfill(-(-len(d) // 3) * 3))\n \
                  print(''.join(f'x{x}/' for x in g[:-1]) + g[-1])\n";
    let text = include_str!("verify.py");
    assert!(text.contains("re.findall(\"...\", digits.zfill(-(-len(digits) // 3) * 3))"));
    assert!(text.contains("\"\".join(f\"x{group}/\" for group in groups[:-1]) + groups[-1]"));
    let numbers = [0, 9, 10, 999, 1000, 1234, 999_999, 1_000_000, 1_234_067];
    let mut python = match std::process::Command::new("python3")
        .args(["-I", "-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
    {
        Ok(python) => python,
        Err(error) => {
            output::note(&format!("skipped: python3 cannot be run ({error})"));
            return;
        }
    };
    let input = numbers.map(|number: u64| number.to_string()).join(" ");
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    let ours = numbers.map(|number| {
        let part = Part {
            number,
            first: number * 256,
            width: 256,
        };
        part.tile_path().strip_prefix("entries/").unwrap().to_owned()
    });
    assert_eq!(output.lines().collect::<Vec<_>>(), ours);
}
