//! What follows from a model and a number of ranks: who owns which cells, and what is copied between ranks.
pub(crate) mod copies;
pub mod domain;
pub mod process_grid;
