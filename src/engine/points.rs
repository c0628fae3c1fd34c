//! Updates of single cells.
use crate::base::{Error, Region, Result};
use crate::engine::core::Core;
use crate::engine::with_element;
use crate::model::stage::PointUpdate;

/// Updates one cell of a field on the rank that owns it: `update` computes the new real part from the old one and `number`.
///
/// # Errors
/// If the grid has no such cell.
pub(super) fn update(
    core: &mut Core,
    f: usize,
    block: usize,
    index: [usize; 3],
    number: f64,
    update: &PointUpdate,
) -> Result<()> {
    let grid = core.fields.grid_of(f);
    let inside = block < grid.all_blocks().len() && (0..3).all(|a| index[a] < grid.block(block).cells[a]);
    let (name, element) = (&core.fields.declared().fields[f].name, core.fields.declared().fields[f].element);
    if !inside {
        return Err(Error::failure(format!("`{name}` has no cell {index:?} in block {block}")));
    }
    let cell = Region::of([1; 3]).shift(index.map(|i| i as isize));
    for (rank, patch, _) in core.fields.domain_of(f).owners(block, &cell) {
        if rank == core.comm.rank() {
            with_element!(element, T => {
                let mut cells = core.fields.now[f][patch].view_mut::<T>(&cell);
                let value = &mut cells[[0, 0, 0]];
                let [re, im] = halocline_kernels::Element::parts(*value);
                *value = halocline_kernels::Element::from_parts([update(re, number), im]);
            });
        }
    }
    Ok(())
}
