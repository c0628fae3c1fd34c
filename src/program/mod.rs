//! What follows from a model and a number of ranks: who owns which cells, what is copied between ranks and when, what is
//! fused, and what it costs. All checks of a model are here. Nothing is allocated, and no message is sent.
mod checks;
mod compile;
pub(crate) mod copies;
mod cost;
pub mod domain;
pub(crate) mod exchange_plan;
pub(crate) mod fusion;
pub(crate) mod halo_validity;
pub(crate) mod layout;
pub(crate) mod lists;
pub mod process_grid;
pub(crate) mod transfers;

pub(crate) use checks::check;
pub(crate) use compile::Measured;
pub use compile::Program;
