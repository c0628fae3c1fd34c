//! The error type of all modules: a message with place and numbers, and a remedy.
use std::fmt;
use std::path::Path;

/// The result of operations that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, which determines the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong, and the run has not started. Exit code 2.
    Input,
    /// The run failed. Exit code 1.
    Failure,
    /// The run stopped cleanly before its end; starting it again resumes it. Exit code 75.
    Stopped,
}

/// An error: its kind, a message, and a remedy for the user.
///
/// ```
/// use halocline::Error;
/// let e = Error::input("`grid.cells` has a zero: [64, 0, 64]").remedy("every axis needs at least one cell");
/// assert_eq!(e.exit_code(), 2);
/// assert_eq!(e.to_string(), "`grid.cells` has a zero: [64, 0, 64]\n  every axis needs at least one cell");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    what: String,
    remedy: Option<String>,
}

impl Error {
    /// An error of the input, found before the run starts.
    pub fn input(what: impl Into<String>) -> Error {
        Error { kind: Kind::Input, what: what.into(), remedy: None }
    }

    /// An error of the run.
    pub fn failure(what: impl Into<String>) -> Error {
        Error { kind: Kind::Failure, what: what.into(), remedy: None }
    }

    /// A clean stop before the end of the run.
    pub fn stopped(what: impl Into<String>) -> Error {
        Error { kind: Kind::Stopped, what: what.into(), remedy: None }
    }

    /// A failure to read or write a file: `cannot ACTION PATH: REASON`, with the reason of the operating system.
    pub fn file(action: &str, path: impl AsRef<Path>, why: impl fmt::Display) -> Error {
        Error::failure(format!("cannot {action} {}: {why}", path.as_ref().display()))
    }

    /// Returns the error with a remedy: what the user can do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.remedy = Some(remedy.into());
        self
    }

    /// Returns the error with a place, as the last part of the message: `what (place)`.
    pub fn at(mut self, place: impl fmt::Display) -> Error {
        self.what = format!("{} ({place})", self.what);
        self
    }

    /// Returns the error as an error of the input.
    pub fn as_input(mut self) -> Error {
        self.kind = Kind::Input;
        self
    }

    /// Returns the error as a failure if it is an error of the input, for input that the user has not given.
    pub fn not_as_input(mut self) -> Error {
        if self.kind == Kind::Input {
            self.kind = Kind::Failure;
        }
        self
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the message without the remedy.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns the exit code of a process that ends with this error: 2 for bad input, 1 for a failure, 75 for a clean
    /// stop before the end.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Input => 2,
            Kind::Failure => 1,
            Kind::Stopped => 75,
        }
    }
}

/// As [`fmt::Display`], so that a `main` which returns an error prints what users can read.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
