//! A forward read with a backward stencil.
use halocline_kernels::prelude::*;
use halocline_kernels::row::erase;
use std::sync::Arc;

struct Against;
impl Kernel<f64> for Against {
    type Reads = (Backward<1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
        [t.y::<1>()]
    }
}

fn main() {
    let _ = erase::<f64, _>(&Arc::new(Against), InstructionSet::Baseline);
}
