//! What a job declares: its fields and its schedule. This placeholder will be replaced by the real model.

/// The model of a run, as its job declares it.
pub struct Model;
