//! What is fused: several stages and steps computed on a tile while it is in cache, for any kernels.
//!
//! In the order of use: `fusible` says which stages and steps can be fused, `block` lists their instances (`instance`) with
//! the values that each reads, `align` puts instances side by side, `slots` says where values lie in ring buffers, `depths` makes halos
//! as deep as a block needs, `groups` finds stages to fuse within a step.
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
