//! Whether the numbers of a dataset can be read: what can be found out without reading them.
use ::hdf5::Dataset;
use ::hdf5::sync::sync;
use hdf5_sys::{h5p, h5z};
use std::path::{Path, PathBuf};

/// Returns the numbers of the filters (compression methods) that this HDF5 library lacks and the dataset needs.
pub(crate) fn check_filters(dataset: &Dataset) -> Vec<i32> {
    let Ok(list) = dataset.dcpl() else { return vec![] };
    // SAFETY: the id of the list is alive. No buffer for parameters or a name is given, so nothing is written to one.
    sync(|| unsafe {
        let filters = (0..h5p::H5Pget_nfilters(list.id()).max(0)).map(|i| {
            let (mut flags, mut parameters) = (0, 0);
            let (none, no_name) = (std::ptr::null_mut(), std::ptr::null_mut());
            h5p::H5Pget_filter2(
                list.id(),
                i as u32,
                &mut flags,
                &mut parameters,
                none,
                0,
                no_name,
                std::ptr::null_mut(),
            )
        });
        filters.filter(|&id| id > 0 && h5z::H5Zfilter_avail(id) <= 0).collect()
    })
}

/// Returns the first source file of a virtual dataset in file `path` that does not exist; HDF5 reads its part as fill
/// values.
pub(crate) fn check_sources(dataset: &Dataset, path: &Path) -> Option<PathBuf> {
    let sources = dataset.dcpl().and_then(|list| list.get_virtual_map()).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    // "." is the file itself; a name with % stands for a sequence of files.
    let names = sources.into_iter().map(|s| s.src_filename).filter(|name| name != "." && !name.contains('%'));
    names.map(|name| folder.join(name)).find(|source| !source.exists())
}
