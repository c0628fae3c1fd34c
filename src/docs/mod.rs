//! The manual: a tutorial, and pages on what holds everywhere.
//!
//! * [Tutorial](tutorial): from one equation to a job on a cluster, then ten short chapters on the parts.
//! * [Equations](equations): stages as expressions; locations, operators, integrators.
//! * [Numbers over time and derived output](series_and_output): tables of numbers, and output that is computed from fields.
//! * [Boundaries and staggering](boundaries): where values lie, and what a kernel reads beyond a wall.
//! * [Input files](input_files): initial values from HDF5 and NetCDF files, or from another run.
//! * [The run directory](run_on_disk): files, checkpoints, restarts, exit codes; ncdump, xarray, ParaView.
//! * [Reproducibility](bits): why results do not depend on ranks, threads and CPUs.
//! * [Speed](speed): fusion in cache, fast kernels, messages, traces.
//! * [Comparison](peers): the same models in other frameworks, in lines, and what each leaves to the user.
//! * [Messages for bad input](crate::cli::bad_inputs).
//! * [Unsafe code](safety): what it relies on, and which tests check it.
//! * [Glossary](glossary): terms and their usual synonyms.
//!
//! The tests compile and run every example, on one rank without MPI.

#[doc = include_str!("tutorial/index.md")]
pub mod tutorial {
    #[doc = include_str!("tutorial/00_first_job.md")]
    pub mod ch00_first_job {}
    #[doc = include_str!("tutorial/01_field_and_kernel.md")]
    pub mod ch01_field_and_kernel {}
    #[doc = include_str!("tutorial/02_boundaries.md")]
    pub mod ch02_boundaries {}
    #[doc = include_str!("tutorial/03_stages_and_staggering.md")]
    pub mod ch03_stages_and_staggering {}
    #[doc = include_str!("tutorial/04_scalars_and_loops.md")]
    pub mod ch04_scalars_and_loops {}
    #[doc = include_str!("tutorial/05_place_time_chance.md")]
    pub mod ch05_place_time_chance {}
    #[doc = include_str!("tutorial/06_blocks.md")]
    pub mod ch06_blocks {}
    #[doc = include_str!("tutorial/07_lines_tiles_transposes.md")]
    pub mod ch07_lines_tiles_transposes {}
    #[doc = include_str!("tutorial/08_records_and_sources.md")]
    pub mod ch08_records_and_sources {}
    #[doc = include_str!("tutorial/09_your_own_job.md")]
    pub mod ch09_your_own_job {}
    #[doc = include_str!("tutorial/10_running.md")]
    pub mod ch10_running {}
}

#[doc = include_str!("equations.md")]
pub mod equations {}

#[doc = include_str!("series_and_output.md")]
pub mod series_and_output {}

#[doc = include_str!("peers.md")]
pub mod peers {}

#[doc = include_str!("bits.md")]
pub mod bits {}

#[doc = include_str!("speed.md")]
pub mod speed {}

#[doc = include_str!("boundaries.md")]
pub mod boundaries {}

#[doc = include_str!("input_files.md")]
pub mod input_files {}

#[doc = include_str!("run_on_disk.md")]
pub mod run_on_disk {}

#[doc = include_str!("safety.md")]
pub mod safety {}

#[doc = include_str!("glossary.md")]
pub mod glossary {}

/// The README's examples are compiled and run, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub mod readme {}
