//! A model compiled for a number of ranks: the domain decomposition, the transfers between ranks, the fusion groups and
//! the costs. All checks of a model are here. This module allocates no field and sends no message.
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
