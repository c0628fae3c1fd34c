//! Memory that a non-blocking operation uses.
use std::mem::ManuallyDrop;

/// Non-blocking operations that may access memory in the background.
pub(super) trait Operations {
    /// Returns true if the operations may still access their memory. Does not wait, and does not unwind.
    fn may_access_memory(&self) -> bool;
}

/// Operations together with the memory that they use. If they are still in progress when the value is dropped, as during
/// unwinding, the memory is leaked: to free it would be a use after free, and to wait could be forever.
///
/// The memory must be on the heap and not move as `M` moves: `Vec` or `Buffer`, not arrays.
pub(super) struct InFlight<O: Operations, M> {
    pub operations: O,
    pub memory: ManuallyDrop<M>,
}

impl<O: Operations, M> InFlight<O, M> {
    /// Takes ownership of the memory, before the first operation on it starts.
    pub fn new(operations: O, memory: M) -> InFlight<O, M> {
        InFlight { operations, memory: ManuallyDrop::new(memory) }
    }
}

impl<O: Operations, M> Drop for InFlight<O, M> {
    fn drop(&mut self) {
        if !self.operations.may_access_memory() {
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.memory) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    struct Fake(Rc<Cell<bool>>);

    impl Operations for Fake {
        fn may_access_memory(&self) -> bool {
            self.0.get()
        }
    }

    #[test]
    fn memory_in_use_is_leaked_when_a_panic_unwinds_and_freed_otherwise() {
        for in_progress in [true, false] {
            let memory = Rc::new(vec![1, 2, 3]);
            let (started, copy) = (Rc::new(Cell::new(in_progress)), memory.clone());
            let unwound = crate::comm::panics::catch(true, || {
                let _operation = InFlight::new(Fake(started), copy);
                panic!("between the start and the end of the operation")
            });
            assert!(unwound.is_err());
            assert_eq!(Rc::strong_count(&memory), if in_progress { 2 } else { 1 });
        }
    }
}
