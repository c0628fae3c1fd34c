//! The number types of datasets and attributes of foreign files.
use crate::files::stored_number::StoredNumber;
use ::hdf5::Datatype;
use ::hdf5::sync::sync;
use hdf5_sys::h5t::{self, H5T_class_t, H5T_sign_t};

/// How the numbers of a type are stored; for a type of something else, what it holds. HDF5 converts integers, floats of any
/// layout (half precision, big-endian) and enumerations (booleans of h5py) to double precision.
pub(crate) fn stored_number(kind: &Datatype) -> Result<StoredNumber, &'static str> {
    let bytes = kind.size();
    // SAFETY: the id is alive; the library checks it.
    let (class, sign) = sync(|| unsafe {
        let base = h5t::H5Tget_super(kind.id());
        let integer = if base > 0 { base } else { kind.id() };
        let class = h5t::H5Tget_class(kind.id());
        let sign = match class {
            H5T_class_t::H5T_INTEGER | H5T_class_t::H5T_ENUM => h5t::H5Tget_sign(integer),
            _ => H5T_sign_t::H5T_SGN_NONE,
        };
        if base > 0 {
            h5t::H5Tclose(base);
        }
        (class, sign)
    });
    match class {
        H5T_class_t::H5T_INTEGER | H5T_class_t::H5T_ENUM => {
            Ok(StoredNumber::Integer { bytes, signed: sign == H5T_sign_t::H5T_SGN_2 })
        }
        H5T_class_t::H5T_FLOAT => Ok(StoredNumber::Float { bytes }),
        H5T_class_t::H5T_STRING => Err("text"),
        H5T_class_t::H5T_COMPOUND => Err("compound values (records)"),
        H5T_class_t::H5T_VLEN => Err("lists of varying length"),
        H5T_class_t::H5T_ARRAY => Err("arrays as values"),
        H5T_class_t::H5T_BITFIELD => Err("bit fields"),
        H5T_class_t::H5T_REFERENCE => Err("references"),
        H5T_class_t::H5T_TIME => Err("time stamps"),
        _ => Err("opaque bytes"),
    }
}
