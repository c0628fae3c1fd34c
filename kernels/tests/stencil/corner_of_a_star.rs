//! A star has no corners.
use halocline_kernels::prelude::*;
use halocline_kernels::row::erase;
use std::sync::Arc;

struct Corner;
impl Kernel<f64> for Corner {
    type Reads = (Star<1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
        [t.at::<0, 1, 1>()]
    }
}

fn main() {
    let _ = erase::<f64, _>(&Arc::new(Corner), InstructionSet::Baseline);
}
