//! [`Reply`]: the output of a command.
use crate::base::Result;

/// The output of a command on stdout and stderr, and its exit code.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub out: String,
    pub err: String,
    pub code: u8,
}

/// The reply with the output of a command, or with its error.
pub(super) fn reply_to(result: Result<String>) -> Reply {
    match result {
        Ok(out) => Reply { out, ..Reply::default() },
        Err(e) => Reply { err: format!("error: {e}\n"), code: e.exit_code(), ..Reply::default() },
    }
}
