//! The command line. `list`, `describe`, `check`, `verify` and `pack` never start MPI: login nodes forbid it.
mod arguments;
mod check;
mod entry;
mod inspect;
mod job;
mod new;
mod pack;
mod reply;
mod start;
mod submit;
mod supervised;

pub use entry::main;

#[cfg(doc)]
#[doc = include_str!("bad_inputs.md")]
pub mod bad_inputs {}

#[cfg(test)]
mod tests;
