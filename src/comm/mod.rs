//! Ranks and messages. The transport is a small trait with two implementations: MPI, and ranks that are threads of one process.
//! The modules that use it do not depend on which one it is.
//!
//! *Architecture invariant:* only `comm/mpi` calls MPI. No code names the world communicator: code that needs a communicator is
//! given one.
mod buffer;
mod communicator;
mod failure;
#[cfg(any(feature = "mpi", test))]
mod in_flight;
mod launch;
mod launcher;
mod local;
#[cfg(feature = "mpi")]
mod mpi;
mod panics;
mod placement;
mod raw_comm;
mod same_inputs;
mod selftest;
#[cfg(any(feature = "mpi", test))]
mod shared_window;
mod termination;
mod threads;
mod transport;

pub use communicator::Comm;
pub use failure::Aborted;
pub(crate) use failure::{clear_current_stage, set_current_stage};
pub use launch::{Launch, MAX_RANKS};
pub use launcher::{launched, launched_rank};
pub use local::ranks;
pub use placement::{cores, default_threads, node, thread_warning};
pub use raw_comm::RawComm;
pub use same_inputs::Inputs;
pub(crate) use same_inputs::{OUTPUT, THE_RUN};
#[doc(hidden)]
pub use selftest::selftest;
pub use threads::Threads;
pub use transport::{Direct, Link, Pending, RawMessage, Reduce, Transport};
