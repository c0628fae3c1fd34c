//! Transfers: the cells of fields that a rank receives from other ranks or copies itself.
use crate::base::Region;
use crate::base::index_transform::IndexTransform;
use crate::model::declarations::Declarations;
use crate::model::grid::Grid;
use crate::program::copies::{self, CopyRegion};
use crate::program::domain::Domain;
use crate::program::halo_validity::Halo;
use crate::program::layout::Layout;
use halocline_kernels::{ElementType, Extent};
use std::collections::BTreeMap;

/// A copy of cells of one field into another (usually the same), with the sign changed where a vector component is
/// reversed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// The cells, with the patches that they are copied from and to.
    pub copy: CopyRegion,
    /// The field read.
    pub from: usize,
    /// The field written.
    pub to: usize,
    /// Whether the copy changes the sign of the values.
    pub negate: bool,
    /// The element type of both fields.
    pub element: ElementType,
    /// Whether the cells are one contiguous range of memory on both sides, large enough for a message of their own.
    pub contiguous: bool,
}

impl Transfer {
    /// Makes the transfer of a copy of cells of field `f`. Where the axes of the two sides are joined with a rotation, the
    /// component of a vector is read from the component along the rotated axis.
    fn new(declared: &Declarations, domain: &Domain, f: usize, copy: CopyRegion) -> Transfer {
        let d = &declared.fields[f];
        let (mut from, mut negate) = (f, false);
        if let Some((vector, axis)) = d.vector
            && !copy.transform.is_shift()
        {
            let to = copy.transform.to[axis];
            from = declared.vectors[vector][to.axis].unwrap_or(f);
            negate = to.reversed;
        }
        let contiguous = from == f && !negate && can_be_direct(declared, domain, &copy, d.element);
        Transfer { copy, from, to: f, negate, element: d.element, contiguous }
    }

    /// Returns the bytes of the cells.
    pub fn bytes(&self) -> usize {
        self.copy.target.cells() * self.element.size()
    }
}

/// Rows of fewer bytes are packed: it is faster to pack them than to send them together with the halo at their ends.
const SHORT: usize = 256;

/// Returns true if the cells of a copy are one contiguous range of memory on both sides, large enough for a message of
/// their own.
pub(crate) fn can_be_direct(declared: &Declarations, domain: &Domain, copy: &CopyRegion, element: ElementType) -> bool {
    let [bytes, row] = [copy.target.cells(), copy.target.size()[2]].map(|cells| cells * element.size());
    bytes >= declared.direct && row >= SHORT.min(declared.direct) && copies::is_contiguous(domain, copy)
}

/// Returns the transfers that fill these halos of a rank: all halo cells that some rank owns.
pub(crate) fn of_halos(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    transfers(declared, domains, halo, |grid, domain, extent| copies::halo(grid, domain, rank, extent))
}

/// Returns the transfers that fill these halos of a rank row by row: all halo rows that some rank owns, with the halo
/// cells at both ends of a row. The axes of both sides have the same order and direction.
pub(crate) fn of_rows(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    rank: usize,
) -> Vec<Transfer> {
    transfers(declared, domains, halo, |grid, domain, extent| {
        let mut rows = *extent;
        (rows.below[2], rows.above[2]) = (0, 0);
        let mut copies = copies::halo(grid, domain, rank, &rows);
        for Region { low, high } in copies.iter_mut().map(|copy| &mut copy.target) {
            low[2] -= extent.below[2] as isize;
            high[2] += extent.above[2] as isize;
        }
        copies
    })
}

/// Returns the transfers for the copies that `copies` finds for the halo of each field.
fn transfers(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    halo: &Halo,
    copies: impl Fn(&Grid, &Domain, &Extent) -> Vec<CopyRegion>,
) -> Vec<Transfer> {
    let mut transfers = vec![];
    for (f, extent) in halo {
        let d = &declared.fields[*f];
        let domain = &domains[&(d.grid, d.whole)];
        let copies = copies(&declared.grids[d.grid], domain, extent);
        transfers.extend(copies.into_iter().map(|copy| Transfer::new(declared, domain, *f, copy)));
    }
    transfers
}

/// Returns the transform of a transpose from grid `from`, with the offsets of its reversed axes filled in.
pub(crate) fn offsets_of_transpose(mut transform: IndexTransform, from: &Grid) -> IndexTransform {
    for a in (0..3).filter(|&a| transform.to[a].reversed) {
        transform.offset[a] = from.cells()[transform.to[a].axis] as isize - 1;
    }
    transform
}
