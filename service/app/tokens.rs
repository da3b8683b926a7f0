//! Bearer tokens: `shipslog_<id>_<secret>`. Only a hash of the secret is kept, in the entry that records the issue.

use base64ct::{Base64UrlUnpadded, Encoding};
use ledger::{Hash, sha256};
use subtle::ConstantTimeEq;

use super::administration::AdministrationError;
use super::{Accepted, App, RecordError};
use crate::domain::producer::{Administration, Role, Token};
use crate::domain::{Instant, Reach};
use crate::entropy::EntropyError;

const PREFIX: &str = "shipslog";

/// What a token is for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What people call it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// How far it reaches.
    pub reach: Reach,
    /// It opens nothing from this time on.
    pub valid_until: Option<Instant>,
}

/// A token that was just issued. Its text exists here and nowhere else.
pub struct IssuedToken {
    /// Its id.
    pub id: String,
    /// The whole token.
    pub token: String,
    /// The entry that records it.
    pub accepted: Accepted,
}

/// A token that nobody has yet.
pub struct NewToken {
    id: String,
    secret: [u8; 32],
}

impl NewToken {
    /// Reads one back from its text.
    pub fn parse(token: &str) -> Option<Self> {
        let (prefix, rest) = token.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(secret, &mut bytes).ok()?;
        (prefix == PREFIX && decoded.len() == 32).then(|| Self {
            id: id.to_owned(),
            secret: bytes,
        })
    }

    /// Its id, which is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its text.
    pub fn text(&self) -> String {
        format!(
            "{PREFIX}_{}_{}",
            self.id,
            Base64UrlUnpadded::encode_string(&self.secret)
        )
    }

    fn secret_hash(&self) -> Hash {
        sha256(&self.secret)
    }
}

impl Grant {
    /// One that reaches everything and does not run out.
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            reach: Reach::default(),
            valid_until: None,
        }
    }
}

impl App {
    /// Makes a token, without issuing it.
    pub fn new_token(&self) -> Result<NewToken, EntropyError> {
        let id = self.entropy.bytes()?;
        Ok(NewToken {
            id: id[..6].iter().map(|byte| format!("{byte:02x}")).collect(),
            secret: self.entropy.bytes()?,
        })
    }

    /// Issues a new token.
    pub async fn issue_token(&self, grant: Grant, by: Option<&Token>) -> Result<IssuedToken, AdministrationError> {
        if grant.valid_until.is_some_and(|until| until <= self.clock.now()) {
            return Err(AdministrationError::Past {
                pointer: "/valid_until",
            });
        }
        let new = self.new_token().map_err(RecordError::from)?;
        self.issue(new, grant, by).await
    }

    /// Issues a token that was made before. Nobody is named where it is the service itself that does it.
    pub async fn issue(
        &self,
        new: NewToken,
        grant: Grant,
        by: Option<&Token>,
    ) -> Result<IssuedToken, AdministrationError> {
        let Grant {
            name,
            role,
            reach,
            valid_until,
        } = grant;
        if name.trim().is_empty() {
            return Err(AdministrationError::Empty { pointer: "/name" });
        }
        let administration = Administration::TokenIssued {
            id: new.id.clone(),
            name,
            role,
            reach,
            secret_sha256: new.secret_hash().to_string(),
            valid_until,
        };
        let accepted = self.administer(administration, by.map(Token::actor).as_ref()).await?;
        Ok(IssuedToken {
            token: new.text(),
            id: new.id,
            accepted,
        })
    }

    /// Revokes a token.
    pub async fn revoke_token(
        &self,
        id: &str,
        reason: String,
        by: &Token,
    ) -> Result<(Token, Accepted), AdministrationError> {
        let keyring = self.keyring();
        let Some(token) = keyring.token(id) else {
            return Err(AdministrationError::NotFound {
                what: "token",
                name: id.to_owned(),
            });
        };
        let lasts = |token: &Token| {
            token.role == Role::Admin && token.revoked_at_index.is_none() && token.valid_until.is_none()
        };
        if lasts(token) && !keyring.tokens().iter().any(|other| other.id != id && lasts(other)) {
            return Err(AdministrationError::LastAdmin);
        }
        let accepted = self
            .administer(
                Administration::TokenRevoked {
                    id: id.to_owned(),
                    reason,
                },
                Some(&by.actor()),
            )
            .await?;
        let token = self.keyring().token(id).cloned();
        let token = token.ok_or(AdministrationError::NotFound {
            what: "token",
            name: id.to_owned(),
        })?;
        Ok((token, accepted))
    }

    /// The token that this is the text of, if it was issued, was not revoked and has not run out.
    pub fn authenticate(&self, text: &str) -> Option<Token> {
        let presented = NewToken::parse(text)?;
        let keyring = self.keyring();
        let now = self.clock.now();
        let token = keyring.token(&presented.id).filter(|token| token.is_valid(now))?;
        let same: bool = token.secret_sha256.0.ct_eq(&presented.secret_hash().0).into();
        same.then(|| token.clone())
    }
}
