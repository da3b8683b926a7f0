//! Who is signed in on the web pages. A session stands for a token and ends with it, when somebody signs out, after half a day
//! without use, or with the process.
//!
//! Nothing of a session is written down, and what is kept in memory opens nothing: only hashes of the cookies.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use ledger::{Hash, sha256};

use super::App;
use crate::domain::Instant;
use crate::domain::producer::{Role, Token};
use crate::entropy::EntropyError;

/// A session that was not used for this long is over, ms.
const IDLE_MS: i64 = 12 * 60 * 60 * 1000;
/// Sessions at once; the one that was not used for longest makes room.
const MOST: usize = 10_000;

/// The open sessions, by the hash of their cookies.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Hash, Session>>);

struct Session {
    token_id: String,
    used_at: Instant,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Their token.
    pub token: Token,
    /// What a form must bring along, so that no other site can send it for them.
    pub form_key: String,
}

/// What comes of signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// A session: the value of its cookie.
    Session(String),
    /// Nobody holds this token.
    Unknown,
    /// A token that opens no page, such as an auditor's.
    NoPages,
}

impl App {
    /// Opens a session for whoever holds this token.
    pub fn sign_in(&self, token: &str) -> Result<SignedIn, EntropyError> {
        let Some(token) = self.authenticate(token) else {
            return Ok(SignedIn::Unknown);
        };
        if token.role == Role::Auditor {
            return Ok(SignedIn::NoPages);
        }
        let secret: [u8; 32] = self.entropy.bytes()?;
        let cookie = Base64UrlUnpadded::encode_string(&secret);
        let session = Session {
            token_id: token.id,
            used_at: self.clock.now(),
        };
        self.sessions.open(sha256(cookie.as_bytes()), session);
        Ok(SignedIn::Session(cookie))
    }

    /// Who is signed in with this cookie.
    pub fn caller(&self, cookie: &str) -> Option<Caller> {
        let now = self.clock.now();
        let token_id = self.sessions.used(&sha256(cookie.as_bytes()), now)?;
        let keyring = self.keyring();
        let token = keyring.token(&token_id).filter(|token| token.is_valid(now))?;
        Some(Caller {
            token: token.clone(),
            form_key: sha256(format!("shipslog form\0{cookie}").as_bytes()).to_string(),
        })
    }

    /// Ends the session of a cookie.
    pub fn sign_out(&self, cookie: &str) {
        self.sessions.lock().remove(&sha256(cookie.as_bytes()));
    }
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, id: Hash, session: Session) {
        let mut open = self.lock();
        let now = session.used_at;
        open.retain(|_, session| now.millis_since(session.used_at) < IDLE_MS);
        if open.len() >= MOST
            && let Some(oldest) = open
                .iter()
                .min_by_key(|(_, session)| session.used_at)
                .map(|(id, _)| *id)
        {
            open.remove(&oldest);
        }
        open.insert(id, session);
    }

    /// The token's id, if the session is open; it was used now.
    fn used(&self, id: &Hash, now: Instant) -> Option<String> {
        let mut open = self.lock();
        let session = open.get_mut(id)?;
        if now.millis_since(session.used_at) >= IDLE_MS {
            open.remove(id);
            return None;
        }
        session.used_at = now;
        Some(session.token_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn session(at: Instant) -> Session {
        Session {
            token_id: "t".to_owned(),
            used_at: at,
        }
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_the_oldest_makes_room() {
        let sessions = Sessions::default();
        let id = |n: usize| sha256(&n.to_be_bytes());
        sessions.open(id(0), session(at(0)));
        assert!(sessions.used(&id(0), at(IDLE_MS - 1)).is_some());
        assert!(sessions.used(&id(0), at(2 * IDLE_MS - 2)).is_some());
        assert!(sessions.used(&id(0), at(3 * IDLE_MS)).is_none());
        assert!(sessions.used(&id(0), at(0)).is_none());
        for n in 0..=MOST {
            sessions.open(id(n), session(at(n as i64)));
        }
        assert!(sessions.used(&id(0), at(MOST as i64)).is_none());
        assert!(sessions.used(&id(1), at(MOST as i64)).is_some());
        assert_eq!(sessions.lock().len(), MOST);
    }
}
