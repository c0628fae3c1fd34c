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
    const MOST_GROUPS: usize = 1000;
    let mut visited = 0;
    let (mut names, mut open) = (vec![], vec![(file.group("/")?, 0)]);
    while let Some((group, depth)) = open.pop() {
        visited += 1;
        // What cannot be opened, such as a link to nothing, is left out.
        for name in group.member_names()? {
            if let Ok(data) = group.dataset(&name) {
                if !is_mere_dimension(&data) {
                    names.push(data.name().trim_start_matches('/').to_owned());
                }
            } else if depth < DEEPEST
                && visited + open.len() < MOST_GROUPS
                && let Ok(inner) = group.group(&name)
            {
                open.push((inner, depth + 1));
            }
        }
    }
    Ok(names)
}

/// True for a dataset that the NetCDF library made for a dimension without a coordinate.
pub(crate) fn is_mere_dimension(data: &Dataset) -> bool {
    text(data, "NAME").is_some_and(|name| name.starts_with("This is a netCDF dimension but not a netCDF variable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_nothing_do_not_hide_other_datasets() {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&dir.path().join("a.h5")).unwrap();
        file.link_soft("/none", "dangling").unwrap();
        file.new_dataset::<f64>().shape([2]).create("a").unwrap();
        file.create_group("g").unwrap().new_dataset::<f64>().shape([2]).create("b").unwrap();
        file.group("g").unwrap().link_soft("/", "again").unwrap();
        let mut names = dataset_names(&file).unwrap();
        names.sort();
        names.dedup();
        assert_eq!(names.first().map(String::as_str), Some("a"));
        assert!(names.contains(&"g/b".to_string()), "{names:?}");
    }
}
