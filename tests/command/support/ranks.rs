//! The ranks of a run: how many, and of which kind.
use super::environment::{number, skipped};
use super::mpirun;
use std::sync::OnceLock;

/// The kind and the number of ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks {
    /// Threads of one process.
    Threads(usize),
    /// Processes that `mpirun` starts.
    Mpi(usize),
}

use Ranks::{Mpi, Threads};

impl Ranks {
    pub fn count(self) -> usize {
        match self {
            Threads(n) | Mpi(n) => n,
        }
    }
}

/// Both kinds of ranks, or the first alone where the other cannot be had.
pub fn both(n: usize) -> Vec<Ranks> {
    if has_mpirun() { vec![Threads(n), Mpi(n)] } else { vec![Threads(n)] }
}

/// True if runs under MPI are possible here; otherwise says once why not.
pub fn has_mpirun() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let missing = mpirun::missing();
        missing.inspect(|why| skipped("everything under mpirun", why));
        missing.is_none()
    })
}

/// Returns `n`, or the number that `HALOCLINE_MOST_RANKS` allows: ranks that spin while they wait are slow on fewer cores.
pub fn at_most(n: usize) -> usize {
    number("HALOCLINE_MOST_RANKS").map_or(n, |most| n.min(most))
}
