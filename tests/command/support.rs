//! Runs of the real command for the suites beside this file.
#![allow(dead_code, unused_imports)] // each suite uses its part
mod disk;
mod environment;
mod jobs;
#[path = "../mpirun/mod.rs"]
pub mod mpirun;
pub mod preload;
mod processes;
mod ranks;
mod results;
mod run;

pub use disk::Disk;
pub use environment::{kills, must_hit, number, patient, random, skipped, soon, works};
pub use jobs::{jobs, smoke, smokes, streams};
pub use processes::{is_alive, signal};
pub use ranks::{Ranks, at_most, both, has_mpirun};
pub use results::{half_written, instants, nothing_half_written, outcome};
pub use run::{Ended, Run, Running, resume, run, verified};
