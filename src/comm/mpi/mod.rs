//! Ranks that are MPI processes.
//!
//! *Architecture invariant:* this is the only module that calls MPI. Each call that can fail is checked, by the communicator that
//! it uses.
//!
//! The thread that initialised MPI makes all calls, since neither [`World`] nor anything made from it is `Send` (`thread_bound`
//! asserts this). So each `unsafe` block has to justify only that handles are valid, and that buffers have the lengths given
//! and stay in place while MPI uses them ([`InFlight`](super::in_flight::InFlight)).
mod abort;
mod calls;
mod communicator;
mod direct;
mod handshake;
mod link;
mod reduction;
mod requests;
mod thread_bound;
mod transport;
mod ulfm;
mod world;

pub(super) use abort::abort_job;
pub(super) use world::World;
