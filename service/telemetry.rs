//! Diagnostics: tracing to stderr, as text for people or as JSON for machines.
//!
//! Never on stdout, which belongs to results; and never a token, a key, a salt or a payload.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Why diagnostics cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not understood.
    #[error("the log filter \"{filter}\" is not understood: {message}")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        message: String,
    },
    /// Somebody was here before.
    #[error("diagnostics are already set up")]
    AlreadySet,
}

/// Sends what `filter` lets through to stderr. Called once, by the command that runs the service.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter {
        filter: filter.to_owned(),
        message: error.to_string(),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::AlreadySet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_not_understood_is_shown() {
        let error = init("shipslog=loud", LogFormat::Text).unwrap_err();
        assert!(error.to_string().contains("\"shipslog=loud\""), "{error}");
    }
}
