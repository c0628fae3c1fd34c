//! Catching panics, with their location in the source.
//!
//! Only the panic hook knows the location of a panic. So a hook records message and location for threads inside a silent
//! [`catch`], and prints nothing: the caller of [`catch`] prints one line for the whole job. All other threads of the process
//! keep the previous hook.
use super::failure::{Failure, payload_text};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// True while this thread is inside a silent [`catch`].
pub(super) fn is_silent() -> bool {
    SILENT.get()
}

/// Runs `body` and returns its result, or the payload with which it unwinds: a [`Failure`] for a panic, any payload of
/// `resume_unwind` as it is. If `silent`, a panic prints nothing (unless `RUST_BACKTRACE` is set).
pub(super) fn catch<R>(silent: bool, body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    if silent {
        install_hook();
    }
    let before = SILENT.replace(silent);
    LAST_PANIC.take();
    let result = std::panic::catch_unwind(AssertUnwindSafe(body));
    SILENT.set(before);
    result.map_err(|payload| match LAST_PANIC.take() {
        Some(message) if payload.is::<String>() || payload.is::<&str>() => Box::new(Failure { code: 1, message }),
        _ => payload,
    })
}

fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        let backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0");
        std::panic::set_hook(Box::new(move |info| {
            if SILENT.get() {
                LAST_PANIC.set(Some(line(info)));
            }
            if !SILENT.get() || backtrace {
                previous(info);
            }
        }));
    });
}

/// Formats a panic in one line: `message (file:line)`.
fn line(info: &PanicHookInfo) -> String {
    let message = payload_text(info.payload());
    let message = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ");
    match info.location() {
        Some(at) => format!("{message} ({}:{})", at.file(), at.line()),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_with_its_location() {
        let failure = Failure::from_payload(catch(true, || assert_eq!(1, 2, "of {}", 3)).unwrap_err());
        assert_eq!(failure.code, 1);
        let (message, location) = failure.message.split_once(" (").unwrap();
        assert_eq!(message, "assertion `left == right` failed: of 3; left: 1; right: 2");
        assert!(location.contains("panics.rs:"), "{location}");
    }

    #[test]
    fn an_unwinding_failure_is_returned_unchanged() {
        let payload = catch(true, || Failure::unwind(7, "two\nlines")).unwrap_err();
        assert_eq!(Failure::from_payload(payload), Failure { code: 7, message: "two\nlines".into() });
        assert!(!is_silent());
    }
}
