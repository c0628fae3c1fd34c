//! Two cells away with a stencil of radius one.
use halocline_kernels::prelude::*;
use halocline_kernels::row::erase;
use std::sync::Arc;

struct TooFar;
impl Kernel<f64> for TooFar {
    type Reads = (Star<1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
        [t.x::<2>()]
    }
}

fn main() {
    let _ = erase::<f64, _>(&Arc::new(TooFar), InstructionSet::Baseline);
}
