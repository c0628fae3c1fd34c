//! One error type: what is wrong, where, the numbers, and the remedy.
use std::fmt;
use std::path::Path;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose turn it is to act, and so the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong; nothing was started. Exit code 2.
    Input,
    /// The run itself failed. Exit code 1.
    Failure,
    /// Stopped cleanly before the end: run it again to go on. Exit code 75.
    Stopped,
}

/// What went wrong and what to do about it.
///
/// ```
/// use halocline::Error;
/// let e = Error::input("`grid.cells` has a zero: [64, 0, 64]").remedy("every axis needs at least one cell");
/// assert_eq!(e.exit_code(), 2);
/// assert_eq!(e.to_string(), "`grid.cells` has a zero: [64, 0, 64]\n  every axis needs at least one cell");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    what: String,
    remedy: Option<String>,
}

impl Error {
    /// Wrong input: seen before any work starts.
    pub fn input(what: impl Into<String>) -> Error {
        Error { kind: Kind::Input, what: what.into(), remedy: None }
    }

    /// A failure of the run.
    pub fn failure(what: impl Into<String>) -> Error {
        Error { kind: Kind::Failure, what: what.into(), remedy: None }
    }

    /// A clean stop before the end.
    pub fn stopped(what: impl Into<String>) -> Error {
        Error { kind: Kind::Stopped, what: what.into(), remedy: None }
    }

    /// A file that cannot be read or written, in the system's words: `cannot ACTION PATH: …`.
    pub fn file(action: &str, path: impl AsRef<Path>, why: impl fmt::Display) -> Error {
        Error::failure(format!("cannot {action} {}: {why}", path.as_ref().display()))
    }

    /// What the reader can do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same error, judged as wrong input.
    pub fn as_input(mut self) -> Error {
        self.kind = Kind::Input;
        self
    }

    /// The same error; wrong input is judged as a failure, since nobody has given it.
    pub fn not_as_input(mut self) -> Error {
        if self.kind == Kind::Input {
            self.kind = Kind::Failure;
        }
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What went wrong, without the remedy.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The exit code of a process that ends with this error: 2 bad input, 1 failure, 75 run me again.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Input => 2,
            Kind::Failure => 1,
            Kind::Stopped => 75,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
