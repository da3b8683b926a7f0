//! `send`: posts envelopes that somebody else signed.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

use super::client::{Client, ENVELOPE, ENVELOPES, block_on};
use super::{Context, Failure, output};
use crate::config::ClientSettings;

/// Envelopes posted in one request.
const BATCH: usize = 256;
/// The largest batch, in bytes; a single envelope may be larger and then goes alone.
const BATCH_BYTES: usize = 4 << 20;

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
pub struct Send {
    /// One envelope, or one a line; "-" reads standard input
    file: PathBuf,
    #[command(flatten)]
    client: ClientSettings,
}

impl Send {
    /// Posts them. Prints one receipt a line, in the order of the envelopes; what is refused is told on stderr.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let bytes = self.read()?;
        let client = Client::new(self.client, context)?;
        // One JSON value, over however many lines, is one envelope and is sent as it is.
        if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() {
            return output::print(&block_on(client.post_again("/v1/events", ENVELOPE, bytes))?);
        }
        let mut refused = 0;
        let mut line = 0;
        block_on(async {
            for batch in batches(&bytes) {
                let answer = client.post_again("/v1/events/batch", ENVELOPES, batch.to_vec()).await?;
                for answer in answer.lines().filter(|answer| !answer.is_empty()) {
                    line += 1;
                    match told(answer)? {
                        Ok(receipt) => output::print(&receipt)?,
                        Err(problem) => {
                            refused += 1;
                            output::note(&format!("envelope {line}: {problem}"));
                        }
                    }
                }
            }
            Ok(())
        })?;
        if refused > 0 {
            return Err(Failure::refused(format!(
                "{refused} of {line} envelopes were refused; the others are recorded"
            )));
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = if self.file.as_os_str() == "-" {
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
        } else {
            std::fs::read(&self.file).map(|read| bytes = read)
        };
        read.map_err(|error| Failure::unclear(format!("cannot read {}: {error}", self.file.display())))?;
        if bytes.trim_ascii().is_empty() {
            return Err(Failure::unclear(format!(
                "{} is empty; expected an envelope, or one a line",
                self.file.display()
            )));
        }
        Ok(bytes)
    }
}

/// One line of the answer: the receipt, or why there is none.
fn told(answer: &str) -> Result<Result<String, String>, Failure> {
    let value = serde_json::from_str::<Value>(answer)
        .map_err(|error| Failure::refused(format!("the answer is not JSON ({error}); is this a Shipslog service?")))?;
    if let Some(receipt) = value.get("receipt").filter(|receipt| !receipt.is_null()) {
        return Ok(Ok(receipt.to_string()));
    }
    let problem = &value["problem"];
    let members = ["title", "detail", "pointer"].map(|member| output::cell(problem, member));
    let text = members
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    Ok(Err(format!("{}: {text}", value["status"])))
}

/// The non-empty lines, in groups of whole lines that are not too large.
fn batches(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .peekable();
    std::iter::from_fn(move || {
        let mut batch = Vec::new();
        let mut count = 0;
        while let Some(line) =
            lines.next_if(|line| count == 0 || (count < BATCH && batch.len() + line.len() < BATCH_BYTES))
        {
            batch.extend_from_slice(line);
            batch.push(b'\n');
            count += 1;
        }
        (count > 0).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_whole_lines() {
        let text = "{\"n\":1}\r\n\n{\"n\":2}\n  \n{\"n\":3}";
        assert_eq!(
            batches(text.as_bytes()).collect::<Vec<_>>(),
            [b"{\"n\":1}\r\n{\"n\":2}\n{\"n\":3}\n".to_vec()]
        );
        let many = "x\n".repeat(BATCH + 1);
        assert_eq!(
            batches(many.as_bytes())
                .map(|batch| batch.len() / 2)
                .collect::<Vec<_>>(),
            [BATCH, 1]
        );
        let large = format!("{}\nx\n", "y".repeat(BATCH_BYTES + 1));
        assert_eq!(batches(large.as_bytes()).count(), 2);
    }

    #[test]
    fn receipts_and_problems_are_told_apart() {
        assert_eq!(
            told(r#"{"status":201,"receipt":{"index":3}}"#).unwrap(),
            Ok(r#"{"index":3}"#.to_owned())
        );
        let refused = told(r#"{"status":422,"problem":{"title":"Bad event","detail":"missing","pointer":"/subject"}}"#);
        assert_eq!(refused.unwrap(), Err("422: Bad event: missing: /subject".to_owned()));
    }
}
