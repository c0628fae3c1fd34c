//! The transport: what one rank can do with the others. Messages are bytes.
//!
//! [`Transport`], [`Pending`] and [`Link`] are safe to implement: callers check the lengths of what they return before unsafe
//! code uses it. [`Direct`] works on raw memory, so it is an `unsafe trait`.
use super::raw_comm::RawComm;
use std::rc::Rc;

/// Operation of a reduction over all ranks. Integers only: a floating-point sum would depend on the number of ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Wrapping sum.
    Sum,
    /// Maximum.
    Max,
    /// Minimum.
    Min,
}

/// The operations between the ranks of one communicator.
///
/// All methods except the accessors, [`Transport::link`], [`Transport::direct`] and [`Transport::abort`] are collective: every
/// rank of the communicator calls them in the same order. Only the main thread of the rank calls them. A failure of the transport
/// itself ends the job; where ranks survive process failures ([`Launch::survive`](super::Launch::survive)), the failure of one
/// rank unwinds the others from the call that they are in.
pub trait Transport {
    /// This rank, counted from 0.
    fn rank(&self) -> usize;
    /// Number of ranks.
    fn size(&self) -> usize;
    /// Kind of transport: `"MPI"` or `"in-process"`.
    fn kind(&self) -> &'static str;
    /// Waits until all ranks have entered the barrier.
    fn barrier(&self);
    /// Returns the bytes of every rank, in rank order, on every rank. Lengths may differ.
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>>;
    /// Returns the bytes of every rank, in rank order, on `root`, and `None` on the other ranks.
    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>>;
    /// Replaces `bytes` by those of `root`, on every rank.
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>);
    /// Sends `to[r]` to rank r, and returns at position r the bytes that rank r sent to this rank.
    fn all_to_all(&self, to: Vec<Vec<u8>>) -> Vec<Vec<u8>>;
    /// Reduces `values` element by element over all ranks. Every rank gets the result.
    fn reduce(&self, op: Reduce, values: &mut [i64]);
    /// Starts a non-blocking reduction; [`Pending::finish`] returns its result. At most one reduction of a communicator is in
    /// progress at a time; other calls may be made meanwhile.
    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending>;
    /// Creates a persistent set of messages, each given as `(peer, bytes)`: at most one per peer and direction, to and from other
    /// ranks only. May wait until the peers create their ends. Ends match by `tag`, which is unique among the existing links of
    /// this communicator. Both ends give the same number of bytes, and both start the message equally often.
    fn link(&self, tag: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link>;
    /// Creates an endpoint for messages without buffers. The tag has the same meaning as for [`Transport::link`].
    fn direct(&self, tag: u32) -> Box<dyn Direct>;
    /// Creates a communicator of the ranks that give the same colour, in the rank order of this one.
    fn split(&self, colour: usize) -> Rc<dyn Transport>;
    /// Returns the MPI communicator for use by other libraries; `None` without MPI, and where ranks survive process failures,
    /// since those libraries do not.
    fn raw(&self) -> Option<RawComm>;
    /// Ends all ranks of the job at once with this exit code; any rank may call it alone. An MPI job ends here. An in-process
    /// rank unwinds, and the others unwind where they wait for it.
    fn abort(&self, code: i32) -> !;
}

/// A non-blocking reduction in progress.
pub trait Pending {
    /// Makes progress. Returns true if [`Pending::finish`] would not wait.
    fn poll(&mut self) -> bool;
    /// Waits for the result and returns it, with one value for each one that was given.
    fn finish(self: Box<Self>) -> Vec<i64>;
}

/// A persistent set of messages that owns its buffers, each aligned to 64 bytes.
///
/// The trait is safe to implement, so a buffer may have any length: unsafe code that writes to [`Link::outgoing`] or reads from
/// [`Link::incoming`] through a pointer must check the length first.
pub trait Link {
    /// Returns the buffer of send `i`. Fill it before each [`Link::start`].
    ///
    /// # Panics
    /// Between [`Link::start`] and [`Link::finish`].
    fn outgoing(&mut self, i: usize) -> &mut [u8];
    /// Starts all sends and receives.
    fn start(&mut self);
    /// Makes progress. Returns true if all messages are complete, or none was started.
    fn poll(&mut self) -> bool;
    /// Waits for all messages of the last [`Link::start`], if any.
    fn finish(&mut self);
    /// Returns the buffer of receive `i`: the message of the last round, from [`Link::finish`] to the next [`Link::start`].
    ///
    /// # Panics
    /// Between [`Link::start`] and [`Link::finish`], and before the first [`Link::start`].
    fn incoming(&self, i: usize) -> &[u8];
}

/// A message without a buffer of its own: memory to send to a peer or to receive from it.
#[derive(Clone, Copy, Debug)]
pub struct RawMessage {
    /// The other rank.
    pub peer: usize,
    /// Address of the first byte.
    pub at: *mut u8,
    /// Length in bytes.
    pub bytes: usize,
}

/// Zero-copy messages between arrays of two ranks, whose addresses may change from round to round. The messages of one rank to
/// another match in the order in which both ranks list them.
///
/// # Safety
/// Code outside the implementation frees and reuses memory on the word of these methods. An implementation must
/// * read and write no memory through a [`RawMessage`] other than its `bytes` bytes from `at` on, and write only to receives;
/// * access that memory only from [`Direct::start`] until [`Direct::finish`] has returned, or a method has unwound because another
///   rank failed; and, once [`Direct::poll`] has returned true, only inside [`Direct::finish`].
///
/// So safe code cannot implement it:
/// ```compile_fail,E0200
/// use halocline::comm::{Direct, RawMessage};
/// struct Careless;
/// impl Direct for Careless {
///     unsafe fn start(&mut self, _: &[RawMessage], _: &[RawMessage]) {}
///     fn poll(&mut self) -> bool { true }
///     fn finish(&mut self) {}
/// }
/// ```
pub unsafe trait Direct {
    /// Starts all sends and receives.
    ///
    /// # Panics
    /// If messages of the previous call have not been finished.
    ///
    /// # Safety
    /// From this call on (also if it unwinds) until [`Direct::finish`] returns, the memory of all messages must stay allocated,
    /// nothing may access the memory to be received, and nothing may write to the memory to be sent. Dropping the endpoint
    /// neither cancels nor completes messages: a caller that drops it without [`Direct::finish`] must leak their memory unless
    /// [`Direct::poll`] has returned true.
    unsafe fn start(&mut self, sends: &[RawMessage], receives: &[RawMessage]);
    /// Makes progress. Returns true if [`Direct::finish`] would not wait.
    fn poll(&mut self) -> bool;
    /// Waits for all messages of the last [`Direct::start`], if any.
    fn finish(&mut self);
}
