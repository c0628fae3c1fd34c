//! Starting runs: under a supervisor, and through Slurm.
pub mod submit;
pub mod supervise;
