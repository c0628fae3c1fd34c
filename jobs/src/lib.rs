//! Jobs built on halocline. Each job is a source file here, an entry in [`all`], and a directory of commented job files.
pub mod acoustic;
pub mod diffusion;
pub mod gray_scott;
pub mod poisson;

use halocline::{JobEntry, jobs};

/// Returns the jobs of the `halocline` command.
pub const fn all() -> &'static [JobEntry] {
    const ALL: &[JobEntry] = jobs![diffusion::Diffusion, acoustic::Acoustic, gray_scott::GrayScott, poisson::Poisson];
    ALL
}
