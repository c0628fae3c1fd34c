//! HDF5, as much of it as files of fields need.
//!
//! *Architecture invariant:* only this file names HDF5. It adds to the `hdf5` crate what that one lacks: collective
//! writes, dimension scales, text attributes of the kind that NetCDF tools write, and errors in the system's words.
use super::durable;
use crate::base::Error;
use crate::base::hyperslab::Number;
use crate::comm::RawComm;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;

use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenAscii, VarLenUnicode};
pub(crate) use ::hdf5::{Dataset, File, Group, Result};
use ::hdf5::{Dataspace, Extent, Hyperslab, Location, Selection, SimpleExtents, SliceOrIndex, sync::sync};
use hdf5_sys::h5::{herr_t, hsize_t};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5a, h5d, h5p, h5s};

fn descriptor(number: Number) -> TypeDescriptor {
    match number {
        Number::F32 => TypeDescriptor::Float(FloatSize::U4),
        Number::F64 => TypeDescriptor::Float(FloatSize::U8),
        Number::I64 => TypeDescriptor::Integer(IntSize::U8),
        Number::U8 => TypeDescriptor::Unsigned(IntSize::U1),
    }
}

/// A box in a dataset: the index of its first number and its size, on each axis.
pub(crate) type Span = (Vec<usize>, Vec<usize>);

// ---- files

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

/// Creates a file whose structure carries checksums, which the older format that others prefer does not have.
pub(crate) fn create_checked(path: &Path) -> Result<File> {
    let mut options = File::with_options();
    options.with_fapl(|p| p.libver_v110()).with_fcpl(|p| p.obj_track_times(false)).create(path)
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path)
}

/// Opens a file for writing, by this process alone.
pub(crate) fn open_for_writing(path: &Path) -> Result<File> {
    File::open_rw(path)
}

/// Opens a file for writing by all ranks together. Collective, as is everything that is then done with it.
#[cfg(feature = "mpi")]
pub(crate) fn open_shared(path: &Path, comm: &RawComm) -> Result<File> {
    let mut options = File::with_options();
    options.with_fapl(|p| p.mpio(comm.handle(), None).all_coll_metadata_ops(true).coll_metadata_write(true));
    options.open_rw(path)
}

/// Without MPI there is no communicator, so this is never called.
#[cfg(not(feature = "mpi"))]
pub(crate) fn open_shared(_: &Path, comm: &RawComm) -> Result<File> {
    match *comm {}
}

// ---- datasets

/// How the numbers of a dataset are stored.
pub(crate) enum Storage {
    /// In one piece, of a fixed size.
    Whole,
    /// The same, with its place in the file from the beginning, for others to fill.
    Reserved,
    /// In chunks of this shape; the first axis can grow.
    Growing(Vec<usize>),
    /// In other files.
    Virtual(Vec<Source>),
}

/// A piece of a virtual dataset: all other axes whole, instants `0..count` of the source at `start..start + count`.
pub(crate) struct Source {
    /// The other file, as seen from the virtual one.
    pub(crate) file: String,
    /// First instant in the virtual dataset.
    pub(crate) start: usize,
    /// Instants taken from the source.
    pub(crate) count: usize,
    /// Instants that the source has.
    pub(crate) instants: usize,
}

