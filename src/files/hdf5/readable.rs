//! Whether the numbers of a dataset can be read: what can be found out without reading them.
use ::hdf5::sync::sync;
use ::hdf5::types::TypeDescriptor;
use ::hdf5::{Dataset, File};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5p, h5s, h5z};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_char;
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

/// Why a virtual dataset has no values in some of its cells, where HDF5 reads fill values without a message.
#[derive(Debug, PartialEq)]
pub(crate) enum VirtualFault {
    /// This source file does not exist.
    Missing(PathBuf),
    /// Another fault.
    Other(String),
}

/// Checks that all source datasets of a virtual dataset in file `path` can be opened and fill it. A fill value of NaN stands for
/// missing values, so a dataset that has it may have cells without a source.
///
/// # Errors
/// If a source does not exist or cannot be read, if the list of sources cannot be read, or if it does not fill the dataset.
pub(crate) fn check_sources(dataset: &Dataset, path: &Path) -> Result<(), VirtualFault> {
    const DEEPEST: usize = 16;
    check_sources_within(dataset, path, DEEPEST)
}

/// The part of a virtual dataset that comes from one source dataset.
struct Mapping {
    file: String,
    dataset: String,
    /// The cells that it fills; none if the number may grow.
    cells: Option<u64>,
    /// The first index beyond the cells that are read, along each axis of the source; none if all are read, or if the number may
    /// grow.
    end: Option<Vec<u64>>,
}

fn check_sources_within(dataset: &Dataset, path: &Path, depth: usize) -> Result<(), VirtualFault> {
    let Some(mappings) = mappings(dataset)
        .ok_or_else(|| VirtualFault::Other("its list of source files cannot be read by this HDF5 library".into()))?
    else {
        return Ok(());
    };
    if depth == 0 {
        return Err(VirtualFault::Other("its sources are virtual themselves, without end".into()));
    }
    let mut open: HashMap<PathBuf, File> = HashMap::new();
    for mapping in &mappings {
        let own = (mapping.file == ".").then(|| path.to_path_buf());
        let source = match own {
            Some(own) => own,
            None => locate(path, &first_of_sequence(&mapping.file)).map_err(VirtualFault::Missing)?,
        };
        let file = match open.entry(source.clone()) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let opened = super::open(&source);
                place.insert(opened.map_err(|e| VirtualFault::Other(super::explain("read", &source, e).what().into()))?)
            }
        };
        let name = first_of_sequence(&mapping.dataset);
        let found = file.dataset(&name).map_err(|_| {
            VirtualFault::Other(format!("its source {} has no dataset {name:?}, or it is damaged", source.display()))
        })?;
        let shape = found.shape();
        let has = |end: &Vec<u64>| end.len() == shape.len() && end.iter().zip(&shape).all(|(&end, &n)| end <= n as u64);
        let is_enough = match (&mapping.end, mapping.cells) {
            (Some(end), _) => has(end),
            (None, Some(cells)) => found.size() as u64 >= cells,
            (None, None) => true,
        };
        if !is_enough {
            let why = format!(
                "its source {}, dataset {name:?}, has the shape {shape:?}, which is less than it reads from it",
                source.display()
            );
            return Err(VirtualFault::Other(why));
        }
        check_sources_within(&found, &source, depth - 1)?;
    }
    let all = dataset.size() as u64;
    let filled = mappings.iter().try_fold(0u64, |sum, mapping| Some(sum.saturating_add(mapping.cells?)));
    match filled {
        Some(filled) if filled < all && !has_nan_fill(dataset) => {
            Err(VirtualFault::Other(format!("its source files have {filled} of its {all} values")))
        }
        _ => Ok(()),
    }
}

