//! Which halos are valid: what exchanges make valid, and writes make stale.
use crate::model::declarations::Declarations;
use halocline_kernels::Extent;

/// Halos that are exchanged together: fields, and how far.
pub(crate) type Halo = Vec<(usize, Extent)>;

/// Marks halos as valid after an exchange. Corners from earlier exchanges become stale: whole planes travel with theirs.
pub(crate) fn mark_valid(valid: &mut [Vec<Extent>], halo: &Halo) {
    for (f, extent) in halo {
        valid[*f].retain(|r| !r.corners);
        valid[*f].push(*extent);
    }
}

/// Marks the halo of a field that is written as stale, and the halos of the other components of its vector, which become
/// each other where blocks are joined with a rotation.
pub(crate) fn invalidate(declared: &Declarations, valid: &mut [Vec<Extent>], f: usize) {
    valid[f].clear();
    if let Some((vector, _)) = declared.fields[f].vector {
        declared.vectors[vector].iter().flatten().for_each(|&component| valid[component].clear());
    }
}

/// The reads whose halo is stale, without the axes along which it is valid (corners belong to all axes).
pub(crate) fn stale(valid: &[Vec<Extent>], reads: &[(usize, Extent)]) -> Halo {
    let stale = |&(f, extent): &(usize, Extent)| {
        let is_valid = |wanted: &Extent| valid[f].iter().any(|r| r.covers(wanted));
        let mut rest = extent;
        for a in (0..3).filter(|_| !extent.corners) {
            let mut along = Extent::POINTWISE;
            (along.below[a], along.above[a]) = (extent.below[a], extent.above[a]);
            if is_valid(&along) {
                (rest.below[a], rest.above[a]) = (0, 0);
            }
        }
        (!rest.is_pointwise() && !is_valid(&extent)).then_some((f, rest))
    };
    reads.iter().filter_map(stale).collect()
}

/// The part of an extent along x.
pub(crate) fn along_x(extent: &Extent) -> Extent {
    Extent { below: [0, 0, extent.below[2]], above: [0, 0, extent.above[2]], corners: false }
}