/// Creates a dataset. Its attributes keep the order of their creation, and it bears no time stamp.
pub(crate) fn dataset(group: &Group, name: &str, number: Number, shape: &[usize], storage: Storage) -> Result<Dataset> {
    use ::hdf5::dataset::{AllocTime, AttrCreationOrder, FillTime};
    let growing = |shape: &[usize]| {
        SimpleExtents::from_vec(
            shape.iter().enumerate().map(|(a, &n)| Extent::new(n, if a == 0 { None } else { Some(n) })).collect(),
        )
    };
    let fixed = matches!(storage, Storage::Whole | Storage::Reserved);
    let extents = if fixed { SimpleExtents::fixed(shape) } else { growing(shape) };
    let mut builder = group
        .new_dataset_builder()
        .with_dcpl(|p| p.obj_track_times(false).attr_creation_order(AttrCreationOrder::Indexed));
    match storage {
        Storage::Whole => {}
        Storage::Reserved => builder = builder.alloc_time(Some(AllocTime::Early)).fill_time(FillTime::Never),
        // Every number is written exactly once, so filling chunks beforehand would only double the traffic. Parallel
        // HDF5 allocates early; saying so makes serial files the same.
        Storage::Growing(chunk) => {
            builder = builder.chunk(chunk).alloc_time(Some(AllocTime::Early)).fill_time(FillTime::Never)
        }
        Storage::Virtual(sources) => {
            let instants = |start: usize, count: usize| {
                let mut slices = vec![SliceOrIndex::SliceCount { start, step: 1, count, block: 1 }];
                slices.extend(shape[1..].iter().map(|&n| SliceOrIndex::SliceCount {
                    start: 0,
                    step: 1,
                    count: n,
                    block: 1,
                }));
                Selection::Hyperslab(Hyperslab::from(slices))
            };
            builder = match number {
                Number::F32 => builder.fill_value(f32::NAN),
                Number::F64 => builder.fill_value(f64::NAN),
                Number::I64 => builder.fill_value(-1i64),
                Number::U8 => builder,
            };
            for s in sources {
                let mut theirs = shape.to_vec();
                theirs[0] = s.instants;
                builder = builder.virtual_map(
                    s.file,
                    name,
                    growing(&theirs),
                    instants(0, s.count),
                    growing(shape),
                    instants(s.start, s.count),
                );
            }
        }
    }
    builder.empty_as(descriptor(number)).shape(extents).create(name)
}

/// Where a dataset lies in the file, if it does so in one piece.
pub(crate) fn offset(dataset: &Dataset) -> Option<u64> {
    dataset.offset()
}

/// What a dataset is made of.
pub(crate) fn number_of(dataset: &Dataset) -> Option<Number> {
    let found = dataset.dtype().and_then(|t| t.to_descriptor()).ok()?;
    [Number::F32, Number::F64, Number::I64, Number::U8].into_iter().find(|n| descriptor(*n) == found)
}

/// Gives the first axis another length.
pub(crate) fn resize(dataset: &Dataset, instants: usize) -> Result<()> {
    let mut shape = dataset.shape();
    shape[0] = instants;
    dataset.resize(shape)
}

/// Writes numbers into boxes that do not overlap. `bytes` holds them in the order in which they lie in the file, all boxes
/// taken together. With `collective`, all ranks of the file call this, those without a box too.
pub(crate) fn write(dataset: &Dataset, spans: &[Span], bytes: &[u8], collective: bool) -> Result<()> {
    let kind = dataset.dtype()?;
    let (memory, place) = select(dataset, spans)?;
    let (held, size) = (memory.selection_size(), kind.size());
    assert_eq!(held * size, bytes.len(), "{held} numbers of {size} bytes");
    let transfer = if collective { Transfer::collective()? } else { Transfer(h5p::H5P_DEFAULT) };
    // SAFETY: all ids are alive, and `bytes` holds as many numbers of the dataset's own type as `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dwrite(dataset.id(), kind.id(), memory.id(), place.id(), transfer.0, bytes.as_ptr().cast())
    });
    check(status)
}

/// Reads a box as double precision, converted by HDF5 from whatever numbers the file holds; row-major.
pub(crate) fn read(dataset: &Dataset, span: &Span) -> Result<Vec<f64>> {
    let kind = ::hdf5::Datatype::from_type::<f64>()?;
    let (memory, place) = select(dataset, std::slice::from_ref(span))?;
    let mut values = vec![0.0f64; memory.selection_size()];
    // SAFETY: all ids are alive, and `values` has room for as many doubles as `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dread(dataset.id(), kind.id(), memory.id(), place.id(), h5p::H5P_DEFAULT, values.as_mut_ptr().cast())
    });
    check(status).map(|()| values)
}

