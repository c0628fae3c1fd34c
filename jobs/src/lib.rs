//! SPMD programs on halocline. A job is one file of code here, one name in [`all`], and one folder of commented TOML.
pub mod acoustic;
pub mod checks;
pub mod diffusion;
pub mod gray_scott;
pub mod poisson;

use halocline::{JobEntry, jobs};

/// The jobs of the `halocline` command.
pub const fn all() -> &'static [JobEntry] {
    const ALL: &[JobEntry] = jobs![diffusion::Diffusion, acoustic::Acoustic, gray_scott::GrayScott, poisson::Poisson];
    ALL
}
