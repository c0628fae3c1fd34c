//! The contents that all files of a stream share: coordinates, scales, units, names, provenance.
use super::hdf5::{self, Storage};
use super::layout::{Axis, Coordinate, CoordinateValues, Layout, Variable};
use super::records::{self, Instant, RecordDataset};
use crate::base::unit::udunits;
use halocline_kernels::ElementType;
use std::path::Path;

/// The attributes that one attempt adds to `/provenance`: names and values.
pub(super) type Provenance = Vec<(String, String)>;

/// Creates a file with everything except the numbers of the variables. `storage` gives the storage of a variable; `comment`
/// becomes the attribute `comment` of the file.
pub(super) fn create(
    path: &Path,
    layout: &Layout,
    attempts: &[Provenance],
    instants: &[Instant],
    comment: Option<&str>,
    storage: impl Fn(&Variable) -> Storage,
) -> hdf5::Result<hdf5::File> {
    let file = hdf5::create(path)?;
    hdf5::put_text(&file, "Conventions", "CF-1.11")?;
    hdf5::put_text(&file, "title", &layout.title)?;
    if !layout.source.is_empty() {
        hdf5::put_text(&file, "source", &layout.source)?;
    }
    hdf5::put_text(
        &file,
        "history",
        "written by halocline; the group provenance says when, where and by which revision",
    )?;
    if let Some(comment) = comment {
        hdf5::put_text(&file, "comment", comment)?;
    }
    if let Some(features) = &layout.features {
        hdf5::put_text(&file, "featureType", features)?;
    }
    let record = records::create(&file, layout, instants)?;
    let scales = layout.axes.iter().map(|axis| coordinate(&file, axis)).collect::<hdf5::Result<Vec<_>>>()?;
    layout.coordinates.iter().try_for_each(|c| auxiliary(&file, c, &scales[c.axis]))?;
    for v in &layout.variables {
        let shape = [&[instants.len()], &layout.shape(v)[..]].concat();
        let data = hdf5::dataset(&file, &v.name, v.element, &shape, storage(v))?;
        describe(&data, &v.long_name, &v.unit)?;
        for (name, value) in &v.attributes {
            hdf5::put_text(&data, name, value)?;
        }
        hdf5::put_fill(&data, v.element)?;
        hdf5::attach_scale(&data, &record, 0)?;
        for (axis, &a) in v.axes.iter().enumerate() {
            hdf5::attach_scale(&data, &scales[a], axis + 1)?;
        }
    }
    let provenance = file.create_group("provenance")?;
    for (attempt, attributes) in attempts.iter().enumerate() {
        put_provenance(&provenance, attempt, attributes)?;
    }
    Ok(file)
}

/// True for the variables of the layout; false for coordinates and datasets along the record axis.
pub(super) fn is_variable(data: &hdf5::Dataset) -> bool {
    hdf5::has_attribute(data, "_FillValue")
}

/// Bytes of the longest text that is stored as an attribute; HDF5 allows 64 KiB with the attribute's own header.
const LONGEST_ATTRIBUTE: usize = 32 << 10;

/// Writes the provenance of attempt number `attempt`: short texts as attributes, longer ones as datasets of one string.
pub(super) fn put_provenance(provenance: &hdf5::Group, attempt: usize, attributes: &Provenance) -> hdf5::Result<()> {
    let group = provenance.create_group(&attempt.to_string())?;
    attributes.iter().try_for_each(|(name, value)| match value.len() {
        0..=LONGEST_ATTRIBUTE => hdf5::put_text(&group, name, value),
        _ => hdf5::create_texts(&group, name, std::slice::from_ref(value)).map(|_| ()),
    })
}

/// Reads the provenance of all attempts from a file.
pub(super) fn provenance(file: &hdf5::File) -> hdf5::Result<Vec<Provenance>> {
    let provenance = file.group("provenance")?;
    let attempt = |n: usize| -> hdf5::Result<Provenance> {
        let group = provenance.group(&n.to_string())?;
        let attributes = group.attr_names()?.into_iter();
        let mut all: Provenance = attributes.map(|a| (a.clone(), hdf5::text(&group, &a).unwrap_or_default())).collect();
        for data in group.datasets()? {
            let name = data.name().rsplit('/').next().unwrap_or_default().to_owned();
            all.extend(hdf5::texts(&data).and_then(|texts| texts.into_iter().next()).map(|text| (name, text)));
        }
        Ok(all)
    };
    (0..provenance.len() as usize).map(attempt).collect()
}

