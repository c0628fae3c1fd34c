//! Reading and writing the numbers of a dataset.
use super::error::check;
use super::selection::select;
use crate::base::hyperslab::Selection;
use ::hdf5::sync::sync;
use ::hdf5::{Dataset, Result};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::{h5d, h5p};

/// Writes disjoint boxes of a dataset. `bytes` holds the numbers of their union in row-major order of the dataset. With
/// `collective`, all ranks of the file must call this, also ranks without a box.
pub(crate) fn write(dataset: &Dataset, selections: &[Selection], bytes: &[u8], collective: bool) -> Result<()> {
    let kind = dataset.dtype()?;
    let (memory, place) = select(dataset, selections)?;
    let (held, size) = (memory.selection_size(), kind.size());
    assert_eq!(held * size, bytes.len(), "{held} numbers of {size} bytes");
    let transfer = if collective { Transfer::collective()? } else { Transfer(h5p::H5P_DEFAULT) };
    // SAFETY: all ids are alive, and `bytes` holds as many numbers of the dataset's own type as `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dwrite(dataset.id(), kind.id(), memory.id(), place.id(), transfer.0, bytes.as_ptr().cast())
    });
    check(status)
}

/// Reads a box, row-major; HDF5 converts the numbers to double precision.
pub(crate) fn read(dataset: &Dataset, selection: &Selection) -> Result<Vec<f64>> {
    let kind = ::hdf5::Datatype::from_type::<f64>()?;
    let (memory, place) = select(dataset, std::slice::from_ref(selection))?;
    let mut values = vec![0.0f64; memory.selection_size()];
    // SAFETY: all ids are alive, and `values` is large enough for the doubles that `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dread(dataset.id(), kind.id(), memory.id(), place.id(), h5p::H5P_DEFAULT, values.as_mut_ptr().cast())
    });
    check(status).map(|()| values)
}

/// Reads the bytes of a box as they are stored, row-major.
pub(crate) fn read_bytes(dataset: &Dataset, selection: &Selection) -> Result<Vec<u8>> {
    let kind = dataset.dtype()?;
    let (memory, place) = select(dataset, std::slice::from_ref(selection))?;
    let mut bytes = vec![0u8; memory.selection_size() * kind.size()];
    // SAFETY: all ids are alive, and `bytes` is large enough for the numbers of the dataset's own type that `memory` selects.
    let status = sync(|| unsafe {
        h5d::H5Dread(dataset.id(), kind.id(), memory.id(), place.id(), h5p::H5P_DEFAULT, bytes.as_mut_ptr().cast())
    });
    check(status).map(|()| bytes)
}

/// A transfer property list, closed when dropped.
struct Transfer(hid_t);

impl Transfer {
    #[cfg(feature = "mpi")]
    fn collective() -> Result<Transfer> {
        // SAFETY: the class is a constant of the library, which `sync` has initialised; the new list is valid.
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
            // SAFETY: this value owns the list, which is not used again.
            sync(|| unsafe { h5p::H5Pclose(self.0) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use halocline_kernels::ElementType;

    #[test]
    fn unions_of_boxes_are_written_in_file_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&dir.path().join("a.h5")).unwrap();
        let data = dataset(&file, "d", ElementType::F64, &[0, 3, 2], Storage::Growing(vec![1, 2, 2])).unwrap();
        resize(&data, 1).unwrap();
        // The corners and the middle row, whose numbers lie between those of the corners.
        let corner = |y: usize, x: usize| (vec![0, y, x], vec![1, 1, 1]);
        let selections = [corner(2, 1), corner(0, 0), (vec![0, 1, 0], vec![1, 1, 2]), corner(2, 0), corner(0, 1)];
        let bytes: Vec<u8> = (0..6).flat_map(|i| (i as f64).to_ne_bytes()).collect();
        write(&data, &selections, &bytes, false).unwrap();
        write(&data, &[], &[], false).unwrap();
        assert_eq!(read(&data, &(vec![0; 3], vec![1, 3, 2])).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read_bytes(&data, &(vec![0, 1, 0], vec![1, 2, 2])).unwrap(), bytes[16..]);
        put_text(&data, "empty", "").unwrap();
        put_text(&data, "units", "m² s⁻¹").unwrap();
        assert_eq!((text(&data, "empty"), text(&data, "units")), (Some(String::new()), Some("m² s⁻¹".into())));
        assert_eq!((text(&data, "none"), attribute(&data, "none")), (None, None));
    }
}