/// Reads a box as it is stored, byte for byte; row-major.
pub(crate) fn read_bytes(dataset: &Dataset, span: &Span) -> Result<Vec<u8>> {
    let kind = dataset.dtype()?;
    let (memory, place) = select(dataset, std::slice::from_ref(span))?;
    let mut bytes = vec![0u8; memory.selection_size() * kind.size()];
    // SAFETY: all ids are alive, and `bytes` has room for as many numbers of the dataset's own type as `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dread(dataset.id(), kind.id(), memory.id(), place.id(), h5p::H5P_DEFAULT, bytes.as_mut_ptr().cast())
    });
    check(status).map(|()| bytes)
}

/// A row of numbers in memory, and the boxes of the file that they fill or come from.
fn select(dataset: &Dataset, spans: &[Span]) -> Result<(Dataspace, Dataspace)> {
    let place = dataset.space()?;
    // SAFETY: the dataspace is alive, and every array holds one number per axis of it.
    check(sync(|| unsafe { h5s::H5Sselect_none(place.id()) }))?;
    for (start, count) in spans {
        assert!(start.len() == place.ndim() && count.len() == place.ndim(), "a box needs a start and a size per axis");
        let (start, count): (Vec<hsize_t>, Vec<hsize_t>) =
            start.iter().zip(count).map(|(&s, &c)| (s as hsize_t, c as hsize_t)).unzip();
        // SAFETY: as above; no stride and no block mean one.
        check(sync(|| unsafe {
            let or = h5s::H5S_seloper_t::H5S_SELECT_OR;
            h5s::H5Sselect_hyperslab(place.id(), or, start.as_ptr(), std::ptr::null(), count.as_ptr(), std::ptr::null())
        }))?;
    }
    let numbers = if spans.is_empty() { 0 } else { place.selection_size() };
    let memory = Dataspace::try_new(numbers.max(1))?;
    if numbers == 0 {
        // SAFETY: the dataspace is alive.
        check(sync(|| unsafe { h5s::H5Sselect_none(memory.id()) }))?;
    }
    Ok((memory, place))
}

/// A transfer property list, closed when dropped.
struct Transfer(hid_t);

impl Transfer {
    #[cfg(feature = "mpi")]
    fn collective() -> Result<Transfer> {
        // SAFETY: the class is a constant of the library, which `sync` has initialised; the new list is alive.
        sync(|| unsafe {
            let list = Transfer(::hdf5::h5check(h5p::H5Pcreate(*h5p::H5P_CLS_DATASET_XFER))?);
            check(h5p::H5Pset_dxpl_mpio(list.0, h5p::H5FD_mpio_xfer_t::H5FD_MPIO_COLLECTIVE))?;
            Ok(list)
        })
    }

    #[cfg(not(feature = "mpi"))]
    fn collective() -> Result<Transfer> {
        Err("this HDF5 was built without MPI".into())
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.0 != h5p::H5P_DEFAULT {
            // SAFETY: the list is ours and is not used again.
            sync(|| unsafe { h5p::H5Pclose(self.0) });
        }
    }
}

fn check(status: herr_t) -> Result<()> {
    ::hdf5::h5check(status).map(|_| ())
}

// ---- attributes

/// Writes a text attribute, of fixed length as the NetCDF library writes them.
pub(crate) fn put_text(at: &Location, name: &str, text: &str) -> Result<()> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.retain(|&b| b != 0);
    if bytes.is_empty() {
        bytes.push(0);
    }
    let kind = TypeDescriptor::FixedUnicode(bytes.len());
    let attribute = at.new_attr_builder().empty_as(&kind).create(name)?;
    let kind = attribute.dtype()?;
    assert_eq!(kind.size(), bytes.len());
    // SAFETY: both ids are alive, and `bytes` is one value of the attribute's own type.
    check(sync(|| unsafe { h5a::H5Awrite(attribute.id(), kind.id(), bytes.as_ptr().cast()) }))
}

