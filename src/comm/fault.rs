//! How a rank unwinds: with what message, and who prints it.
//!
//! A panic's place in the source is known only to the panic hook, so a hook keeps message and place for the threads that
//! a rank watches, silently: whoever catches the unwinding prints one line for the whole job. All other threads of the
//! process keep the hook that they had.
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// Why this rank unwinds: the payload of a panic, of an abort, and of an error that only some ranks have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Exit code of the job.
    pub code: i32,
    /// What went wrong, one line for a panic.
    pub message: String,
}

/// Another rank has died, and this one unwinds to go on without it.
#[cfg(feature = "mpi")]
pub(super) struct Lost;

#[cfg(feature = "mpi")]
impl Lost {
    /// Unwinds this thread, without a word, up to where it can go on.
    pub fn go_on_without() -> ! {
        std::panic::resume_unwind(Box::new(Lost))
    }
}

impl Fault {
    /// Unwinds this thread, without a word.
    pub fn raise(code: i32, message: impl Into<String>) -> ! {
        std::panic::resume_unwind(Box::new(Fault { code, message: message.into() }))
    }

    /// From the payload of any unwinding that went through [`catch`].
    pub fn of(payload: Box<dyn Any + Send>) -> Fault {
        let mut fault = match payload.downcast() {
            Ok(fault) => *fault,
            Err(other) => Fault { code: 1, message: text(&*other) },
        };
        if let Some((stage, step)) = STAGE.take() {
            fault.message = format!("{} in stage `{stage}` of step {step}", fault.message);
        }
        fault
    }
}

thread_local! {
    static STAGE: RefCell<Option<(String, u64)>> = const { RefCell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Says which stage of which step this rank is in, for the message if it fails there.
pub(crate) fn now_in(stage: &str, step: u64) {
    STAGE.with_borrow_mut(|now| match now {
        Some((name, at)) => {
            name.clear();
            name.push_str(stage);
            *at = step;
        }
        None => *now = Some((stage.into(), step)),
    });
}

/// Says that this rank is in no stage any more.
pub(crate) fn now_outside() {
    STAGE.take();
}

/// True while this thread runs inside a watched [`catch`].
pub(super) fn watched() -> bool {
    WATCHED.get()
}

/// Runs `body`. A panic inside becomes a [`Fault`]; payloads of `resume_unwind` pass as they are.
/// With `watch`, nothing is printed on the way (unless `RUST_BACKTRACE` is set).
pub(super) fn catch<R>(watch: bool, body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    if watch {
        install();
    }
    let before = WATCHED.replace(watch);
    LAST.take();
    let result = std::panic::catch_unwind(AssertUnwindSafe(body));
    WATCHED.set(before);
    result.map_err(|payload| match LAST.take() {
        Some(message) if payload.is::<String>() || payload.is::<&str>() => Box::new(Fault { code: 1, message }),
        _ => payload,
    })
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        let backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0");
        std::panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                LAST.set(Some(line(info)));
            }
            if !WATCHED.get() || backtrace {
                before(info);
            }
        }));
    });
}

/// `message (file:line)`, in one line.
fn line(info: &PanicHookInfo) -> String {
    let message = text(info.payload());
    let message = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ");
    match info.location() {
        Some(at) => format!("{message} ({}:{})", at.file(), at.line()),
        None => message,
    }
}

fn text(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).into(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_with_its_place() {
        let fault = Fault::of(catch(true, || assert_eq!(1, 2, "of {}", 3)).unwrap_err());
        assert_eq!(fault.code, 1);
        let (message, place) = fault.message.split_once(" (").unwrap();
        assert_eq!(message, "assertion `left == right` failed: of 3; left: 1; right: 2");
        assert!(place.contains("fault.rs:"), "{place}");
    }

    #[test]
    fn what_was_raised_arrives_whole() {
        let raised = catch(true, || Fault::raise(7, "two\nlines")).unwrap_err();
        assert_eq!(Fault::of(raised), Fault { code: 7, message: "two\nlines".into() });
        assert!(!watched());
    }
}
