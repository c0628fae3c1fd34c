//! Starting runs: under a supervisor, and as Slurm batch jobs.
pub mod submit;
pub mod supervise;
