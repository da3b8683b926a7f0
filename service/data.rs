//! The data directory: the keys of the log and the service, the log's public key, the first admin token.
//!
//! Private files are made with mode 0600 and never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use ledger::{Cosigner, CosignerKey, NoteKey, NoteSigner, PrivateKey};

use crate::entropy::{Entropy, EntropyError};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or the directory itself could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {what}")]
    Content {
        /// Which.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// No key could be made.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// A data directory with its two keys.
pub struct DataDirectory {
    path: PathBuf,
    log_key: PrivateKey,
    service_key: PrivateKey,
    origin: Option<String>,
}

const LOG_KEY: &str = "log.key.pem";
const SERVICE_KEY: &str = "service.key.pem";
const VKEY: &str = "log.vkey";
const ORIGIN: &str = "origin";
const GUARD: &str = "guard";
const ADMIN_TOKEN: &str = "admin.token";

impl DataDirectory {
    /// Opens it; makes it, and the keys, where they do not exist yet.
    pub fn open(path: &Path, entropy: &Entropy) -> Result<Self, DataError> {
        if !path.exists() {
            fs::create_dir_all(path).map_err(|error| io(path, error))?;
            restrict(path, 0o700)?;
        }
        let origin = read_optional(&path.join(ORIGIN))?.map(|text| text.trim_end().to_owned());
        Ok(Self {
            log_key: key(&path.join(LOG_KEY), entropy)?,
            service_key: key(&path.join(SERVICE_KEY), entropy)?,
            origin,
            path: path.to_owned(),
        })
    }

    /// The origin that was chosen when the log was created.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Whether a log was created that belongs to this directory.
    pub fn has_log(&self) -> bool {
        self.path.join(VKEY).exists()
    }

    /// Signs checkpoints of the log of this origin, and nothing else. Once there is a log, its origin never changes.
    pub fn log_signer(&mut self, origin: &str) -> Result<NoteSigner, DataError> {
        let path = self.path.join(ORIGIN);
        let content = |what: String| DataError::Content {
            path: path.display().to_string(),
            what,
        };
        let signer =
            NoteSigner::new(origin, self.log_key.clone()).map_err(|error| content(format!("{origin}: {error}")))?;
        match &self.origin {
            Some(kept) if kept == origin => {}
            Some(kept) if self.has_log() => {
                return Err(content(format!("the origin of this log is {kept} and never changes")));
            }
            Some(_) | None => {
                replace(&path, format!("{origin}\n").as_bytes())?;
                self.origin = Some(origin.to_owned());
            }
        }
        Ok(signer)
    }

    /// Keeps the log's public key, once the log exists: for those who verify it.
    pub fn keep_log_key(&self, key: &NoteKey) -> Result<(), DataError> {
        if self.has_log() {
            Ok(())
        } else {
            write_new(&self.path.join(VKEY), format!("{key}\n").as_bytes(), 0o644)
        }
    }

    /// Signs what the service itself asserts.
    pub fn service_key(&self) -> PrivateKey {
        self.service_key.clone()
    }

    /// The admin token, if its file is still there.
    pub fn admin_token(&self) -> Result<Option<String>, DataError> {
        Ok(read_optional(&self.path.join(ADMIN_TOKEN))?.map(|text| text.trim_end().to_owned()))
    }

    /// Keeps the admin token, readable by its owner alone.
    pub fn keep_admin_token(&self, token: &str) -> Result<(), DataError> {
        write_new(&self.path.join(ADMIN_TOKEN), format!("{token}\n").as_bytes(), 0o600)
    }
}

/// The directory of a witness: its key, its public key, its state.
pub struct WitnessDirectory {
    path: PathBuf,
    cosigner: Cosigner,
}

const WITNESS_KEY: &str = "witness.key.pem";
const WITNESS_VKEY: &str = "witness.vkey";

impl WitnessDirectory {
    /// Opens it; makes it, and the key under this name, where they do not exist yet. The first name is kept for ever.
    pub fn open(path: &Path, name: Option<&str>, entropy: &Entropy) -> Result<Self, DataError> {
        if !path.exists() {
            fs::create_dir_all(path).map_err(|error| io(path, error))?;
            restrict(path, 0o700)?;
        }
        let vkey_path = path.join(WITNESS_VKEY);
        let content = |what: String| DataError::Content {
            path: vkey_path.display().to_string(),
            what,
        };
        let kept = read_optional(&vkey_path)?
            .map(|text| CosignerKey::parse(text.trim_end()).map_err(|error| content(error.to_string())))
            .transpose()?;
        let name = match (&kept, name) {
            (Some(kept), Some(name)) if kept.name() != name => {
                return Err(content(format!(
                    "the name of this witness is {} and never changes",
                    kept.name()
                )));
            }
            (Some(kept), _) => kept.name().to_owned(),
            (None, Some(name)) => name.to_owned(),
            (None, None) => format!("shipslog-witness-{}", &ledger::Hash(entropy.bytes()?).to_hex()[..12]),
        };
        let cosigner = Cosigner::new(&name, key(&path.join(WITNESS_KEY), entropy)?);
        let cosigner = cosigner.map_err(|error| content(format!("{name}: {error}")))?;
        match kept {
            Some(kept) if kept == *cosigner.key() => {}
            Some(_) => return Err(content(format!("it is not the public key of {WITNESS_KEY}"))),
            None => write_new(&vkey_path, format!("{}\n", cosigner.key()).as_bytes(), 0o644)?,
        }
        Ok(Self {
            path: path.to_owned(),
            cosigner,
        })
    }

    /// Cosigns checkpoints.
    pub fn cosigner(&self) -> Cosigner {
        self.cosigner.clone()
    }

    /// Where the state is kept.
    pub fn database_path(&self) -> PathBuf {
        self.path.join("witness.db")
    }

    /// Where evidence against logs is kept.
    pub fn evidence_path(&self) -> PathBuf {
        self.path.join("evidence")
    }
}

/// Where the embedded database is kept when no other is named.
pub fn database_path(directory: &Path) -> PathBuf {
    directory.join("shipslog.db")
}

/// Where the newest published checkpoint is kept unless another place is named.
pub fn guard_path(directory: &Path) -> PathBuf {
    directory.join(GUARD)
}

fn key(path: &Path, entropy: &Entropy) -> Result<PrivateKey, DataError> {
    if let Some(pem) = read_optional(path)? {
        return PrivateKey::from_pem(&pem).map_err(|error| DataError::Content {
            path: path.display().to_string(),
            what: error.to_string(),
        });
    }
    let key = PrivateKey::from_seed(entropy.bytes()?);
    write_new(path, key.to_pem().as_bytes(), 0o600)?;
    Ok(key)
}

fn read_optional(path: &Path) -> Result<Option<String>, DataError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, error)),
    }
}

/// Writes a file that must not exist yet, whole or not at all.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DataError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path).map_err(|error| io(path, error))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a key is worse than none.
        fs::remove_file(path).map_err(|error| io(path, error))?;
        return Err(io(path, error));
    }
    Ok(())
}

/// Puts a file in the place of another, or of none: whoever reads it, at whatever moment, finds the one or the other whole.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut name = path.file_name().unwrap_or(path.as_os_str()).to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // Left by a process that was stopped while it wrote.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&new, error)),
        Ok(()) | Err(_) => {}
    }
    write_new(&new, bytes, 0o644)?;
    fs::rename(&new, path).map_err(|error| io(path, error))?;
    // The rename itself is durable once the directory is.
    let directory = path.parent().unwrap_or(Path::new("."));
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io(directory, error))
}

fn restrict(path: &Path, mode: u32) -> Result<(), DataError> {
    #[cfg(unix)]
    {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, permissions).map_err(|error| io(path, error))?;
    }
    Ok(())
}

fn io(path: &Path, error: std::io::Error) -> DataError {
    DataError::Io {
        path: path.display().to_string(),
        error,
    }
}
