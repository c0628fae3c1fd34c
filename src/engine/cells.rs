//! Stages on all cells: kernels row by row, and functions of whole tiles.
use crate::base::{Array, Lines, Region};
use crate::engine::coefficients::Scalars;
use crate::engine::core::Core;
use crate::engine::fields::Fields;
use crate::engine::periodic_row::PeriodicRow;
use crate::engine::row_table::{PlaneRows, RowTable};
use crate::engine::scratch::{stream_ends, with_scratch};
use crate::engine::tiles;
use crate::model::argument::BoundArgument;
use crate::model::field::FieldDeclaration;
use crate::model::stage::{Stage, StageId, TileFn};
use halocline_kernels::Extent;
use halocline_kernels::cell::{RowPointers, RowPosition};
use halocline_kernels::kernel::MAX_OUT;
use halocline_kernels::row::Rows;
use halocline_kernels::stream::fence;
use std::ptr::null_mut;

/// The rows of a tile that a stage writes to a field: the address of the first one, and the strides in bytes.
struct Written {
    at: *mut u8,
    row: isize,
    plane: isize,
    periodic: Option<PeriodicRow>,
    lines: Lines,
    /// Bytes of a cell.
    size: usize,
}

impl Written {
    fn of(array: &Array, low: [isize; 3], periodic: Option<PeriodicRow>) -> Written {
        let (row, plane) = (array.row_stride(), array.plane_stride());
        Written { at: array.cell_mut(low), row, plane, periodic, lines: array.lines(), size: array.element().size() }
    }
}

/// Calls `row` for every row of a tile with the table of the rows that the arguments read, and the row's first index. Positions are taken at the location of `field`.
pub(super) fn for_rows(
    fields: &Fields,
    arguments: &[BoundArgument],
    scalars: &Scalars,
    field: usize,
    patch: usize,
    tile: &Region,
    mut row: impl FnMut(&RowPointers, [isize; 3]),
) {
    let FieldDeclaration { grid, location, .. } = fields.declared().fields[field];
    let block = fields.patches(field)[patch].block;
    let axes = &fields.coordinates[&(grid, block, location)];
    let low = tile.low;
    let mut table = RowTable::new();
    for z in low[0]..tile.high[0] {
        table.begin_plane(
            arguments,
            scalars,
            |_, id, [dz, dy]| {
                let array = &fields.now[id][patch];
                PlaneRows { at: array.cell([z + dz, low[1] + dy, low[2]]), stride: array.row_stride(), wraps: None }
            },
            |id, axis, element| {
                let (zero, size) = fields.coefficients.at_zero(id, grid, block, element);
                let first = [z, low[1], low[2]][axis];
                let stride = if axis == 1 { size } else { 0 };
                PlaneRows { at: zero.wrapping_offset(first * size), stride, wraps: None }
            },
        );
        for y in low[1]..tile.high[1] {
            let index = [z, y, low[2]];
            let position = || RowPosition {
                index,
                key: fields.declared().grids[grid].key(block, index),
                zy: [axes[0][z as usize], axes[1][y as usize]],
                x: axes[2][low[2] as usize..].as_ptr(),
            };
            row(table.row(y - low[1], y, |r| r, position), index);
        }
    }
}

