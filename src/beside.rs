//! Work on a thread of its own, beside the run.
use crate::{Error, Result};
use std::thread::{Builder, JoinHandle};

/// Work under way, or why it could not begin.
pub(crate) struct Beside<T>(Result<JoinHandle<Result<T>>>);

impl<T: Send + 'static> Beside<T> {
    /// Begins it.
    pub fn begin(work: impl FnOnce() -> Result<T> + Send + 'static) -> Beside<T> {
        let thread = Builder::new().name("beside".into()).spawn(work);
        Beside(thread.map_err(|e| Error::failure(format!("cannot start a thread to save the state: {e}"))))
    }

    /// True if [`Beside::finish`] would not wait.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().map_or(true, JoinHandle::is_finished)
    }

    /// Waits for the result.
    pub fn finish(self) -> Result<T> {
        self.0?.join().unwrap_or_else(|_| Err(Error::failure("a thread that saves the state has panicked")))
    }
}
