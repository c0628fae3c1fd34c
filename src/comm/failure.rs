//! Why a rank fails: the payloads with which it unwinds, and the error in which a job of in-process ranks ends.
use std::any::Any;
use std::cell::RefCell;
use std::fmt;

/// The reason why this rank fails: the payload of a panic, of an abort, and of an error that only some ranks have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Exit code of the job.
    pub code: i32,
    /// Description; one line for a panic.
    pub message: String,
}

impl Failure {
    /// Unwinds this thread without printing anything.
    pub fn unwind(code: i32, message: impl Into<String>) -> ! {
        std::panic::resume_unwind(Box::new(Failure { code, message: message.into() }))
    }

    /// Converts the payload that [`catch`](super::panics::catch) returns. Adds the current stage and step to the message.
    pub fn from_payload(payload: Box<dyn Any + Send>) -> Failure {
        let mut failure = match payload.downcast() {
            Ok(failure) => *failure,
            Err(other) => Failure { code: 1, message: payload_text(&*other) },
        };
        if let Some((stage, step)) = CURRENT_STAGE.take() {
            failure.message = format!("{} in stage `{stage}` of step {step}", failure.message);
        }
        failure
    }
}

/// Returns the message of a panic's payload.
pub(super) fn payload_text(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).into(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".into(),
    }
}

/// Payload with which a rank unwinds after the process of another rank has failed, to continue without it.
#[cfg(feature = "mpi")]
pub(super) struct ProcessFailed;

#[cfg(feature = "mpi")]
impl ProcessFailed {
    /// Unwinds this thread, without printing anything, to where the job can continue.
    pub fn unwind() -> ! {
        std::panic::resume_unwind(Box::new(ProcessFailed))
    }
}

thread_local! {
    static CURRENT_STAGE: RefCell<Option<(String, u64)>> = const { RefCell::new(None) };
}

/// Records the stage and step that this rank executes; a failure message names them.
pub(crate) fn set_current_stage(stage: &str, step: u64) {
    CURRENT_STAGE.with_borrow_mut(|current| match current {
        Some((name, at)) => {
            name.clear();
            name.push_str(stage);
            *at = step;
        }
        None => *current = Some((stage.into(), step)),
    });
}

/// Records that this rank executes no stage.
pub(crate) fn clear_current_stage() {
    CURRENT_STAGE.take();
}

/// The error of a job of in-process ranks that ended early: the first panic, abort or deadlock.
#[derive(Clone, PartialEq, Eq)]
pub struct Aborted {
    /// The rank that ended the job.
    pub rank: usize,
    /// The exit code that the rank requested; 1 for a panic.
    pub code: i32,
    /// Description of the failure. For a panic, one line with its location: `message (file:line)`.
    pub message: String,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} failed: {}", self.rank, self.message)
    }
}

/// The same text as [`fmt::Display`], so that a failing `unwrap` in a test prints the message.
impl fmt::Debug for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Aborted {}

impl From<Aborted> for crate::base::Error {
    fn from(aborted: Aborted) -> crate::base::Error {
        crate::base::Error::failure(aborted.to_string())
    }
}
