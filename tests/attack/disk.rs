//! File systems of the test's own: a small one that fills up, and one whose image is copied as a power cut leaves it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::{Site, Tally};
use crate::support::database::TestDatabase;

const SENDERS: usize = 4;

/// Something that is mounted as long as this lives.
pub struct Mount {
    pub path: PathBuf,
}

impl Mount {
    /// Mounts it, or says why not.
    pub fn new(arguments: &[&str], path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mut command = Command::new("mount");
        match command.args(arguments).arg(path).output() {
            Ok(Output { status, .. }) if status.success() => Some(Self { path: path.to_owned() }),
            Ok(output) => skip(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => skip(&error.to_string()),
        }
    }
}

fn skip(why: &str) -> Option<Mount> {
    println!("skipped: a file system cannot be mounted here ({})", why.trim());
    None
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What used it has ended a moment ago.
        for _ in 0..50 {
            let unmounted = Command::new("umount").arg(&self.path).output();
            if unmounted.is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("{} is left mounted", self.path.display());
    }
}

/// The disk fills up under load, and is freed again, so many times. Nothing is restarted. None where nothing can be mounted.
pub fn disk_full(cycles: u64) -> Option<Tally> {
    let folder = tempfile::tempdir().unwrap();
    let mount = Mount::new(
        &["-t", "tmpfs", "-o", "size=24m", "shipslog-test"],
        &folder.path().join("disk"),
    )?;
    let mut site = Site::on(TestDatabase::at(&mount.path.join("log.db")));
    site.data = mount.path.join("data");
    let ballast = mount.path.join("ballast");
    for _ in 0..cycles {
        if !site.up() {
            break;
        }
        let load = site.load(SENDERS);
        load.wait_for(20);
        fill(&ballast);
        // Until it has noticed, or has filled what was left.
        std::thread::sleep(Duration::from_millis(700));
        let reading = site.service().client.get("/v1/log").status;
        if reading != 200 {
            site.find(format!("B: it cannot be read while the disk is full: {reading}"));
        }
        fs::remove_file(&ballast).unwrap();
        if !load.wait_for(10) {
            site.find("B: it does not go on once there is room".to_owned());
        }
        load.stop();
        if !site.check() {
            break;
        }
    }
    Some(site.close())
}

/// Takes all room there is.
fn fill(path: &Path) {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
