//! Background tasks: work on a separate thread while the run continues.
use crate::base::{Error, Result};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Number of unfinished tasks of this process; the condition variable is signalled when one finishes.
static UNFINISHED: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Counts one task as unfinished until it is dropped.
struct Unfinished;

impl Unfinished {
    fn new() -> Unfinished {
        *UNFINISHED.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Unfinished
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        *UNFINISHED.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        UNFINISHED.1.notify_all();
    }
}

/// Waits until all tasks of this process have finished, including those whose [`BackgroundTask`] was dropped.
pub(crate) fn wait_for_all() {
    let count = UNFINISHED.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(UNFINISHED.1.wait_while(count, |count| *count > 0));
}

/// A task on its own thread, or the error with which the thread could not be started.
pub(crate) struct BackgroundTask<T>(Result<JoinHandle<Result<T>>>);

impl<T: Send + 'static> BackgroundTask<T> {
    /// Starts the task. An error in starting the thread is returned by [`BackgroundTask::finish`].
    pub fn begin(work: impl FnOnce() -> Result<T> + Send + 'static) -> BackgroundTask<T> {
        let unfinished = Unfinished::new();
        let work = move || {
            let _unfinished = unfinished;
            work()
        };
        let thread = Builder::new().name("background".into()).spawn(work);
        BackgroundTask(thread.map_err(|e| Error::failure(format!("cannot start a thread to save the state: {e}"))))
    }

    /// True if [`BackgroundTask::finish`] would not wait.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().map_or(true, JoinHandle::is_finished)
    }

    /// Waits for the task and returns its result.
    ///
    /// # Errors
    /// If the task fails, panics, or could not be started.
    pub fn finish(self) -> Result<T> {
        self.0?.join().unwrap_or_else(|_| Err(Error::failure("a thread that saves the state has panicked")))
    }
}
