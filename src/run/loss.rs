//! What a run does that has lost ranks: those that are left go on with it.
use super::Options;
use super::control::Signs;
use crate::base::background;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::saved::attempt::{Attempt, last_attempt};
use crate::saved::outcome;
use crate::saved::replica::MemorySegment;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// What was there before any rank was lost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Before {
    ranks: usize,
    /// The last life of the run in the folder, if there was one.
    life: Vec<Attempt>,
}

impl Before {
    /// On rank 0.
    fn look(comm: &Comm, options: &Options) -> Before {
        Before { ranks: comm.size(), life: Vec::from_iter(last_attempt(&options.output)) }
    }

    /// The same on all ranks, which know it from now on. Collective.
    pub fn share(known: &OnceLock<Before>, comm: &Comm, options: &Options) -> Before {
        // The rank that is rank 0 now may not have heard it; then no rank has touched the folder yet.
        let look = || known.get().cloned().unwrap_or_else(|| Before::look(comm, options));
        let before = comm.share(comm.is_root().then(look));
        known.get_or_init(|| before.clone());
        before
    }
}

/// How those that are left go on.
pub(super) enum After {
    /// With these options; meanwhile rank 0 gives signs of life.
    GoOn(Options, Option<Signs>),
    /// Not at all: the run had come to this end.
    Over(Result<()>),
}

impl After {
    /// Collective.
    pub fn loss(before: Before, comm: &Comm, options: &Options) -> After {
        let dir = &options.output;
        let signs = comm.is_root().then(|| Signs::give(dir));
        // Threads of the life before may still be writing.
        background::wait_for_all();
        let found = comm.is_root().then(|| {
            eprintln!("warning: ranks have died: of {}, {} are left, and go on", before.ranks, comm.size());
            // Of the lives that have begun since.
            let last = last_attempt(dir).filter(|last| !before.life.contains(last));
            // Each life removes the summary of the one before.
            let outcome = last.as_ref().and_then(|_| outcome::outcome(dir));
            (Vec::from_iter(last), Vec::from_iter(outcome))
        });
        let (last, outcome) = comm.share(found);
        let Some(last) = last.first() else { return After::GoOn(options.clone(), signs) };
        let Some(outcome) = outcome.into_iter().next() else {
            let resume = Some(options.resume.clone().unwrap_or_default());
            return After::GoOn(Options { resume, ..options.clone() }, signs);
        };
        let is_done = outcome::is_final(&outcome);
        let is_stopped = outcome.starts_with("stopped by");
        if is_done || is_stopped {
            MemorySegment::new(comm, &last.run, dir).remove();
        }
        After::Over(match (is_done, is_stopped) {
            (true, _) => Ok(()),
            (_, true) => Err(Error::stopped(outcome).remedy(super::saving::goes_on(dir))),
            _ => Err(Error::failure(outcome)),
        })
    }
}
