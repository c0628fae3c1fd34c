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

/// The rank of this process according to its launcher, before MPI starts; 0 without a launcher.
pub(super) fn launched_rank() -> usize {
    ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok())
        .unwrap_or(0)
}
