//! Keys on disk: `keygen`, and the key that `record` signs with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ledger::key::PrivateKey;
use zeroize::{Zeroize, Zeroizing};

use super::{Context, Failure, output};
use crate::data::{DataError, write_new};
use crate::entropy::Entropy;

/// Arguments of `keygen`.
#[derive(Debug, clap::Args)]
pub struct Keygen {
    /// File for the private key; the public key goes beside it, with .pub.pem at the end
    #[arg(long, value_name = "FILE.pem")]
    out: PathBuf,
}

impl Keygen {
    /// Writes the pair and prints where the public key is and what to do with it.
    pub fn run(self) -> Result<(), Failure> {
        let public_path = public_path(&self.out);
        let mut seed = Entropy::system()
            .bytes()
            .map_err(|error| Failure::refused(error.to_string()))?;
        let key = PrivateKey::from_seed(seed);
        seed.zeroize();
        // The public half first: a private key must never be left behind by a run that failed.
        let public = key.public();
        create(&public_path, 0o644, public.to_pem().as_bytes())?;
        if let Err(failure) = create(&self.out, 0o600, key.to_pem().as_bytes()) {
            // Best effort: the failure that matters is the one reported.
            let _ = std::fs::remove_file(&public_path);
            return Err(failure);
        }
        output::note(&format!(
            "Private key: {}\nRegister the public key with: shipslog producer add NAME --public-key {}",
            self.out.display(),
            public_path.display()
        ));
        output::print(&public.id().to_string())
    }
}

/// The private key named by the flag, else by `SHIPSLOG_KEY`, else by the configuration file.
pub fn signing_key(flag: Option<&Path>, context: &Context) -> Result<PrivateKey, Failure> {
    let path = flag
        .map(Path::to_owned)
        .or_else(|| context.environment.get("SHIPSLOG_KEY").map(PathBuf::from))
        .or_else(|| context.file.client.key.clone())
        .ok_or_else(|| {
            Failure::unclear(
                "no key to sign with: give --key FILE.pem or set SHIPSLOG_KEY (make one with: shipslog keygen --out FILE.pem)",
            )
        })?;
    private_key(&path)
}

fn private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = Zeroizing::new(read(path)?);
    PrivateKey::from_pem(&pem).map_err(|error| {
        let path = path.display();
        Failure::unclear(if pem.contains("ENCRYPTED") {
            format!("{path} is encrypted, and nobody is asked for a passphrase here: decrypt it with openssl pkey -in {path}")
        } else if pem.contains("BEGIN OPENSSH") {
            format!("{path} is a key for SSH; make one for records with: shipslog keygen --out FILE.pem")
        } else {
            format!("{path} is not an Ed25519 private key: {error}")
        })
    })
}

/// A file as text, or a failure that names it.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::unclear(format!("cannot read {}: {error}", path.display())))
}

/// `team.pem` -> `team.pub.pem`; a name without that ending gets `.pub.pem` appended.
fn public_path(private: &Path) -> PathBuf {
    if private.extension().is_some_and(|extension| extension == "pem") {
        private.with_extension("pub.pem")
    } else {
        let mut name = private.as_os_str().to_owned();
        name.push(".pub.pem");
        PathBuf::from(name)
    }
}

fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    write_new(path, bytes, mode).map_err(|error| match error {
        DataError::Io { error, .. } if error.kind() == ErrorKind::AlreadyExists => Failure::refused(format!(
            "{} exists already and is not overwritten; choose another name",
            path.display()
        )),
        other => Failure::refused(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_pair_is_written_once_and_the_private_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("team.pem");
        Keygen { out: private.clone() }.run().unwrap();
        assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
        let key = PrivateKey::from_pem(&std::fs::read_to_string(&private).unwrap()).unwrap();
        let public = std::fs::read_to_string(folder.path().join("team.pub.pem")).unwrap();
        assert_eq!(public, key.public().to_pem());

        let failure = Keygen { out: private.clone() }.run().unwrap_err();
        assert_eq!(failure.code(), 1);
        std::fs::remove_file(folder.path().join("team.pub.pem")).unwrap();
        assert!(
            Keygen { out: private }
                .run()
                .unwrap_err()
                .to_string()
                .contains("team.pem exists already")
        );
        assert!(
            !folder.path().join("team.pub.pem").exists(),
            "a failed run left a public key behind"
        );
    }

    #[test]
    fn keys_of_another_form_are_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        for (label, advice) in [
            ("ENCRYPTED PRIVATE KEY", "is encrypted"),
            ("OPENSSH PRIVATE KEY", "shipslog keygen"),
            ("EC PRIVATE KEY", "not an Ed25519 private key"),
        ] {
            std::fs::write(&file, format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")).unwrap();
            let failure = private_key(&file).err().unwrap();
            assert!(failure.to_string().contains(advice), "{failure}");
        }
    }

    #[test]
    fn the_public_key_lies_beside_the_private_one() {
        assert_eq!(public_path(Path::new("a/team.pem")), Path::new("a/team.pub.pem"));
        assert_eq!(public_path(Path::new("a/team.v2.pem")), Path::new("a/team.v2.pub.pem"));
        assert_eq!(public_path(Path::new("a/team")), Path::new("a/team.pub.pem"));
    }
}
