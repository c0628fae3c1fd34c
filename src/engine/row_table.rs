//! The table of row pointers that a kernel reads, for plain and for fused sweeps.
//!
//! A sweep goes through a tile plane by plane and row by row. The addresses of a plane's rows are computed once; from row to
//! row, most pointers advance by a stride, and the few that wrap around are listed.
use crate::engine::coefficients::Scalars;
use crate::model::argument::BoundArgument;
use halocline_kernels::ElementType;
use halocline_kernels::cell::{MAX_ROWS, RowPointers, RowPosition};
use std::cell::Cell;
use std::ptr::null;

/// The rows of an argument in a plane.
pub(super) struct PlaneRows {
    /// The first cell of the tile's first row.
    pub at: *const u8,
    /// Bytes from row to row.
    pub stride: isize,
    /// If the tile extends beyond a periodic end: the address of the row of index 0, and the offset of the argument's row from
    /// the row computed.
    pub wraps: Option<(*const u8, isize)>,
}

/// A pointer of the table in a plane's first row, and its move from row to row.
struct Moving {
    at: *const u8,
    stride: isize,
}

/// A pointer that wraps around.
struct Wrapping {
    slot: usize,
    zero: *const u8,
    stride: isize,
    offset: isize,
}

/// The table of row pointers during a sweep through a tile.
pub(super) struct RowTable {
    moving: Vec<Moving>,
    wrapping: Vec<Wrapping>,
    table: Box<RowPointers>,
    /// The position of the row, for kernels that ask: the table points to it.
    position: Box<Cell<RowPosition>>,
    asks_position: bool,
}

impl RowTable {
    pub fn new() -> RowTable {
        let position = RowPosition { index: [0; 3], key: 0, zy: [0.0; 2], x: null() };
        RowTable {
            moving: Vec::with_capacity(MAX_ROWS),
            wrapping: vec![],
            table: Box::new([null(); MAX_ROWS]),
            position: Box::new(Cell::new(position)),
            asks_position: false,
        }
    }

    /// Starts a plane. `field(n, id, [dz, dy])` gives the rows at this offset of the `n`th argument that is a field;
    /// `profile(id, axis, element)` gives the coefficients of a profile.
    pub fn begin_plane(
        &mut self,
        arguments: &[BoundArgument],
        scalars: &Scalars,
        mut field: impl FnMut(usize, usize, [isize; 2]) -> PlaneRows,
        mut profile: impl FnMut(usize, usize, ElementType) -> PlaneRows,
    ) {
        self.moving.clear();
        self.wrapping.clear();
        let mut n = 0;
        for (i, argument) in arguments.iter().enumerate() {
            match argument {
                BoundArgument::Field { id, rows, .. } => {
                    rows.iter().for_each(|&offset| self.push(field(n, *id, offset)));
                    n += 1;
                }
                BoundArgument::Scalar { .. } => self.push(PlaneRows { at: scalars.at(i), stride: 0, wraps: None }),
                BoundArgument::Profile { id, axis, element } => self.push(profile(*id, *axis, *element)),
                BoundArgument::Position => {
                    self.asks_position = true;
                    let at = self.position.as_ptr().cast_const().cast();
                    self.push(PlaneRows { at, stride: 0, wraps: None });
                }
            }
        }
    }

    fn push(&mut self, PlaneRows { at, stride, wraps }: PlaneRows) {
        if let Some((zero, offset)) = wraps {
            self.wrapping.push(Wrapping { slot: self.moving.len(), zero, stride, offset });
        }
        self.moving.push(Moving { at, stride });
    }

    /// The table of row `r`, the `i`th of the plane. `wrapped` gives the index of a row as it is counted in the grid, and
    /// `position` gives the position of the first cell.
    #[inline(always)]
    pub fn row(
        &mut self,
        i: isize,
        r: isize,
        wrapped: impl Fn(isize) -> isize,
        position: impl FnOnce() -> RowPosition,
    ) -> &RowPointers {
        for (entry, moving) in self.table.iter_mut().zip(&self.moving) {
            *entry = moving.at.wrapping_offset(i * moving.stride);
        }
        for w in &self.wrapping {
            self.table[w.slot] = w.zero.wrapping_offset(wrapped(r + w.offset) * w.stride);
        }
        if self.asks_position {
            self.position.set(position());
        }
        &self.table
    }
}
