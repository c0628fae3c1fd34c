//! Ranks that are threads of one process. All operations are built from sending to the mailboxes of other ranks and receiving
//! from the rank's own.
mod direct;
mod endpoint;
mod link;
mod mailbox;
mod ranks;
mod reduction;
mod spare_buffers;
mod tag;
mod transport;

pub use ranks::ranks;
pub(super) use ranks::ranks_with_report;
pub(super) use transport::single_rank;
