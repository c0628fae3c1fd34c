//! Non-blocking reductions.
use super::calls::{count, operation};
use super::communicator::Communicator;
use super::requests::Requests;
use crate::comm::in_flight::InFlight;
use crate::comm::transport::{Pending, Reduce};
use mpi::ffi::*;
use std::mem::take;
use std::rc::Rc;

/// A non-blocking reduction in progress, with the values of this rank and the result.
pub(super) struct MpiReduction(InFlight<Requests, (Vec<i64>, Vec<i64>)>);

impl MpiReduction {
    /// Starts the reduction. Collective.
    pub fn start(comm: &Rc<Communicator>, op: Reduce, values: Vec<i64>) -> MpiReduction {
        let result = vec![0; values.len()];
        let mut reduction = InFlight::new(Requests::new(comm), (values, result));
        let (values, result) = &mut *reduction.memory;
        let (from, to) = (values.as_ptr().cast(), result.as_mut_ptr().cast());
        let (n, (data, op)) = (count(values.len()), operation(op));
        // SAFETY: both have `n` 64-bit integers; `reduction` keeps them, and nothing accesses them until MPI has finished.
        reduction.operations.add(|comm, request| unsafe { MPI_Iallreduce(from, to, n, data, op, comm, request) });
        MpiReduction(reduction)
    }
}

impl Pending for MpiReduction {
    fn poll(&mut self) -> bool {
        self.0.operations.test()
    }

    fn finish(mut self: Box<Self>) -> Vec<i64> {
        self.0.operations.wait();
        take(&mut self.0.memory.1)
    }
}