/// The parts of a virtual dataset, `Some(None)` for a dataset that is not virtual; `None` if they cannot be read.
#[expect(clippy::option_option, reason = "a dataset without parts differs from one whose parts cannot be read")]
fn mappings(dataset: &Dataset) -> Option<Option<Vec<Mapping>>> {
    let list = dataset.dcpl().ok()?;
    let id = list.id();
    // SAFETY: the id of the list is alive, the ids of the dataspaces are closed after their last use, and no more is written to a
    // buffer than its length.
    sync(|| unsafe {
        if h5p::H5Pget_layout(id) != h5d::H5D_layout_t::H5D_VIRTUAL {
            return Some(None);
        }
        let mut count = 0;
        if h5p::H5Pget_virtual_count(id, &mut count) < 0 {
            return None;
        }
        let text = |get: &dyn Fn(*mut c_char, usize) -> isize| -> Option<String> {
            let length = usize::try_from(get(std::ptr::null_mut(), 0)).ok()?;
            let mut bytes = vec![0u8; length + 1];
            (get(bytes.as_mut_ptr().cast(), bytes.len()) >= 0).then_some(())?;
            bytes.truncate(length);
            String::from_utf8(bytes).ok()
        };
        let mapping = |i: usize| {
            let file = text(&|buffer, size| h5p::H5Pget_virtual_filename(id, i, buffer, size))?;
            let name = text(&|buffer, size| h5p::H5Pget_virtual_dsetname(id, i, buffer, size))?;
            let target = h5p::H5Pget_virtual_vspace(id, i);
            let source = h5p::H5Pget_virtual_srcspace(id, i);
            let cells = if selects_all(target) { Some(dataset.size() as u64) } else { selected_cells(target) };
            let end = selected_end(source);
            for space in [target, source] {
                h5s::H5Sclose(space);
            }
            (target >= 0 && source >= 0).then_some(Mapping { file, dataset: name, cells, end })
        };
        (0..count).map(mapping).collect::<Option<Vec<Mapping>>>().map(Some)
    })
}

/// True if all cells of a dataspace are selected, whose shape is then not in the file.
///
/// # Safety
/// Must be called within [`sync`].
unsafe fn selects_all(space: hid_t) -> bool {
    // SAFETY: HDF5 checks the id.
    unsafe { h5s::H5Sget_select_type(space) == h5s::H5S_sel_type::H5S_SEL_ALL }
}

/// The number of cells that are selected in a dataspace; none if it selects without end.
///
/// # Safety
/// Must be called within [`sync`].
unsafe fn selected_cells(space: hid_t) -> Option<u64> {
    // SAFETY: HDF5 checks the id.
    unsafe { u64::try_from(h5s::H5Sget_select_npoints(space)).ok() }
}

/// The first index beyond the selected cells of a dataspace, along each axis; none if it selects all or without end.
///
/// # Safety
/// Must be called within [`sync`].
unsafe fn selected_end(space: hid_t) -> Option<Vec<u64>> {
    // SAFETY: HDF5 checks the id, and both buffers have as many numbers as the dataspace has axes.
    unsafe {
        if selects_all(space) {
            return None;
        }
        selected_cells(space)?;
        let axes = usize::try_from(h5s::H5Sget_simple_extent_ndims(space)).ok()?;
        let (mut first, mut last) = (vec![0u64; axes], vec![0u64; axes]);
        let status = h5s::H5Sget_select_bounds(space, first.as_mut_ptr(), last.as_mut_ptr());
        (status >= 0).then(|| last.into_iter().map(|last| last.saturating_add(1)).collect())
    }
}

/// True if the cells of a dataset that nobody wrote read as NaN.
fn has_nan_fill(dataset: &Dataset) -> bool {
    let is_float = matches!(dataset.dtype().and_then(|kind| kind.to_descriptor()), Ok(TypeDescriptor::Float(_)));
    let Ok(list) = dataset.dcpl() else { return false };
    let mut fill = 0f64;
    // SAFETY: the id of the list is alive, and a number of the named type is written to `fill`.
    let status = sync(|| unsafe {
        h5p::H5Pget_fill_value(list.id(), *::hdf5::globals::H5T_NATIVE_DOUBLE, std::ptr::from_mut(&mut fill).cast())
    });
    is_float && status >= 0 && fill.is_nan()
}

/// The name of the first file or dataset of a sequence, in whose names `%b` stands for a number and `%%` for `%`.
fn first_of_sequence(name: &str) -> String {
    name.split("%%").map(|part| part.replace("%b", "0")).collect::<Vec<_>>().join("%")
}

