//! Work on a thread of its own, beside the run.
use crate::base::{Error, Result};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// How much is under way in this process, and who waits for its end.
static UNDER_WAY: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// One piece of work under way.
struct Mark;

impl Mark {
    fn set() -> Mark {
        *UNDER_WAY.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Mark
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        *UNDER_WAY.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        UNDER_WAY.1.notify_all();
    }
}

/// Waits for work that nobody waits for any more.
pub(crate) fn wait_for_all() {
    let count = UNDER_WAY.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(UNDER_WAY.1.wait_while(count, |count| *count > 0));
}

/// Work under way, or why it could not begin.
pub(crate) struct BackgroundTask<T>(Result<JoinHandle<Result<T>>>);

impl<T: Send + 'static> BackgroundTask<T> {
    /// Begins it.
    pub fn begin(work: impl FnOnce() -> Result<T> + Send + 'static) -> BackgroundTask<T> {
        let mark = Mark::set();
        let work = move || {
            let _mark = mark;
            work()
        };
        let thread = Builder::new().name("beside".into()).spawn(work);
        BackgroundTask(thread.map_err(|e| Error::failure(format!("cannot start a thread to save the state: {e}"))))
    }

    /// True if [`BackgroundTask::finish`] would not wait.
    pub fn is_done(&self) -> bool {
        self.0.as_ref().map_or(true, JoinHandle::is_finished)
    }

    /// Waits for the result.
    pub fn finish(self) -> Result<T> {
        self.0?.join().unwrap_or_else(|_| Err(Error::failure("a thread that saves the state has panicked")))
    }
}
