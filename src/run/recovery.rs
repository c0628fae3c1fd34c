//! How the surviving ranks of a process failure continue a run.
use super::attempt::how_to_continue;
use super::heartbeat::Heartbeat;
use super::options::Options;
use crate::base::background;
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::saved::attempt::{AttemptId, last_attempt};
use crate::saved::outcome;
use crate::saved::replica::MemorySegment;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// What was known before any rank failed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct BeforeFailure {
    ranks: usize,
    /// The last attempt of the run in the directory, if there was one.
    attempt: Vec<AttemptId>,
}

impl BeforeFailure {
    /// Shares what was known before the first failure with all ranks, which remember it in `known`. Collective.
    pub fn share(known: &OnceLock<BeforeFailure>, comm: &Comm, options: &Options) -> BeforeFailure {
        // The present rank 0 may not have received it before; then no rank has changed the directory yet.
        let read = || BeforeFailure { ranks: comm.size(), attempt: Vec::from_iter(last_attempt(&options.output)) };
        let before = comm.share(comm.is_root().then(|| known.get().cloned().unwrap_or_else(read)));
        known.get_or_init(|| before.clone());
        before
    }
}

/// What the surviving ranks do.
pub(super) enum Recovery {
    /// Start another attempt with these options. Rank 0 gives heartbeats until it steps.
    Continue(Options, Option<Heartbeat>),
    /// End: the run had already ended in this way.
    Ended(Result<()>),
}

impl Recovery {
    /// Decides what the surviving ranks do. Collective.
    pub fn after_failure(before: BeforeFailure, comm: &Comm, options: &Options) -> Recovery {
        let dir = &options.output;
        let heartbeat = comm.is_root().then(|| Heartbeat::start(dir));
        // Background tasks of the failed attempt may still be writing.
        background::wait_for_all();
        let found = comm.is_root().then(|| {
            message!("warning: process failure: {} of {} ranks survive and continue", comm.size(), before.ranks);
            // An attempt that has started since counts; an earlier one does not.
            let last = last_attempt(dir).filter(|last| !before.attempt.contains(last));
            // Each attempt removes the summary of the previous one.
            let outcome = last.as_ref().and_then(|_| outcome::outcome(dir));
            (Vec::from_iter(last), Vec::from_iter(outcome))
        });
        let (last, outcome) = comm.share(found);
        let Some(last) = last.first() else { return Recovery::Continue(options.clone(), heartbeat) };
        let Some(outcome) = outcome.into_iter().next() else {
            let resume = Some(options.resume.clone().unwrap_or_default());
            return Recovery::Continue(Options { resume, restart: true, ..options.clone() }, heartbeat);
        };
        let is_done = outcome::is_final(&outcome);
        let is_stopped = outcome.starts_with("stopped by");
        if is_done || is_stopped {
            MemorySegment::new(comm, &last.run, dir).remove();
        }
        Recovery::Ended(match (is_done, is_stopped) {
            (true, _) => Ok(()),
            (_, true) => Err(Error::stopped(outcome).remedy(how_to_continue(dir))),
            _ => Err(Error::failure(outcome)),
        })
    }
}
