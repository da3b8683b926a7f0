//! `record conclusion`: what an auditor concludes of an item of a sample that was issued, or of the whole.

use serde_json::json;

use super::{Common, human};
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::domain::Extension;
use crate::domain::conclusion::{AuditResult, CONCLUSION_DRAWN};

/// Arguments of `record conclusion`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Sign with a key of your own (--key), which a producer limited to shipslog-conclusion is enough for, and say who you \
                  are (--actor). A later conclusion of the same item counts instead; the earlier one stays to be read."
)]
pub struct Conclusion {
    /// Entry that issued the sample, such as 4813
    #[arg(value_name = "SAMPLE", value_parser = entry)]
    sample: u64,
    /// First entry of the deployment, as the sample lists it [default: the whole sample]
    #[arg(long, value_name = "ENTRY", value_parser = entry)]
    item: Option<u64>,
    /// What was concluded
    #[arg(long, value_enum)]
    result: Concluded,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text)]
    text: String,
    #[command(flatten)]
    common: Common,
}

/// What can be concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Concluded {
    /// Tested, and nothing deviates
    NoException,
    /// Tested, and something deviates
    Exception,
    /// Not tested
    NotTested,
    /// There was not enough to test it
    CouldNotBeTested,
}

impl Conclusion {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let draft = Draft {
            event_type: CONCLUSION_DRAWN,
            source: self.common.source(claims),
            subject: format!("sample-{}", self.sample),
            content: json!({}),
            extension: Extension {
                actor: self.common.actor.as_deref().map(human),
                conclusion: Some(Box::new(crate::domain::conclusion::Conclusion {
                    sample: self.sample,
                    item: self.item,
                    result: self.result.into(),
                    text: self.text,
                })),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}

impl From<Concluded> for AuditResult {
    fn from(concluded: Concluded) -> Self {
        match concluded {
            Concluded::NoException => Self::NoException,
            Concluded::Exception => Self::Exception,
            Concluded::NotTested => Self::NotTested,
            Concluded::CouldNotBeTested => Self::CouldNotBeTested,
        }
    }
}

/// The index of an entry, as documents print it or bare.
fn entry(value: &str) -> Result<u64, &'static str> {
    let digits = value.strip_prefix('#').unwrap_or(value);
    digits
        .parse()
        .map_err(|_| "must be the index of an entry, such as 4813")
}