/// Writes the `_FillValue` of a variable: NaN, in the variable's own type.
pub(crate) fn put_fill(at: &Dataset, number: Number) -> Result<()> {
    match number {
        Number::F32 => at.new_attr::<f32>().create("_FillValue")?.write_scalar(&f32::NAN),
        Number::F64 => at.new_attr::<f64>().create("_FillValue")?.write_scalar(&f64::NAN),
        Number::I64 | Number::U8 => Ok(()),
    }
}

/// A text attribute, if there is one of this name.
pub(crate) fn text(at: &Location, name: &str) -> Option<String> {
    let attribute = at.attr(name).ok()?;
    let kind = attribute.dtype().ok()?;
    match kind.to_descriptor().ok()? {
        TypeDescriptor::VarLenUnicode => attribute.read_raw::<VarLenUnicode>().ok()?.first().map(|s| s.to_string()),
        TypeDescriptor::VarLenAscii => attribute.read_raw::<VarLenAscii>().ok()?.first().map(|s| s.to_string()),
        TypeDescriptor::FixedAscii(_) | TypeDescriptor::FixedUnicode(_) => {
            let mut bytes = vec![0u8; kind.size() * attribute.size().max(1)];
            // SAFETY: both ids are alive, and `bytes` has room for all values of the attribute's own type.
            check(sync(|| unsafe { h5a::H5Aread(attribute.id(), kind.id(), bytes.as_mut_ptr().cast()) })).ok()?;
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            Some(String::from_utf8_lossy(&bytes[..end]).trim_end().to_string())
        }
        _ => None,
    }
}

/// True if there is an attribute of this name.
pub(crate) fn has_attribute(at: &Location, name: &str) -> bool {
    at.attr(name).is_ok()
}

/// The numbers of an attribute; none if it is not there or is text.
pub(crate) fn numbers(at: &Location, name: &str) -> Vec<f64> {
    at.attr(name).and_then(|a| a.read_raw::<f64>()).unwrap_or_default()
}

/// True for datasets of integers or floats.
pub(crate) fn holds_numbers(dataset: &Dataset) -> bool {
    use TypeDescriptor::{Float, Integer, Unsigned};
    matches!(dataset.dtype().and_then(|t| t.to_descriptor()), Ok(Integer(_) | Unsigned(_) | Float(_)))
}

// ---- dimension scales (the HDF5 "high level" library; the crates have no binding)

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

/// Makes a dataset of one axis the coordinate of a dimension that is called like it.
pub(crate) fn make_scale(dataset: &Dataset, name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| format!("the name {name:?} holds a zero byte"))?;
    // SAFETY: the dataset is alive and the name ends with a zero.
    check(sync(|| unsafe { H5DSset_scale(dataset.id(), name.as_ptr()) }))
}

/// Names axis `axis` of a dataset after a scale.
pub(crate) fn attach_scale(dataset: &Dataset, scale: &Dataset, axis: usize) -> Result<()> {
    // SAFETY: both datasets are alive; the library checks the axis.
    check(sync(|| unsafe { H5DSattach_scale(dataset.id(), scale.id(), axis as c_uint) }))
}

/// The name of each axis: that of its scale; a scale's own axis bears its own name; `dimN` where there is none.
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

/// Notes the name of the scale and ends the iteration.
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

// ---- errors

/// An HDF5 error as the user reads it: what could not be done to which file, the system's reason, the remedy.
pub(crate) fn explain(action: &str, path: &Path, error: ::hdf5::Error) -> Error {
    let frames: Vec<String> = match error.stack() {
        Some(stack) => stack.iter().map(|f| f.desc().to_string()).collect(),
        None => vec![error.to_string()],
    };
    explain_frames(action, path, &frames)
}

