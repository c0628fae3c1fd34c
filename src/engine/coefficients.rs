//! Scalars and coefficients along axes that kernels read, in the precision of the kernel and aligned.
use crate::model::argument::BoundArgument;
use crate::model::declarations::Declarations;
use halocline_kernels::ElementType;
use halocline_kernels::cell::PROFILE_EXTENT;
use std::collections::BTreeMap;

/// A number in the precision that an argument asks for.
#[derive(Clone, Copy)]
pub(super) union ScalarValue {
    single: f32,
    double: f64,
}

/// The scalars that the arguments of a stage read; one entry for each argument.
pub(super) struct Scalars(Vec<ScalarValue>);

impl Scalars {
    pub fn of(arguments: &[BoundArgument], values: &[f64]) -> Scalars {
        let number = |argument: &BoundArgument| match argument {
            BoundArgument::Scalar { id, element: ElementType::F32 } => ScalarValue { single: values[*id] as f32 },
            BoundArgument::Scalar { id, .. } => ScalarValue { double: values[*id] },
            _ => ScalarValue { double: 0.0 },
        };
        Scalars(arguments.iter().map(number).collect())
    }

    /// The number of argument `i`, aligned for an `f64`.
    pub fn at(&self, i: usize) -> *const u8 {
        (&raw const self.0[i]).cast()
    }
}

/// Coefficients along an axis of a block, in both precisions, including positions beyond the block for kernels that read neighbours.
struct ProfileTable {
    single: Vec<f32>,
    double: Vec<f64>,
}

/// The coefficients of all profiles on all blocks of all grids.
pub(super) struct Coefficients {
    /// By profile, grid and block.
    tables: BTreeMap<(usize, usize, usize), ProfileTable>,
}

/// Coefficients beyond the block on each side.
const BEYOND: isize = PROFILE_EXTENT as isize;

impl Coefficients {
    pub fn of(declared: &Declarations) -> Coefficients {
        let mut tables = BTreeMap::new();
        for (g, grid) in declared.grids.iter().enumerate() {
            for (b, block) in grid.all_blocks().iter().enumerate() {
                for (p, profile) in declared.profiles.iter().enumerate() {
                    let places = -BEYOND..block.cells[profile.axis] as isize + BEYOND;
                    let position = |i| block.coordinate(profile.axis, i, profile.location);
                    let double: Vec<f64> = places.map(|i| (profile.value)(position(i))).collect();
                    let single = double.iter().map(|v| *v as f32).collect();
                    tables.insert((p, g, b), ProfileTable { single, double });
                }
            }
        }
        Coefficients { tables }
    }

    /// The address of the coefficient of index 0, and the bytes of a coefficient.
    pub fn at_zero(&self, profile: usize, grid: usize, block: usize, element: ElementType) -> (*const u8, isize) {
        let table = &self.tables[&(profile, grid, block)];
        match element {
            ElementType::F32 => (table.single.as_ptr().wrapping_offset(BEYOND).cast(), size_of::<f32>() as isize),
            _ => (table.double.as_ptr().wrapping_offset(BEYOND).cast(), size_of::<f64>() as isize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grid, Model};

    #[test]
    fn numbers_are_aligned() {
        let scalar = |element| BoundArgument::Scalar { id: 0, element };
        let scalars = Scalars::of(&[scalar(ElementType::F32), scalar(ElementType::F64)], &[0.1]);
        assert!((0..2).all(|i| (scalars.at(i) as usize).is_multiple_of(align_of::<f64>())));
        // SAFETY: the arguments have these types.
        let read = unsafe { (*scalars.at(0).cast::<f32>(), *scalars.at(1).cast::<f64>()) };
        assert_eq!(read, (0.1_f32, 0.1));
        let mut model = Model::new(crate::Comm::alone(), Grid::new([4, 8]));
        model.profile::<2>(|x| 8.0 * x);
        let coefficients = Coefficients::of(&model.declared);
        for element in [ElementType::F32, ElementType::F64] {
            let (at, size) = coefficients.at_zero(0, 0, 0, element);
            assert!((at as usize).is_multiple_of(size as usize));
            assert_eq!(size as usize, element.size());
        }
    }
}
