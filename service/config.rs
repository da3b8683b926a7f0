//! Configuration: flag, then environment, then file; the first that says something decides.
//!
//! One struct serves all three sources, so that they cannot drift apart. Nothing else in the program reads the
//! environment. A variable that is set but empty counts as unset; an unknown key of the file is an error with its line.
//!
//! Variables: `SHIPSLOG_CONFIG`, the client's `SHIPSLOG_URL`, `SHIPSLOG_TOKEN`, `SHIPSLOG_TOKEN_FILE`, `SHIPSLOG_KEY`,
//! `SHIPSLOG_SERVICE`, `SHIPSLOG_ENVIRONMENT`, and for `serve` one for each member of [`ServeSettings`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// Where the client finds the service when nothing says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{path}:{line}: {message}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A variable says something that is not understood.
    #[error("{name}: {message}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        message: String,
    },
    /// What is given as a token cannot be one.
    #[error("{0} holds no token: a token is one word of visible ASCII characters")]
    Token(String),
    /// A setting that must be given is not.
    #[error("{0}")]
    Missing(&'static str),
}

/// The environment variables of the process, taken once.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. What is not UTF-8 in ours is for whoever reads it to refuse; others are left out.
    pub fn of_process() -> Self {
        let variable = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            let value = match value.into_string() {
                Err(value) if name.starts_with("SHIPSLOG_") => value.to_string_lossy().into_owned(),
                value => value.ok()?,
            };
            Some((name, value))
        };
        Self(std::env::vars_os().filter_map(variable).collect())
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn parse<T>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|error: T::Err| ConfigError::Variable {
                    name,
                    message: format!("\"{text}\" is not understood: {error}"),
                })
            })
            .transpose()
    }

    fn text(&self, name: &'static str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn path(&self, name: &'static str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Environment {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        variables.into_iter().collect()
    }
}

/// The configuration file: two tables, both optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// What the commands that talk to a service need.
    pub client: ClientSettings,
    /// What `serve` needs.
    pub serve: ServeSettings,
}

impl File {
    /// Reads the file named by the flag, else by `SHIPSLOG_CONFIG`; without either there is no file.
    pub fn find(flag: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        match flag.map(Path::to_owned).or_else(|| environment.path("SHIPSLOG_CONFIG")) {
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable {
                    path: path.clone(),
                    source,
                })?;
                Self::parse(&path, &text)
            }
            None => Ok(Self::default()),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::File {
            path: path.to_owned(),
            line: error
                .span()
                .map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            message: error.message().to_owned(),
        })
    }
}

/// What the commands that talk to a service can be told.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct ClientSettings {
    /// Address of the service [env: SHIPSLOG_URL] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", value_parser = clap::builder::NonEmptyStringValueParser::new(), help_heading = "Service")]
    pub url: Option<String>,
    /// File that holds the bearer token [env: SHIPSLOG_TOKEN_FILE, or the token itself in SHIPSLOG_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Service")]
    pub token_file: Option<PathBuf>,
    /// Private key that signs what is recorded, for the configuration file; commands have `--key`.
    #[arg(skip)]
    pub key: Option<PathBuf>,
}

impl ClientSettings {
    /// What flags, environment and file say together.
    pub fn resolve(self, environment: &Environment, file: &File) -> Result<Client, ConfigError> {
        let url = self
            .url
            .or_else(|| environment.text("SHIPSLOG_URL"))
            .or_else(|| file.client.url.clone())
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let token = match (self.token_file, environment.text("SHIPSLOG_TOKEN")) {
            (Some(path), _) => Some(read_token(&path)?),
            (None, Some(token)) => Some(token_of(&token, "SHIPSLOG_TOKEN")?),
            (None, None) => environment
                .path("SHIPSLOG_TOKEN_FILE")
                .or_else(|| file.client.token_file.clone())
                .map(|path| read_token(&path))
                .transpose()?,
        };
        Ok(Client {
            url: url.trim_end_matches('/').to_owned(),
            token,
        })
    }
}

/// Where the service is and how to be let in.
#[derive(Clone)]
pub struct Client {
    /// Base URL without a final slash.
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
}

