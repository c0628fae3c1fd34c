//! Fusion: several stages and steps are computed on a tile while it is in cache, for any kernels.
//!
//! Modules in the order of use: `fusible` decides which stages and steps can be fused, `block` creates their instances
//! (`instance`) with the values that each reads, `align` groups instances that run side by side, `slots` places values
//! in ring buffers, `depths` makes halos as deep as a block needs, `groups` finds stages within a step to fuse.
mod align;
mod block;
mod depths;
mod fusible;
mod groups;
mod instance;
mod slot;
mod slots;

pub(crate) use block::Block;
pub(crate) use depths::{HaloDepths, STEPS, field_bytes};
pub(crate) use groups::{FusionGroup, longest_block};
pub(crate) use instance::{Instance, Origin, Value};
pub(crate) use slot::Slot;
