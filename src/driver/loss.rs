//! What a run does that has lost ranks: those that are left go on with it.
use super::Options;
use crate::beside;
use crate::comm::Comm;
use crate::folder::{self, Life};

/// What was there before any rank was lost.
pub(super) struct Before {
    ranks: usize,
    /// The last life of the run in the folder, if there was one.
    life: Vec<Life>,
}

impl Before {
    /// Collective.
    pub fn look(comm: &Comm, options: &Options) -> Before {
        let life = comm.share(comm.is_root().then(|| Vec::from_iter(folder::last_life(&options.output))));
        Before { ranks: comm.size(), life }
    }
}

/// How those that are left go on; not at all if the run had come to its end. Collective.
pub(super) fn after_loss(comm: &Comm, options: &Options, before: Option<&Before>) -> Option<Options> {
    let dir = &options.output;
    // Threads of the life before may still be writing.
    beside::wait_for_all();
    let found = comm.is_root().then(|| {
        let begun = before.is_some_and(|before| Vec::from_iter(folder::last_life(dir)) != before.life);
        (begun, begun && folder::is_done(dir))
    });
    let (begun, done) = comm.share(found);
    if let (true, Some(before)) = (comm.is_root(), before) {
        eprintln!("warning: ranks have died: of {}, {} are left, and go on", before.ranks, comm.size());
    }
    let resume = if begun { Some(options.resume.clone().unwrap_or_default()) } else { options.resume.clone() };
    (!done).then(|| Options { resume, ..options.clone() })
}
