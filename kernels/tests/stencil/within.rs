//! All reads that stencils allow: the ends of a star, the corners of a cube, the open side of one-sided arms.
use halocline_kernels::prelude::*;
use halocline_kernels::row::erase;
use std::sync::Arc;

struct Within;
impl Kernel<f64> for Within {
    type Reads = (Star<2>, Cube<1>, Backward<1>);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (star, cube, behind): Near<'_, f64, Self>) -> [f64; 1] {
        let ends = star.x::<-2>() + star.x::<2>() + star.y::<-2>() + star.y::<2>() + star.z::<-2>() + star.z::<2>();
        [ends + cube.at::<-1, 1, -1>() + behind.x::<-1>() + behind.here()]
    }
}

fn main() {
    let _ = erase::<f64, _>(&Arc::new(Within), InstructionSet::Baseline);
}
