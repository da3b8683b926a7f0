//! A power cut: what reached the disk, and nothing of what the system only held in memory.
//!
//! The service runs on an ext4 in an image file, which lies on an XFS with reflinks. A reflink of the image is taken at
//! once, and holds just what was written to the device. It is mounted elsewhere, and the log is started from there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::disk::Mount;
use super::{Random, Site, Tally};
use crate::support::database::TestDatabase;

const SENDERS: usize = 4;
/// Bytes of the inner disk, and of the outer one: both sparse.
const INNER: u64 = 192 << 20;
const OUTER: u64 = 3 << 30;

/// The two file systems.
pub struct Machine {
    disk: Mount,
    outer: Mount,
    _folder: tempfile::TempDir,
}

impl Machine {
    /// Sets one up; says so where that cannot be done.
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("outer.img");
        make(&image, OUTER, &["mkfs.xfs", "-q", "-m", "reflink=1"])?;
        let outer = Mount::new(&["-o", "loop", image.to_str().unwrap()], &folder.path().join("outer"))?;
        let inner = outer.path.join("inner.img");
        make(&inner, INNER, &["mkfs.ext4", "-q", "-F"])?;
        let disk = Mount::new(&["-o", "loop", inner.to_str().unwrap()], &folder.path().join("disk"))?;
        Some(Self {
            disk,
            outer,
            _folder: folder,
        })
    }

    /// A log on the inner disk, in the place of the one before.
    pub fn site(&self) -> Site {
        for entry in std::fs::read_dir(&self.disk.path).unwrap() {
            let entry = entry.unwrap();
            match entry.file_name().to_str() {
                // Belongs to the file system.
                Some("lost+found") => {}
                _ if entry.file_type().unwrap().is_dir() => std::fs::remove_dir_all(entry.path()).unwrap(),
                _ => std::fs::remove_file(entry.path()).unwrap(),
            }
        }
        let mut site = Site::on(TestDatabase::at(&self.disk.path.join("log.db")));
        site.data = self.disk.path.join("data");
        site
    }

    /// What would be on the disk if the power went now, as a disk of its own.
    fn cut(&self, number: u64) -> Option<(Mount, PathBuf)> {
        let image = self.outer.path.join(format!("cut-{number}.img"));
        let inner = self.outer.path.join("inner.img");
        let copied = Command::new("cp")
            .arg("--reflink=always")
            .args([&inner, &image])
            .status()
            .unwrap();
        assert!(copied.success());
        let mount = Mount::new(
            &["-o", "loop", image.to_str().unwrap()],
            &self.outer.path.join("restored"),
        )?;
        Some((mount, image))
    }
}

fn make(image: &Path, size: u64, mkfs: &[&str]) -> Option<()> {
    File::create(image).unwrap().set_len(size).unwrap();
    match Command::new(mkfs[0]).args(&mkfs[1..]).arg(image).output() {
        Ok(output) if output.status.success() => Some(()),
        Ok(output) => {
            println!(
                "skipped: {}: {}",
                mkfs[0],
                String::from_utf8_lossy(&output.stderr).trim()
            );
            None
        }
        Err(error) => {
            println!("skipped: {}: {error}", mkfs[0]);
            None
        }
    }
}

/// The power is cut at random moments under load: what was acknowledged until then is on the disk. The log itself runs on.
pub fn power_cuts(machine: &Machine, mut site: Site, cuts: u64, random: &mut Random) -> Tally {
    if !site.up() {
        return site.close();
    }
    let mut tally = Tally::default();
    for number in 0..cuts {
        // The disk is small: nothing is sent while a copy is looked at, however long that takes.
        let load = site.load(SENDERS);
        load.wait_for(random.between(5..40));
        std::thread::sleep(Duration::from_micros(random.between(0..20_000)));
        // Promises first: each of them was made before the cut.
        let journal = site.journal.bytes();
        let cut = machine.cut(number);
        load.stop();
        let Some((mount, image)) = cut else { break };
        let copy = site.copied(
            TestDatabase::at(&mount.path.join("log.db")),
            mount.path.join("data"),
            &journal,
        );
        tally.add(copy.close());
        drop(mount);
        std::fs::remove_file(image).unwrap();
        if !tally.findings.is_empty() {
            break;
        }
    }
    let whole = site.close();
    tally.findings.extend(whole.findings);
    tally.starts += whole.starts;
    tally
}