/// What `serve` can be told. Every member is a flag, a variable and a key of `[serve]` in the file.
#[derive(Debug, Clone, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSettings {
    /// Data directory: keys, admin token, and the SQLite database unless --database says otherwise [env: SHIPSLOG_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port to listen on [env: SHIPSLOG_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Database: sqlite:PATH or postgres://… [env: SHIPSLOG_DATABASE] [default: shipslog.db in the data directory]
    #[arg(long, value_name = "URL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub database: Option<String>,
    /// PEM file with authorities to trust for TLS to PostgreSQL, beside the system's [env: SHIPSLOG_DATABASE_CA]
    #[arg(long, value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
    /// Keeps the newest published checkpoint in this other database, sqlite:PATH or postgres://…, instead of the file `guard` in
    /// the data directory: for several replicas, or where whole hosts are restored [env: SHIPSLOG_GUARD]
    #[arg(long, value_name = "URL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub guard: Option<String>,
    /// Free space, in MiB, below which nothing more is recorded [env: SHIPSLOG_MIN_FREE_MIB] [default: 256, or 5 % of the file
    /// system if that is less]
    #[arg(long, value_name = "MIB")]
    pub min_free_mib: Option<u32>,
    /// Name of the log, set once at the first start [env: SHIPSLOG_ORIGIN] [default: a random one]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub origin: Option<String>,
    /// Last checkpoint of the log that this new one continues, as published; named by its second entry
    /// [env: SHIPSLOG_PREDECESSOR]
    #[arg(long, value_name = "FILE")]
    pub predecessor: Option<PathBuf>,
    /// Public key of the log that this new one continues [env: SHIPSLOG_PREDECESSOR_KEY]
    #[arg(long, value_name = "FILE.vkey")]
    pub predecessor_key: Option<PathBuf>,
    /// Directory whose templates replace the built-in ones [env: SHIPSLOG_TEMPLATES]
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Directory of frameworks, scopes and parameters of your own [env: SHIPSLOG_CATALOGUE]
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
    /// File that holds the secret of GitHub's webhook [env: SHIPSLOG_GITHUB_SECRET_FILE]
    #[arg(long, value_name = "FILE")]
    pub github_secret_file: Option<PathBuf>,
    /// File that holds the secret that Alertmanager's webhook sends [env: SHIPSLOG_ALERTMANAGER_SECRET_FILE]
    #[arg(long, value_name = "FILE")]
    pub alertmanager_secret_file: Option<PathBuf>,
    /// Whether /log is open to everybody; it holds no content [env: SHIPSLOG_PUBLIC_LOG] [default: true]
    #[arg(long, value_name = "BOOL")]
    pub public_log: Option<bool>,
    /// C2SP tlog-policy with the witnesses to ask for cosignatures, and how many must give one [env: SHIPSLOG_POLICY]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// What to log, as a tracing filter [env: SHIPSLOG_LOG] [default: info]
    #[arg(long, value_name = "FILTER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub log: Option<String>,
    /// Form of the diagnostics on stderr [env: SHIPSLOG_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Form of the diagnostics on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

/// Everything `serve` needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Serve {
    /// Data directory.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Database URL; none means SQLite in the data directory.
    pub database: Option<String>,
    /// PEM file with authorities to trust for TLS to PostgreSQL.
    pub database_ca: Option<PathBuf>,
    /// URL of the database that holds the guard; none means a file in the data directory.
    pub guard: Option<String>,
    /// Free space that must stay, in MiB.
    pub min_free_mib: Option<u32>,
    /// Origin for a new log.
    pub origin: Option<String>,
    /// File with the last checkpoint of the log that is continued, and file with that log's key.
    pub predecessor: Option<(PathBuf, PathBuf)>,
    /// Directory of templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// Directory of frameworks, scopes and parameters beside the built-in ones.
    pub catalogue: Option<PathBuf>,
    /// File with the secret of GitHub's webhook.
    pub github_secret_file: Option<PathBuf>,
    /// File with the secret that Alertmanager's webhook sends.
    pub alertmanager_secret_file: Option<PathBuf>,
    /// Whether `/log` needs no token.
    pub public_log: bool,
    /// Policy with the witnesses.
    pub policy: Option<PathBuf>,
    /// Filter of the diagnostics.
    pub log: String,
    /// Form of the diagnostics.
    pub log_format: LogFormat,
}