/// The shape of a chunk of a variable: whole rows and about 2 MB of one instant, or several instants of a small variable.
pub(super) fn chunk(shape: &[usize], size: usize) -> Vec<usize> {
    const TARGET: usize = 2 << 20;
    const SMALL: usize = 16 << 10;
    const LONGEST_ROW: usize = 64 << 20;
    let (mut chunk, mut bytes) = (vec![1; shape.len()], size);
    for axis in (0..shape.len()).rev() {
        let limit = if axis + 1 == shape.len() { LONGEST_ROW } else { TARGET };
        // As few chunks as the limit permits, of equal size.
        let chunks = (shape[axis] * bytes).div_ceil(limit).min(shape[axis]);
        chunk[axis] = shape[axis].div_ceil(chunks);
        bytes *= chunk[axis];
    }
    [vec![(SMALL / bytes).max(1)], chunk].concat()
}

/// The bytes that `instants` instants take in a file of this layout: whole chunks, and their entries in the index of HDF5.
pub(super) fn bytes_of_instants(layout: &Layout, instants: usize) -> u64 {
    const ENTRY: usize = 256;
    let bytes = |shape: &[usize], size: usize, chunk: &[usize]| {
        let chunks: usize = shape.iter().zip(chunk).map(|(n, c)| n.div_ceil(*c)).product();
        chunks * (chunk.iter().product::<usize>() * size + ENTRY)
    };
    let of_records = RecordDataset::of(layout).into_iter();
    let records: usize = of_records.map(|data| bytes(&data.shape(instants), size_of::<f64>(), &data.chunk())).sum();
    let variable = |v: &Variable| {
        let (shape, size) = (layout.shape(v), v.element.size());
        bytes(&[&[instants], &shape[..]].concat(), size, &chunk(&shape, size))
    };
    (records + layout.variables.iter().map(variable).sum::<usize>()) as u64
}

fn coordinate(file: &hdf5::Group, axis: &Axis) -> hdf5::Result<hdf5::Dataset> {
    let data = hdf5::dataset(file, &axis.name, ElementType::F64, &[axis.values.len()], Storage::Whole)?;
    describe(&data, &axis.long_name, &axis.unit)?;
    if let Some(name) = &axis.standard_name {
        hdf5::put_text(&data, "standard_name", name)?;
    }
    if let Some(letter) = axis.cf_axis {
        hdf5::put_text(&data, "axis", letter.encode_utf8(&mut [0; 4]))?;
    }
    axis.attributes.iter().try_for_each(|(name, value)| hdf5::put_text(&data, name, value))?;
    hdf5::make_scale(&data, &axis.name)?;
    let bytes: Vec<u8> = axis.values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    hdf5::write(&data, &[(vec![0], vec![axis.values.len()])], &bytes, false)?;
    Ok(data)
}

/// Creates a coordinate that is not the coordinate of a dimension of its own.
fn auxiliary(file: &hdf5::Group, c: &Coordinate, scale: &hdf5::Dataset) -> hdf5::Result<()> {
    let data = match &c.values {
        CoordinateValues::Numbers(values) => {
            let data = hdf5::dataset(file, &c.name, ElementType::F64, &[values.len()], Storage::Whole)?;
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
            hdf5::write(&data, &[(vec![0], vec![values.len()])], &bytes, false)?;
            describe(&data, &c.long_name, &c.unit)?;
            data
        }
        CoordinateValues::Text(texts) => {
            let data = hdf5::create_texts(file, &c.name, texts)?;
            hdf5::put_text(&data, "long_name", &c.long_name)?;
            data
        }
    };
    c.attributes.iter().try_for_each(|(name, value)| hdf5::put_text(&data, name, value))?;
    hdf5::attach_scale(&data, scale, 0)
}

fn describe(data: &hdf5::Dataset, long_name: &str, unit: &str) -> hdf5::Result<()> {
    if !long_name.is_empty() {
        hdf5::put_text(data, "long_name", long_name)?;
    }
    // Programs check the units of fields when they are declared.
    hdf5::put_text(data, "units", &udunits(unit).unwrap_or_else(|_| unit.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_whole_rows_and_a_few_megabytes() {
        assert_eq!(chunk(&[512, 512, 512], 8), [1, 1, 512, 512]);
        assert_eq!(chunk(&[64, 64, 64], 8), [1, 64, 64, 64]);
        assert_eq!(chunk(&[2161, 4320], 8), [1, 61, 4320]);
        assert_eq!(chunk(&[10, 1 << 20], 4), [1, 1, 1 << 20]);
        assert_eq!(chunk(&[], 8), [2048]);
        assert_eq!(chunk(&[3], 4), [1365, 3]);
        assert_eq!(bytes_of_instants(&Layout { variables: vec![], ..Layout::default() }, 129), 4 * (1024 + 256));
    }
}
