//! Dimension scales: the HDF5 "high level" library, for which the crates have no binding.
use super::error::check;
use ::hdf5::sync::sync;
use ::hdf5::{Dataset, Result};
use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::hid_t;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};

unsafe extern "C" {
    fn H5DSset_scale(dataset: hid_t, name: *const c_char) -> herr_t;
    fn H5DSattach_scale(dataset: hid_t, scale: hid_t, axis: c_uint) -> herr_t;
    fn H5DSis_scale(dataset: hid_t) -> c_int;
    fn H5DSiterate_scales(
        dataset: hid_t,
        axis: c_uint,
        index: *mut c_int,
        visit: unsafe extern "C" fn(hid_t, c_uint, hid_t, *mut c_void) -> herr_t,
        data: *mut c_void,
    ) -> herr_t;
}

/// Makes a one-dimensional dataset the coordinate of dimension `name`.
pub(crate) fn make_scale(dataset: &Dataset, name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| format!("the name {name:?} holds a zero byte"))?;
    // SAFETY: the dataset is alive and the name ends with a zero.
    check(sync(|| unsafe { H5DSset_scale(dataset.id(), name.as_ptr()) }))
}

/// Attaches a scale to axis `axis` of a dataset, which takes its name.
pub(crate) fn attach_scale(dataset: &Dataset, scale: &Dataset, axis: usize) -> Result<()> {
    // SAFETY: both datasets are alive; the library checks the axis.
    check(sync(|| unsafe { H5DSattach_scale(dataset.id(), scale.id(), axis as c_uint) }))
}

/// The name of each axis of a dataset: the name of its scale, or `dimN` without one. The axis of a scale has the scale's
/// name.
pub(crate) fn axis_names(dataset: &Dataset) -> Vec<String> {
    // SAFETY: the dataset is alive.
    let own = sync(|| unsafe { H5DSis_scale(dataset.id()) }) > 0;
    let short = |path: String| path.rsplit('/').next().unwrap_or_default().to_string();
    (0..dataset.ndim())
        .map(|axis| {
            if own {
                return short(dataset.name());
            }
            let mut found = String::new();
            // SAFETY: the dataset is alive; `visit` gets the address of `found`, which outlives the call, and nothing
            // else refers to it meanwhile.
            sync(|| unsafe {
                let data = (&raw mut found).cast();
                H5DSiterate_scales(dataset.id(), axis as c_uint, std::ptr::null_mut(), first_name, data)
            });
            if found.is_empty() { format!("dim{axis}") } else { short(found) }
        })
        .collect()
}

/// Stores the name of the scale and ends the iteration.
///
/// # Safety
/// `data` is the address of a `String` that nothing else uses.
unsafe extern "C" fn first_name(_: hid_t, _: c_uint, scale: hid_t, data: *mut c_void) -> herr_t {
    let mut name = [0u8; 1024];
    // SAFETY: the scale is alive during the visit, and the library writes at most `len` bytes, the last of them zero.
    let n = unsafe { hdf5_sys::h5i::H5Iget_name(scale, name.as_mut_ptr().cast(), name.len()) };
    let n = (n.max(0) as usize).min(name.len() - 1);
    // SAFETY: the caller's promise.
    unsafe { *data.cast::<String>() = String::from_utf8_lossy(&name[..n]).into_owned() };
    1
}
