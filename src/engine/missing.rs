//! The report of cells for which a file of initial values has no value.
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use crate::engine::fields::Fields;
use crate::model::field::Initial;
use crate::model::grid::AXES;

/// Adds up what all ranks have found, and reports it: an error, or a note on rank 0 where the file has a value for such
/// cells. Collective.
///
/// # Errors
/// If a field has cells without a value and none to fill them with, or infinite values.
pub(super) fn report(comm: &Comm, fields: &Fields) -> Result<()> {
    for (f, declared) in fields.declared().fields.iter().enumerate() {
        let Initial::File(input) = &declared.initial else { continue };
        let found = fields.missing[f];
        let (mut counts, mut first) = ([found.missing, found.infinite], [found.first_missing, found.first_infinite]);
        comm.reduce(Reduce::Sum, &mut counts);
        comm.reduce(Reduce::Min, &mut first);
        let grid = fields.grid_of(f);
        let all = grid.total_cells();
        let place = |key: i64| {
            let (block, index) = grid.cell_of(key as u64);
            let at = |a: usize| grid.block(block).coordinate(a, index[a] as isize, declared.location);
            let axes = (0..3).filter(|&a| !grid.is_flat(a));
            let position: Vec<String> = axes.map(|a| format!("{} = {} m", AXES[a], at(a))).collect();
            format!("at [z, y, x] = {index:?} ({})", position.join(", "))
        };
        let of = format!("the field `{}`: {}: {}", declared.name, input.file, input.variable);
        if counts[1] > 0 {
            let (n, at, element) = (counts[1], place(first[1]), declared.element.name());
            return Err(Error::input(format!("{of}: {n} of {all} values are infinite as {element}, the first {at}")));
        }
        if counts[0] > 0 {
            let what = format!("{of}: {} of {all} values are missing, the first {}", counts[0], place(first[0]));
            match input.fill {
                None => {
                    return Err(Error::input(what).remedy(
                        "to give these cells a value, set it in the table of the file: \
                         initial = { file = …, variable = …, fill = 0.0 }",
                    ));
                }
                Some(fill) if comm.is_root() => message!("note: {what}; they are set to {fill:?}"),
                Some(_) => {}
            }
        }
    }
    Ok(())
}
