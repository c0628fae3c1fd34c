//! The ownership of the run directory: only the latest attempt may write there.
use crate::base::Result;
use crate::comm::Comm;
use crate::saved::attempt::Fence;
use std::path::Path;

/// Whether the run directory still belongs to this attempt.
pub struct Ownership {
    /// On rank 0.
    fence: Option<Fence>,
    lost: bool,
}

impl Ownership {
    /// Ownership as established by `fence` on rank 0; the other ranks have none.
    pub fn new(fence: Option<Fence>) -> Ownership {
        Ownership { fence, lost: false }
    }

    /// The fence, on rank 0.
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    /// Follows the run directory to another name. Returns the fence there, on rank 0.
    pub fn move_to(&mut self, dir: &Path) -> Option<Fence> {
        self.fence = self.fence.as_ref().map(|fence| fence.moved(dir));
        self.lost = false;
        self.fence.clone()
    }

    /// Collective.
    ///
    /// # Errors
    /// On all ranks, if another attempt has taken over the directory.
    pub fn check(&mut self, comm: &Comm) -> Result<()> {
        let owned = comm.agree(self.fence.as_ref().map_or(Ok(()), Fence::check));
        self.lost |= owned.is_err();
        owned
    }

    /// True once a check has failed: this attempt must not write or remove anything in the directory.
    pub fn is_lost(&self) -> bool {
        self.lost
    }
}
