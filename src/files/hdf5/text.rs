//! Datasets of text. Unlike attributes, which are limited to 64 KiB, they may have any size.
use super::error::check;
use ::hdf5::dataset::AttrCreationOrder;
use ::hdf5::sync::sync;
use ::hdf5::types::{TypeDescriptor, VarLenUnicode};
use ::hdf5::{Dataset, Group, Result, SimpleExtents};
use hdf5_sys::{h5d, h5p, h5s};

/// Creates a one-dimensional dataset of strings of any length, as NetCDF-4 has them.
pub(crate) fn create_texts(group: &Group, name: &str, texts: &[String]) -> Result<Dataset> {
    let builder = group
        .new_dataset_builder()
        .with_dcpl(|p| p.obj_track_times(false).attr_creation_order(AttrCreationOrder::Indexed));
    let kind = TypeDescriptor::VarLenUnicode;
    let data = builder.empty_as(&kind).shape(SimpleExtents::fixed([texts.len()])).create(name)?;
    // HDF5 ends a string at its first zero byte.
    let strings = texts.iter().map(|text| text.replace('\0', "").parse::<VarLenUnicode>());
    let strings = strings.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let kind = data.dtype()?;
    // SAFETY: both ids are alive; a `VarLenUnicode` is the pointer to a terminated string that HDF5 expects for each value, and
    // there is one for each value of the dataset.
    check(sync(|| unsafe {
        h5d::H5Dwrite(data.id(), kind.id(), h5s::H5S_ALL, h5s::H5S_ALL, h5p::H5P_DEFAULT, strings.as_ptr().cast())
    }))?;
    Ok(data)
}

/// The strings of a dataset; `None` if it holds no strings of any length.
pub(crate) fn texts(data: &Dataset) -> Option<Vec<String>> {
    match data.dtype().ok()?.to_descriptor().ok()? {
        TypeDescriptor::VarLenUnicode => {
            Some(data.read_raw::<VarLenUnicode>().ok()?.iter().map(|s| s.to_string()).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = crate::files::hdf5::create(&dir.path().join("a.h5")).unwrap();
        let given = ["Ærø".to_string(), String::new(), "x".repeat(200_000)];
        let data = create_texts(&file, "names", &given).unwrap();
        assert_eq!(texts(&data).unwrap(), given);
        let zero = create_texts(&file, "zero", &["a\0b".to_string()]).unwrap();
        assert_eq!(texts(&zero).unwrap(), ["ab"]);
    }
}