impl ServeSettings {
    /// What flags, environment and file say together.
    pub fn resolve(self, environment: &Environment, file: &File) -> Result<Serve, ConfigError> {
        let settings = self.or(Self::of_environment(environment)?).or(file.serve.clone());
        let predecessor = match (settings.predecessor, settings.predecessor_key) {
            (Some(checkpoint), Some(key)) => Some((checkpoint, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(ConfigError::Missing(
                    "a predecessor is named by its last checkpoint and its key: give --predecessor and --predecessor-key",
                ));
            }
        };
        Ok(Serve {
            data: settings.data.ok_or(ConfigError::Missing(
                "no data directory: give --data DIR (or SHIPSLOG_DATA); an empty or new directory will be set up",
            ))?,
            listen: settings.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            database: settings.database,
            database_ca: settings.database_ca,
            guard: settings.guard,
            min_free_mib: settings.min_free_mib,
            origin: settings.origin,
            predecessor,
            templates: settings.templates,
            catalogue: settings.catalogue,
            github_secret_file: settings.github_secret_file,
            alertmanager_secret_file: settings.alertmanager_secret_file,
            public_log: settings.public_log.unwrap_or(true),
            policy: settings.policy,
            log: settings.log.unwrap_or_else(|| "info".to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
        })
    }

    /// What the environment says.
    pub fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            data: environment.path("SHIPSLOG_DATA"),
            listen: environment.parse("SHIPSLOG_LISTEN")?,
            database: environment.text("SHIPSLOG_DATABASE"),
            database_ca: environment.path("SHIPSLOG_DATABASE_CA"),
            guard: environment.text("SHIPSLOG_GUARD"),
            min_free_mib: environment.parse("SHIPSLOG_MIN_FREE_MIB")?,
            origin: environment.text("SHIPSLOG_ORIGIN"),
            predecessor: environment.path("SHIPSLOG_PREDECESSOR"),
            predecessor_key: environment.path("SHIPSLOG_PREDECESSOR_KEY"),
            templates: environment.path("SHIPSLOG_TEMPLATES"),
            catalogue: environment.path("SHIPSLOG_CATALOGUE"),
            github_secret_file: environment.path("SHIPSLOG_GITHUB_SECRET_FILE"),
            alertmanager_secret_file: environment.path("SHIPSLOG_ALERTMANAGER_SECRET_FILE"),
            public_log: environment.parse("SHIPSLOG_PUBLIC_LOG")?,
            policy: environment.path("SHIPSLOG_POLICY"),
            log: environment.text("SHIPSLOG_LOG"),
            log_format: environment.parse("SHIPSLOG_LOG_FORMAT")?,
        })
    }

    fn or(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            listen: self.listen.or(other.listen),
            database: self.database.or(other.database),
            database_ca: self.database_ca.or(other.database_ca),
            guard: self.guard.or(other.guard),
            min_free_mib: self.min_free_mib.or(other.min_free_mib),
            origin: self.origin.or(other.origin),
            predecessor: self.predecessor.or(other.predecessor),
            predecessor_key: self.predecessor_key.or(other.predecessor_key),
            templates: self.templates.or(other.templates),
            catalogue: self.catalogue.or(other.catalogue),
            github_secret_file: self.github_secret_file.or(other.github_secret_file),
            alertmanager_secret_file: self.alertmanager_secret_file.or(other.alertmanager_secret_file),
            public_log: self.public_log.or(other.public_log),
            policy: self.policy.or(other.policy),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse();
    address.map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080 for all of the machine's")
}

fn read_token(path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    token_of(&text, &path.display().to_string())
}

/// The token in a text, which no message must show.
fn token_of(text: &str, whence: &str) -> Result<String, ConfigError> {
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::Token(whence.to_owned()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests;