/// The same from the messages of the error stack, outermost first.
fn explain_frames(action: &str, path: &Path, frames: &[String]) -> Error {
    let says = |text: &str| frames.iter().any(|f| f.contains(text));
    let number = frames.iter().find_map(|f| {
        let digits = f.split_once("errno = ")?.1;
        digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse::<i32>().ok()
    });
    let reason = match (number, frames.last()) {
        (Some(n), _) => std::io::Error::from_raw_os_error(n).to_string(),
        (None, Some(innermost)) => innermost.clone(),
        (None, None) => "unknown error".to_string(),
    };
    let error = Error::file(action, path, reason);
    let locked = says("unable to lock file") || says("file locking");
    // It may be whole: it is not given out.
    let error = if locked && action == "read" { error.as_input() } else { error };
    let remedy = if locked {
        durable::remedy(Some(libc::ENOLCK))
    } else if says("NO_SPACE") || says("No space left") {
        durable::remedy(Some(libc::ENOSPC))
    } else {
        durable::remedy(number)
    };
    if let Some(remedy) = remedy { error.remedy(remedy) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_speak_the_systems_words_and_name_the_remedy() {
        let full = "file write failed: time = Tue, filename = 'a.h5', file descriptor = 5, errno = 28, error message = 'No \
                    space left on device', buf = 0x1";
        let explain = |inner: &str| {
            explain_frames("write", Path::new("a.h5"), &["can't write data".into(), inner.into()]).to_string()
        };
        assert!(explain(full).starts_with("cannot write a.h5: No space left on device"), "{}", explain(full));
        assert!(explain(full).contains("free space"));
        let locks = "unable to lock file, errno = 524, error message = 'Unknown error 524'";
        assert!(explain(locks).contains("HDF5_USE_FILE_LOCKING=FALSE"), "{}", explain(locks));
        assert!(explain("file locking is not possible").contains("HDF5_USE_FILE_LOCKING=FALSE"));
        assert_eq!(explain("bad magic"), "cannot write a.h5: bad magic");
    }

    #[test]
    fn a_broken_file_is_an_error_and_nothing_is_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broken.h5");
        std::fs::write(&path, b"\x89HDF\r\n\x1a\n and no more").unwrap();
        let error = explain("open", &path, open(&path).unwrap_err());
        assert!(error.what().starts_with("cannot open ") && error.what().contains("broken.h5: "), "{error}");
    }

    #[test]
    fn unions_of_boxes_are_written_in_file_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&dir.path().join("a.h5")).unwrap();
        let data = dataset(&file, "d", Number::F64, &[0, 3, 2], Storage::Growing(vec![1, 2, 2])).unwrap();
        resize(&data, 1).unwrap();
        // The corners and the middle row, whose numbers lie between those of the corners.
        let corner = |y: usize, x: usize| (vec![0, y, x], vec![1, 1, 1]);
        let spans = [corner(2, 1), corner(0, 0), (vec![0, 1, 0], vec![1, 1, 2]), corner(2, 0), corner(0, 1)];
        let bytes: Vec<u8> = (0..6).flat_map(|i| (i as f64).to_ne_bytes()).collect();
        write(&data, &spans, &bytes, false).unwrap();
        write(&data, &[], &[], false).unwrap();
        assert_eq!(read(&data, &(vec![0; 3], vec![1, 3, 2])).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read_bytes(&data, &(vec![0, 1, 0], vec![1, 2, 2])).unwrap(), bytes[16..]);
        put_text(&data, "empty", "").unwrap();
        put_text(&data, "units", "m² s⁻¹").unwrap();
        assert_eq!((text(&data, "empty"), text(&data, "units")), (Some(String::new()), Some("m² s⁻¹".into())));
        assert_eq!((text(&data, "none"), numbers(&data, "units")), (None, vec![]));
    }
}
