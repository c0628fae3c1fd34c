//! Messages on stdout and stderr. A run goes on if one of them is closed or full.
use std::fmt::Arguments;
use std::io::{Write, stderr, stdout};

/// Writes a line to stderr, as `eprintln!` does, but ignores a failure.
macro_rules! message {
    ($($text:tt)*) => { $crate::base::message::to_stderr(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use message;

/// Writes text to stderr. A failure is ignored: there is no other place to report it.
pub(crate) fn to_stderr(text: Arguments) {
    // One write for the whole text: lines of several processes do not mix.
    let _ = stderr().write_all(text.to_string().as_bytes());
}

/// Writes text to stdout. A failure is ignored, so only what is also in files is written in this way.
pub(crate) fn to_stdout(text: Arguments) {
    let mut out = stdout();
    let _ = out.write_all(text.to_string().as_bytes()).and_then(|()| out.flush());
}
