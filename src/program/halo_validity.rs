//! Halo validity: an exchange makes halos valid, and a write to a field makes its halo stale.
use crate::model::declarations::Declarations;
use halocline_kernels::Extent;

/// Halos that are exchanged together: field ids and stencil extents.
pub(crate) type Halo = Vec<(usize, Extent)>;

/// Marks halos as valid after an exchange. Earlier halos with corners become stale, because the exchange of whole
/// planes may overwrite their corner cells with older values.
pub(crate) fn mark_valid(valid: &mut [Vec<Extent>], halo: &Halo) {
    for (f, extent) in halo {
        valid[*f].retain(|r| !r.corners);
        valid[*f].push(*extent);
    }
}

/// Marks the halo of a field as stale after a write, and the halos of the other components of its vector, because a
/// rotated join maps the components to each other.
pub(crate) fn invalidate(declared: &Declarations, valid: &mut [Vec<Extent>], f: usize) {
    valid[f].clear();
    if let Some((vector, _)) = declared.fields[f].vector {
        declared.vectors[vector].iter().flatten().for_each(|&component| valid[component].clear());
    }
}

/// Returns the fields that are read with a stale halo, and the stale extents. Axes along which a halo is valid are left
/// out, unless the stencil has corners.
pub(crate) fn stale(valid: &[Vec<Extent>], reads: &[(usize, Extent)]) -> Halo {
    let stale = |&(f, extent): &(usize, Extent)| {
        let is_valid = |read: &Extent| valid[f].iter().any(|r| r.covers(read));
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

/// Returns the part of an extent along x.
pub(crate) fn along_x(extent: &Extent) -> Extent {
    Extent { below: [0, 0, extent.below[2]], above: [0, 0, extent.above[2]], corners: false }
}
