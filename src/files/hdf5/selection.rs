//! Selections of boxes in a dataset.
use super::error::check;
use crate::base::hyperslab::Selection;
use ::hdf5::sync::sync;
use ::hdf5::{Dataset, Dataspace, Result};
use hdf5_sys::h5::hsize_t;
use hdf5_sys::h5s;

/// Selects the union of boxes of a dataset. Returns the dataspace of a contiguous buffer in memory, and the dataset's.
pub(super) fn select(dataset: &Dataset, selections: &[Selection]) -> Result<(Dataspace, Dataspace)> {
    let place = dataset.space()?;
    // SAFETY: the dataspace is alive, and every array holds one number per axis of it.
    check(sync(|| unsafe { h5s::H5Sselect_none(place.id()) }))?;
    for (start, count) in selections {
        assert!(start.len() == place.ndim() && count.len() == place.ndim(), "a box needs a start and a size per axis");
        let (start, count): (Vec<hsize_t>, Vec<hsize_t>) =
            start.iter().zip(count).map(|(&s, &c)| (s as hsize_t, c as hsize_t)).unzip();
        // SAFETY: as above; no stride and no block mean one.
        check(sync(|| unsafe {
            let or = h5s::H5S_seloper_t::H5S_SELECT_OR;
            h5s::H5Sselect_hyperslab(place.id(), or, start.as_ptr(), std::ptr::null(), count.as_ptr(), std::ptr::null())
        }))?;
    }
    let numbers = if selections.is_empty() { 0 } else { place.selection_size() };
    let memory = Dataspace::try_new(numbers.max(1))?;
    if numbers == 0 {
        // SAFETY: the dataspace is alive.
        check(sync(|| unsafe { h5s::H5Sselect_none(memory.id()) }))?;
    }
    Ok((memory, place))
}