/// Runs a kernel on all cells.
pub(super) fn run(core: &mut Core, id: StageId) {
    let program = core.program();
    let stage = program.stage(id);
    let Some(&first) = stage.writes.first() else { return };
    let arguments = stage.arguments();
    let patches = core.fields.patch_regions(first);
    let scalars = Scalars::of(arguments, &core.fields.scalars);
    let kernel = core.kernel(id).clone();
    let Core { comm, fields, halos, timers, .. } = core;
    let threads = comm.threads();
    halos.overlap(comm, fields, timers, stage, &patches, |fields, boxes| {
        let targets = fields.targets(stage);
        let tiles = tiles::tiles(boxes, bytes_per_cell(arguments, &fields.now), fields.cache, threads.count());
        let streams = fields.outgrows_caches(threads.count());
        threads.for_each(tiles.len(), |t| {
            let (patch, tile) = tiles[t];
            let (low, n) = (tile.low, tile.size()[2]);
            let written = |(arrays, &f): (&&[Array], &usize)| Written::of(&arrays[patch], low, fields.periodic_rows[f]);
            let written: Vec<Written> = targets.iter().zip(&stage.writes).map(written).collect();
            // Whole rows are computed in scratch memory, and written from there by non-temporal stores with their halos.
            let whole = fields.patches(first)[patch].region.size()[2] == n;
            let room = |rows: &Written| rows.lines.stride();
            let own = if streams && whole { written.iter().map(room).sum() } else { 0 };
            with_scratch(own, |mut own_rows| {
                let mut own_row = |rows: &Written| {
                    let at = own_rows.wrapping_add(rows.lines.left);
                    own_rows = own_rows.wrapping_add(room(rows));
                    at
                };
                let own_rows: Vec<*mut u8> = if own > 0 { written.iter().map(&mut own_row).collect() } else { vec![] };
                let mut out: Rows = [null_mut(); MAX_OUT];
                for_rows(fields, arguments, &scalars, first, patch, &tile, |table, [z, y, x]| {
                    let place =
                        |rows: &Written| rows.at.wrapping_offset((z - low[0]) * rows.plane + (y - low[1]) * rows.row);
                    for (o, rows) in out.iter_mut().zip(&written) {
                        *o = place(rows);
                    }
                    let to = out;
                    for (o, at) in out.iter_mut().zip(&own_rows) {
                        *o = *at;
                    }
                    // SAFETY: the program has checked the handles of all arguments, so the table matches the kernel's
                    // arguments; halos are valid, or only owned cells are read; written rows are `n` owned cells of
                    // arrays that the stage does not read, or scratch memory of this thread.
                    unsafe {
                        match own {
                            0 => kernel.compute(table, &out, 0..n),
                            _ => kernel.compute_and_stream(table, &out, &to, 0..n),
                        }
                    }
                    for (at, rows) in out.iter().zip(&written) {
                        if let Some(periodic) = &rows.periodic {
                            // SAFETY: the cells were just written; their images in the row's halo belong to this tile alone.
                            unsafe { periodic.fill_halo(*at, x, n as isize) }
                        }
                    }
                    for (at, rows) in own_rows.iter().zip(&written) {
                        // SAFETY: both are rows with all their lines, which in the field belong to no other row; its halo
                        // is stale once the row is written.
                        unsafe { stream_ends(place(rows), *at, rows.lines, n * rows.size) }
                    }
                });
            });
            fence();
        });
    });
    core.swap(stage);
    for &f in &stage.writes {
        core.halos.valid[f].extend(core.fields.periodic_rows[f].map(|periodic| periodic.extent()));
    }
}

/// Runs a stage whose function takes whole tiles as ndarray views.
pub(super) fn run_tiles(core: &mut Core, stage: &Stage, work: &TileFn) {
    let Some(&first) = stage.writes.first() else { return };
    let patches = core.fields.patch_regions(first);
    let Core { comm, fields, halos, timers, .. } = core;
    let threads = comm.threads();
    halos.overlap(comm, fields, timers, stage, &patches, |fields, boxes| {
        let targets = fields.targets(stage);
        let bytes: usize = stage.reads.iter().map(|(f, _)| fields.declared().fields[*f].element.size()).sum();
        let tiles = tiles::tiles(boxes, bytes.max(8), fields.cache, threads.count());
        threads.for_each(tiles.len(), |t| {
            let (patch, tile) = tiles[t];
            let inputs: Vec<&Array> = stage.reads.iter().map(|(f, _)| &fields.now[*f][patch]).collect();
            let outputs: Vec<&Array> = targets.iter().map(|arrays| &arrays[patch]).collect();
            work(&inputs, &outputs, tile);
        });
    });
    core.swap(stage);
}

/// Bytes of all planes that a stencil reads, per cell of a plane.
pub(super) fn bytes_per_cell(arguments: &[BoundArgument], arrays: &[Vec<Array>]) -> usize {
    let field = |argument: &BoundArgument| match argument {
        BoundArgument::Field { id, extent, .. } => {
            let Extent { below, above, .. } = extent;
            arrays[*id].first().map_or(0, |a| a.element().size() * (1 + below[0] + above[0]))
        }
        _ => 0,
    };
    arguments.iter().map(field).sum::<usize>().max(8)
}
