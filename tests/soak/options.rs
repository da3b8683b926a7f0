//! What the soak is told on its command line.

/// What `--help` prints.
pub const HELP: &str = "\
Attacks the service for a while, then looks whether the attacks find planted bugs.

  --minutes N   begin rounds for so long; 0: only plant bugs [default: 10]
  --no-bugs     plant no bugs (each is a build of the service)
  --help        print this

SHIPSLOG_TEST_SEED=N makes the random choices of an earlier run again.";

/// The options.
pub struct Options {
    pub minutes: u64,
    pub bugs: bool,
}

/// Why there are none.
pub enum Unread {
    /// Help is asked for.
    Help,
    /// Something is not understood.
    Wrong(String),
}

impl Options {
    /// Reads them.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Unread> {
        let mut options = Self {
            minutes: 10,
            bugs: true,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--minutes" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    options.minutes = number.ok_or_else(|| Unread::Wrong("--minutes needs a number".to_owned()))?;
                }
                "--no-bugs" => options.bugs = false,
                "--help" => return Err(Unread::Help),
                other => return Err(Unread::Wrong(format!("unknown option {other}"))),
            }
        }
        Ok(options)
    }
}
