//! Attributes of files, groups and datasets.
use super::error::check;
use super::number_type::stored_number;
use crate::files::stored_number::Attribute;
use ::hdf5::sync::sync;
use ::hdf5::types::{TypeDescriptor, VarLenAscii, VarLenUnicode};
use ::hdf5::{Dataset, Location, Result};
use halocline_kernels::ElementType;
use hdf5_sys::h5a;

/// Writes a text attribute of fixed length, as the NetCDF library does.
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

/// Writes the attribute `_FillValue` of a floating-point variable: NaN, in the variable's type.
pub(crate) fn put_fill(at: &Dataset, element: ElementType) -> Result<()> {
    match element {
        ElementType::F32 => at.new_attr::<f32>().create("_FillValue")?.write_scalar(&f32::NAN),
        ElementType::F64 => at.new_attr::<f64>().create("_FillValue")?.write_scalar(&f64::NAN),
        _ => Ok(()),
    }
}

/// The value of a text attribute; `None` if there is none of this name.
pub(crate) fn text(at: &Location, name: &str) -> Option<String> {
    let attribute = at.attr(name).ok()?;
    let kind = attribute.dtype().ok()?;
    match kind.to_descriptor().ok()? {
        TypeDescriptor::VarLenUnicode => attribute.read_raw::<VarLenUnicode>().ok()?.first().map(|s| s.to_string()),
        TypeDescriptor::VarLenAscii => attribute.read_raw::<VarLenAscii>().ok()?.first().map(|s| s.to_string()),
        TypeDescriptor::FixedAscii(_) | TypeDescriptor::FixedUnicode(_) => {
            let mut bytes = vec![0u8; kind.size() * attribute.size().max(1)];
            // SAFETY: both ids are alive, and `bytes` is large enough for all values of the attribute's own type.
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

/// The value of an attribute; `None` if there is none of this name, or if it is neither text nor numbers.
pub(crate) fn attribute(at: &Location, name: &str) -> Option<Attribute> {
    if let Some(text) = text(at, name) {
        return Some(Attribute::Text(text));
    }
    let attribute = at.attr(name).ok()?;
    let kind = stored_number(&attribute.dtype().ok()?).ok()?;
    let double = ::hdf5::Datatype::from_type::<f64>().ok()?;
    let mut values = vec![0.0f64; attribute.size()];
    if !values.is_empty() {
        // SAFETY: both ids are alive, and `values` holds as many doubles as the attribute has values.
        check(sync(|| unsafe { h5a::H5Aread(attribute.id(), double.id(), values.as_mut_ptr().cast()) })).ok()?;
    }
    Some(Attribute::Numbers(kind, values))
}
