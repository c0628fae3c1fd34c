//! MPI launchers, recognised by environment variables: so MPI need not be initialised to find out whether to use it.
use crate::base::{Error, Result};

/// The program that started this process, alone or as one of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launcher {
    /// Name for messages.
    pub name: &'static str,
    /// Number of ranks that it started, if the environment says so.
    pub size: Option<usize>,
    /// This rank, by the count of the launcher.
    pub rank: Option<usize>,
}

/// True if an MPI launcher started this process, alone or as one of several.
pub fn launched() -> bool {
    Launcher::find(|name| std::env::var(name).ok()).is_some()
}

/// The rank of this process by the count of its launcher, before MPI starts; 0 without a launcher.
pub fn launched_rank() -> usize {
    Launcher::find(|name| std::env::var(name).ok()).and_then(|launcher| launcher.rank).unwrap_or(0)
}

impl Launcher {
    /// Recognises the launcher. `variable` returns the value of an environment variable.
    pub fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Launcher> {
        let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
        // Inner launchers come first: an mpirun inside a batch job sees the variables of both.
        let sized = [
            ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "mpirun (Open MPI)"),
            ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpirun (MVAPICH)"),
            ("PMI_SIZE", "PMI_RANK", "mpiexec (PMI)"),
            ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "jsrun"),
            ("FLUX_JOB_SIZE", "FLUX_TASK_RANK", "flux run"),
        ];
        for (size, rank, name) in sized {
            if let Some(size) = number(size) {
                return Some(Launcher { name, size: Some(size), rank: number(rank) });
            }
        }
        let pmix = variable("PMIX_RANK").is_some();
        if variable("SLURM_STEP_ID").is_some() && variable("SLURM_PROCID").is_some() {
            let size = number("SLURM_STEP_NUM_TASKS").or_else(|| number("SLURM_NTASKS"));
            // A step of one task without PMIx may be an interactive shell: treated as no launcher.
            let launched = pmix || size.is_none_or(|size| size > 1);
            return launched.then(|| Launcher { name: "srun", size, rank: number("SLURM_PROCID") });
        }
        let unsized_launchers = [
            ("PMIX_RANK", "the launcher (PMIx)"),
            ("PALS_RANKID", "mpiexec (PALS)"),
            ("ALPS_APP_PE", "aprun"),
            ("MPI_LOCALRANKID", "mpiexec (Hydra)"),
            ("MPI_LOCALNRANKS", "mpiexec (Hydra)"),
        ];
        let found = unsized_launchers.into_iter().find(|(rank, _)| variable(rank).is_some());
        found.map(|(rank, name)| Launcher {
            name,
            size: None,
            rank: if rank.contains("LOCAL") { None } else { number(rank) },
        })
    }

    /// Checks the number of ranks that MPI reports. A launcher of another MPI library starts separate jobs of one rank each.
    ///
    /// # Errors
    /// If MPI reports another number of ranks than the launcher.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))]
    pub fn check(&self, world: usize) -> Result<()> {
        match self.size {
            Some(size) if size != world => {
                let what = format!("{} started {size} ranks, but MPI sees {world}", self.name);
                let remedy = if self.name == "srun" {
                    "srun and this program's MPI use different interfaces: try srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH); \
                     `srun --mpi=list` shows what there is"
                } else {
                    "the launcher belongs to another MPI than this program: start it with the mpirun of the MPI that it was \
                     built with (load the same module)"
                };
                Err(Error::input(what).remedy(remedy))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;

    fn find(environment: &[(&str, &str)]) -> Option<(&'static str, Option<usize>, Option<usize>)> {
        let get = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        Launcher::find(get).map(|l| (l.name, l.size, l.rank))
    }

    #[test]
    fn launchers_are_recognised_by_their_environment() {
        assert_eq!(find(&[]), None);
        let open_mpi = [("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "3"), ("PMIX_RANK", "3")];
        assert_eq!(find(&open_mpi), Some(("mpirun (Open MPI)", Some(4), Some(3))));
        assert_eq!(find(&[("PMI_SIZE", "2"), ("PMI_RANK", "0")]), Some(("mpiexec (PMI)", Some(2), Some(0))));
        assert_eq!(find(&[("PMIX_RANK", "1")]), Some(("the launcher (PMIx)", None, Some(1))));
        assert_eq!(find(&[("MPI_LOCALNRANKS", "4")]), Some(("mpiexec (Hydra)", None, None)));
    }

    #[test]
    fn slurm_is_a_launcher_only_within_a_step() {
        let batch = [("SLURM_JOB_ID", "7"), ("SLURM_NTASKS", "4"), ("SLURM_PROCID", "0")];
        assert_eq!(find(&batch), None);
        let step = |tasks| [("SLURM_STEP_ID", "0"), ("SLURM_PROCID", "2"), ("SLURM_STEP_NUM_TASKS", tasks)];
        assert_eq!(find(&step("4")), Some(("srun", Some(4), Some(2))));
        assert_eq!(find(&step("1")), None, "an interactive shell");
        let pmix = [&step("1")[..], &[("PMIX_RANK", "0")]].concat();
        assert_eq!(find(&pmix), Some(("srun", Some(1), Some(2))));
        // mpirun inside a batch job starts its daemons by srun.
        let both = [&step("9")[..], &[("OMPI_COMM_WORLD_SIZE", "18")]].concat();
        assert_eq!(find(&both), Some(("mpirun (Open MPI)", Some(18), None)));
    }

    #[test]
    fn separate_jobs_of_one_rank_are_wrong_input() {
        let srun = Launcher { name: "srun", size: Some(4), rank: Some(2) };
        let error = srun.check(1).unwrap_err();
        assert_eq!((error.kind(), error.what()), (Kind::Input, "srun started 4 ranks, but MPI sees 1"));
        assert!(error.to_string().contains("--mpi=pmix"), "{error}");
        assert_eq!(srun.check(4), Ok(()));
        assert_eq!(Launcher { name: "aprun", size: None, rank: None }.check(9), Ok(()));
    }
}
