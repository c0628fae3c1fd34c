//! How suites start MPI ranks.
use std::path::Path;
use std::process::Command;

/// Settings of Open MPI: it may run as root, and with more ranks than cores, which it does not bind.
pub const SETTINGS: [(&str, &str); 4] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("OMPI_MCA_hwloc_base_binding_policy", "none"),
];

/// Returns the command that starts a program on a number of ranks; its arguments may follow.
pub fn mpirun(ranks: usize, program: &Path) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["-n", &ranks.to_string()]).arg(program).envs(SETTINGS);
    command
}

/// Returns why no MPI ranks can be started here; `None` if they can.
pub fn missing() -> Option<&'static str> {
    match (cfg!(feature = "mpi"), Command::new("mpirun").arg("--version").output().is_ok()) {
        (true, true) => None,
        (false, _) => Some("this build is without MPI"),
        (true, false) => Some("there is no mpirun"),
    }
}
