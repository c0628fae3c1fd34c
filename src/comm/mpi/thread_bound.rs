//! Compile-time assertion that MPI objects stay on the thread that initialised MPI, also where MPI's handles are plain integers.
use super::communicator::Communicator;
use super::direct::MpiDirect;
use super::link::MpiLink;
use super::reduction::MpiReduction;
use super::requests::Requests;
use super::transport::MpiTransport;
use super::world::World;

/// Implemented in one way for all types, and in a second way for those that are `Send`: the call below is ambiguous, and does not
/// compile, for a type that is `Send`.
trait AmbiguousIfSend<Way> {
    fn assert_not_send() {}
}
struct IsSend;
impl<T> AmbiguousIfSend<()> for T {}
impl<T: Send> AmbiguousIfSend<IsSend> for T {}

const _: fn() = || {
    World::assert_not_send();
    Communicator::assert_not_send();
    MpiTransport::assert_not_send();
    Requests::assert_not_send();
    MpiReduction::assert_not_send();
    MpiLink::assert_not_send();
    MpiDirect::assert_not_send();
};
