//! Models in equations, each at most thirty lines or, with a solver in each step, little more. `tests/models.rs` holds them to theory.
pub mod acoustics;
pub mod advection;
pub mod burgers;
pub mod conjugate_gradients;
pub mod convection;
pub mod gray_scott;
pub mod maxwell;
pub mod shallow_water;
