//! Files of other formats, recognised by their first bytes, for messages.

/// The first bytes of formats that are given by mistake, and what such a file is. More specific ones come first.
const FORMATS: &[(&[u8], &str)] = &[
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"II*\0", "a TIFF or GeoTIFF picture"),
    (b"MM\0*", "a TIFF or GeoTIFF picture"),
    (b"GRIB", "a GRIB file"),
    (b"BUFR", "a BUFR file"),
    (b"\x0e\x03\x13\x01", "an HDF4 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB 5.0", "a MATLAB 5 file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"PK\x03\x04", "a zip archive (perhaps of NumPy or Zarr)"),
    (b"\x1f\x8b", "a file compressed with gzip"),
    (b"BZh", "a file compressed with bzip2"),
    (b"\xfd7zXZ", "a file compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd"),
    (b"CDF", "a NetCDF file of an unknown version"),
];

/// What a file with these first bytes is, and how to convert it; `None` if it is not recognised.
pub(super) fn recognise(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if head.is_empty() {
        return Some(("empty", "was it written completely?"));
    }
    let known = FORMATS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what);
    let what = known.or_else(|| is_text(head).then_some("a text file"))?;
    let remedy = match what {
        "a GRIB file" | "a BUFR file" => "convert it to NetCDF first: cdo -f nc copy, or grib_to_netcdf",
        "an HDF4 file" => "convert it to HDF5 first: h4toh5convert, or gdal_translate -of netCDF",
        "a NumPy array" => "convert it to HDF5 first: h5py.File('a.h5', 'w')['name'] = numpy.load(…)",
        "a text file" => "convert it to NetCDF first: ncgen for CDL, xarray or gdal_translate for tables",
        _ if what.contains("compressed") || what.contains("archive") => "unpack it first",
        _ if what.contains("picture") => "convert it to NetCDF first: gdal_translate -of netCDF",
        _ => "convert it to HDF5 or NetCDF first, for instance with nccopy, cdo or xarray",
    };
    Some((what, remedy))
}

/// True if all bytes are printable or white space of UTF-8; a character may be cut at the end.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised() {
        for (head, what) in [
            (&b"GRIB\0\0\0\x02"[..], "a GRIB file"),
            (b"\x89PNG\r\n", "a PNG picture"),
            (b"PK\x03\x04", "a zip archive"),
            ("x;y\n1;2\u{e9}".as_bytes(), "a text file"),
            (b"netcdf a {\n\xc3", "a text file"),
            (b"", "empty"),
        ] {
            assert!(recognise(head).unwrap().0.starts_with(what), "{head:?}");
        }
        assert_eq!(recognise(&[1, 2, 3, 200]), None);
    }
}
