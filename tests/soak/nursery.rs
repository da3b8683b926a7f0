//! Where bugs are planted: a copy of the source, built beside the real one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::attack::bugs::Bug;

/// A copy of the source to plant bugs in, with a build folder of its own that knows all dependencies already.
pub struct Nursery {
    root: PathBuf,
    target: PathBuf,
    _folder: tempfile::TempDir,
}

impl Nursery {
    /// Copies what git would commit. The build folder is kept from one run to the next.
    pub fn new() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir()?;
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()?;
        for name in String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter(|name| root.join(name).is_file())
        {
            let copy = folder.path().join(name);
            fs::create_dir_all(copy.parent().expect("it is in the folder"))?;
            fs::copy(root.join(name), copy)?;
        }
        // Beside `debug`, where the tests were built.
        let built = Path::new(env!("CARGO_BIN_EXE_shipslog"))
            .parent()
            .and_then(Path::parent);
        Ok(Self {
            root: folder.path().to_owned(),
            target: built.expect("it was built somewhere").join("planted"),
            _folder: folder,
        })
    }

    /// Builds the service with a bug. The binary stays until the next one is built.
    pub fn build(&self, bug: &Bug) -> Result<PathBuf, String> {
        let mut originals = Vec::new();
        for edit in bug.edits {
            let path = self.root.join(edit.file);
            let original = fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let edited = edit.apply(&self.root)?;
            fs::write(&path, edited).map_err(|error| error.to_string())?;
            originals.push((path, original));
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--quiet", "--bin", "shipslog", "--target-dir"])
            .arg(&self.target)
            .current_dir(&self.root)
            .output()
            .map_err(|error| error.to_string())?;
        for (path, original) in originals.into_iter().rev() {
            fs::write(path, original).map_err(|error| error.to_string())?;
        }
        if built.status.success() {
            Ok(self.target.join("debug/shipslog"))
        } else {
            Err(String::from_utf8_lossy(&built.stderr).into_owned())
        }
    }
}