/// Finds the source file `name` of the virtual file `path`, in the places where HDF5 looks for it.
///
/// # Errors
/// If it is in none of them: the path where it would be beside the virtual file.
fn locate(path: &Path, name: &str) -> Result<PathBuf, PathBuf> {
    let name = Path::new(name);
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = folder.join(name);
    // HDF5 looks for an absolute path that does not exist beside the virtual file, by its last part.
    let relative = if name.is_absolute() { name.file_name().map_or(name, Path::new) } else { name };
    let prefix = std::env::var_os("HDF5_VDS_PREFIX").filter(|prefix| !prefix.is_empty() && prefix != "${ORIGIN}");
    let canonical = path.canonicalize().ok().and_then(|real| Some(real.parent()?.join(relative)));
    let prefixed = prefix.map(|prefix| Path::new(&prefix).join(relative));
    let absolute = name.is_absolute().then(|| name.to_path_buf());
    let places = absolute.into_iter().chain(prefixed).chain([folder.join(relative), relative.to_path_buf()]);
    places.chain(canonical).find(|place| place.exists()).ok_or(beside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::hdf5::{Extents, Selection, SimpleExtents};

    /// A virtual dataset T of 4 × 3 numbers in `name`, whose rows `rows` are those of T in `source`.
    fn virtual_file(dir: &Path, name: &str, source: &str, rows: Selection, fill: Option<f64>) -> PathBuf {
        let path = dir.join(name);
        let extents = || Extents::Simple(SimpleExtents::fixed([4, 3]));
        let file = File::create(&path).unwrap();
        let mut builder = file.new_dataset_builder().virtual_map(source, "T", extents(), rows.clone(), extents(), rows);
        if let Some(fill) = fill {
            builder = builder.fill_value(fill);
        }
        builder.empty::<f64>().shape([4, 3]).create("T").unwrap();
        path
    }

    fn said(path: &Path) -> String {
        let file = File::open(path).unwrap();
        match check_sources(&file.dataset("T").unwrap(), path) {
            Ok(()) => String::new(),
            Err(VirtualFault::Missing(source)) => format!("{} is missing", source.file_name().unwrap().display()),
            Err(VirtualFault::Other(why)) => why,
        }
    }

    #[test]
    fn a_virtual_dataset_needs_all_its_sources() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let rows = |n: usize| Selection::try_new((0..n, 0..3)).unwrap();
        let create = |name: &str, dataset: &str, rows: usize| {
            let file = File::create(dir.join(name)).unwrap();
            file.new_dataset::<f64>().shape([rows, 3]).create(dataset).unwrap();
        };
        create("whole.h5", "T", 4);
        create("short.h5", "T", 2);
        create("other.h5", "S", 4);
        std::fs::write(dir.join("text.h5"), "hello").unwrap();
        let bytes = std::fs::read(dir.join("whole.h5")).unwrap();
        std::fs::write(dir.join("cut.h5"), &bytes[..bytes.len() / 2]).unwrap();
        for rows in [rows(4), Selection::All] {
            assert_eq!(said(&virtual_file(dir, "v.h5", "whole.h5", rows.clone(), None)), "");
            assert_eq!(said(&virtual_file(dir, "v.h5", "gone.h5", rows.clone(), None)), "gone.h5 is missing");
            assert!(said(&virtual_file(dir, "v.h5", "text.h5", rows.clone(), None)).contains("text.h5: "));
            assert!(said(&virtual_file(dir, "v.h5", "cut.h5", rows.clone(), None)).contains("cut.h5: "));
            let other = said(&virtual_file(dir, "v.h5", "other.h5", rows.clone(), None));
            assert!(other.contains("other.h5 has no dataset \"T\""), "{other}");
        }
        let short = said(&virtual_file(dir, "v.h5", "short.h5", rows(4), None));
        assert!(short.contains("short.h5, dataset \"T\", has the shape [2, 3]"), "{short}");
        let part = said(&virtual_file(dir, "v.h5", "whole.h5", rows(3), None));
        assert_eq!(part, "its source files have 9 of its 12 values");
        assert_eq!(said(&virtual_file(dir, "v.h5", "whole.h5", rows(3), Some(f64::NAN))), "");
        virtual_file(dir, "inner.h5", "gone.h5", rows(4), None);
        assert_eq!(said(&virtual_file(dir, "v.h5", "inner.h5", rows(4), None)), "gone.h5 is missing");
        assert_eq!(said(&virtual_file(dir, "v.h5", "part%b.h5", rows(4), None)), "part0.h5 is missing");
        assert!(said(&virtual_file(dir, "v.h5", "v.h5", rows(4), None)).contains("without end"));
        assert_eq!(said(&dir.join("whole.h5")), "");
    }
}
