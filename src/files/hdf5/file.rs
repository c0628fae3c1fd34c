//! Creating and opening files.
use super::attributes::text;
use crate::comm::RawComm;
use ::hdf5::{Dataset, File, Result};
use std::path::Path;

/// Creates a file (replacing any other), with members in creation order and no time stamps.
pub(crate) fn create(path: &Path) -> Result<File> {
    use ::hdf5::file::{AttrCreationOrder, LinkCreationOrder};
    let mut options = File::with_options();
    options.with_fcpl(|p| {
        p.obj_track_times(false)
            .link_creation_order(LinkCreationOrder::Indexed)
            .attr_creation_order(AttrCreationOrder::Indexed)
    });
    options.create(path)
}

/// Creates a file of format version 1.10, whose metadata has checksums. Older tools may not read it.
pub(crate) fn create_checked(path: &Path) -> Result<File> {
    let mut options = File::with_options();
    options.with_fapl(|p| p.libver_v110()).with_fcpl(|p| p.obj_track_times(false)).create(path)
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path)
}

/// Opens a file for reading and writing by this process alone.
pub(crate) fn open_for_writing(path: &Path) -> Result<File> {
    File::open_rw(path)
}

/// Opens a file for writing by all ranks together. Collective, as are all operations on the file that it returns.
#[cfg(feature = "mpi")]
pub(crate) fn open_shared(path: &Path, comm: &RawComm) -> Result<File> {
    let mut options = File::with_options();
    options.with_fapl(|p| p.mpio(comm.handle(), None).all_coll_metadata_ops(true).coll_metadata_write(true));
    options.open_rw(path)
}

/// Without MPI there is no communicator, so this cannot be called.
#[cfg(not(feature = "mpi"))]
pub(crate) fn open_shared(_: &Path, comm: &RawComm) -> Result<File> {
    match *comm {}
}

/// The paths of all datasets of a file, those in groups too, without a leading slash; dimensions without values of their own
/// are left out.
pub(crate) fn dataset_names(file: &File) -> Result<Vec<String>> {
    const DEEPEST: usize = 8;
    let (mut names, mut open) = (vec![], vec![(file.group("/")?, 0)]);
    while let Some((group, depth)) = open.pop() {
        let sets = group.datasets()?;
        let own = sets.iter().filter(|data| !is_mere_dimension(data)).map(|data| data.name());
        names.extend(own.map(|name| name.trim_start_matches('/').to_owned()));
        if depth < DEEPEST {
            open.extend(group.groups()?.into_iter().map(|group| (group, depth + 1)));
        }
    }
    Ok(names)
}

/// True for a dataset that the NetCDF library made for a dimension without a coordinate.
pub(crate) fn is_mere_dimension(data: &Dataset) -> bool {
    text(data, "NAME").is_some_and(|name| name.starts_with("This is a netCDF dimension but not a netCDF variable"))
}
