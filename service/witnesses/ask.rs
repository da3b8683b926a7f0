//! Asks one witness for one cosignature: which tree it holds, the proof from there, its answer.

use std::time::Duration;

use ledger::witness::MAX_ADD_CHECKPOINT_BYTES;
use ledger::{
    AddCheckpoint, Checkpoint, CosignerKey, Hash, NoteKey, PolicyWitness, SignedNote, sha256, verify_consistency,
};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;

use super::answer::{Answer, Meaning, judge};
use super::{AskError, Keeper, Published};
use crate::app::{App, cosigned_ms};
use crate::outbound;
use crate::store::{AlarmRow, CosignatureRow};

/// An answer must be there within this time.
const TIMEOUT: Duration = Duration::from_secs(1);
/// A witness that names another size is asked again from there; it may move on meanwhile, but not for ever.
const ATTEMPTS: usize = 3;

/// What came of asking.
pub(super) enum Asked {
    /// A cosignature to keep.
    Cosigned(CosignatureRow),
    /// It has cosigned a larger tree of this log already.
    Beyond,
    /// It holds a tree that this log does not continue.
    Alarm(AlarmRow),
}

/// A witness and what is known of it.
pub(super) struct Asking {
    client: Client,
    name: String,
    url: String,
    key: CosignerKey,
    log: NoteKey,
    /// The size it held when it was last heard of.
    held: Option<u64>,
}

impl Asking {
    pub(super) fn new(client: Client, witness: PolicyWitness, url: String, log: NoteKey) -> Self {
        Self {
            client,
            name: witness.name,
            url,
            key: witness.key,
            log,
            held: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks for a cosignature under a published checkpoint.
    pub(super) async fn ask(&mut self, published: &Published, keeper: &Keeper) -> Result<Asked, AskError> {
        let mut old = match self.held {
            Some(size) => size,
            // Nothing known: what it cosigned before this process began, or nothing at all, which it will correct.
            None => last_cosigned(&*keeper.app()?, &self.key)?,
        };
        for _ in 0..ATTEMPTS {
            if old > published.size {
                return self.beyond(old, published, keeper).await;
            }
            let proof = proof(&*keeper.app()?, old, published)?;
            let request = AddCheckpoint::new(old, proof, published.note.clone())
                .map_err(|error| AskError::Answer(error.to_string()))?;
            match judge(&self.post(&request).await?, &request, &self.key) {
                Meaning::Cosigned(line, time) => {
                    self.held = Some(published.size);
                    return Ok(Asked::Cosigned(CosignatureRow {
                        tree_size: published.size as i64,
                        witness: self.key.to_string(),
                        line: line.to_string(),
                        cosigned_ms: cosigned_ms(time),
                    }));
                }
                Meaning::Holds(size) => {
                    self.held = Some(size);
                    old = size;
                }
                Meaning::Fork => {
                    let message = format!(
                        "the witness {} has cosigned another tree of {old} entries under this log's name than the one here",
                        self.name
                    );
                    return self.alarm("fork", old, message, published, keeper).await;
                }
                Meaning::Problem(problem) => return Err(AskError::Answer(problem)),
            }
        }
        Err(AskError::Answer("the witness keeps moving".to_owned()))
    }

    /// It holds more than is published here: another replica was faster, or this database has lost entries.
    async fn beyond(&self, held: u64, published: &Published, keeper: &Keeper) -> Result<Asked, AskError> {
        let head = keeper.app()?.database().read(|tx| tx.head())?;
        if head.is_some_and(|head| head.tree_size >= held) {
            return Ok(Asked::Beyond);
        }
        let message = format!(
            "the witness {} has cosigned {held} entries of this log, more than the database holds: it was restored from \
             an older copy, or another service signs with this log's key",
            self.name
        );
        self.alarm("ahead", held, message, published, keeper).await
    }

    async fn alarm(
        &self,
        reason: &str,
        held: u64,
        message: String,
        published: &Published,
        keeper: &Keeper,
    ) -> Result<Asked, AskError> {
        Ok(Asked::Alarm(AlarmRow {
            witness: self.key.to_string(),
            held_size: held as i64,
            tree_size: published.size as i64,
            reason: reason.to_owned(),
            message,
            held_note: self.held_note().await.map(|note| note.to_string()),
            raised_ms: keeper.now_ms(),
        }))
    }

    async fn post(&self, request: &AddCheckpoint) -> Result<Answer, AskError> {
        let exchange = async {
            let url = format!("{}/add-checkpoint", self.url);
            let response = self.client.post(url).body(request.to_string()).send().await;
            let response = response.map_err(|error| AskError::Answer(outbound::chain(&error)))?;
            let status = response.status().as_u16();
            let media = response
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let media = media
                .unwrap_or("")
                .split(';')
                .next()
                .unwrap_or("")
                .trim()
                .to_ascii_lowercase();
            let body = outbound::body(response, MAX_ADD_CHECKPOINT_BYTES).await;
            let body = body.map_err(|error| AskError::Answer(error.to_string()))?;
            Ok(Answer { status, media, body })
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| Err(AskError::Answer(format!("no answer within {TIMEOUT:?}"))))
    }

    /// The checkpoint that the witness holds, if it shows one that this log's key signed: evidence, where there is any.
    async fn held_note(&self) -> Option<SignedNote> {
        let exchange = async {
            let url = format!("{}/{}/checkpoint", self.url, sha256(self.log.name().as_bytes()));
            let response = self.client.get(url).send().await.ok()?;
            let body = outbound::body(response, MAX_ADD_CHECKPOINT_BYTES).await.ok()?;
            let note = SignedNote::parse(std::str::from_utf8(&body).ok()?).ok()?;
            Checkpoint::open(&note, &self.log).is_ok().then_some(note)
        };
        tokio::time::timeout(TIMEOUT, exchange).await.ok().flatten()
    }
}

fn last_cosigned(app: &App, witness: &CosignerKey) -> Result<u64, AskError> {
    let newest = app.database().read(|tx| tx.newest_cosignature(&witness.to_string()))?;
    Ok(newest.map_or(0, |row| row.tree_size as u64))
}

/// The proof that the published tree continues the one of this size. It is verified here, so that what a witness then
/// says against it is about the witness's tree and not about a damaged database.
fn proof(app: &App, old: u64, published: &Published) -> Result<Vec<Hash>, AskError> {
    if old == 0 || old == published.size {
        return Ok(Vec::new());
    }
    let checkpoint = Checkpoint::parse(published.note.text()).map_err(|error| AskError::Answer(error.to_string()))?;
    let proof = app.prove_consistency(old, published.size)?;
    verify_consistency(old, checkpoint.size, &proof.old_root, &checkpoint.root, &proof.hashes)
        .map_err(|error| AskError::Answer(format!("the stored tree does not give its own checkpoint: {error}")))?;
    Ok(proof.hashes)
}
