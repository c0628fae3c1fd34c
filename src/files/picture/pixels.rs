//! Writing pixels to a PNG file.
use crate::base::{Error, Result};
use crate::files::durable;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes an image of `(width, height)` pixels, three bytes each, row by row from the top.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(path: &Path, (width, height): (usize, usize), pixels: &[u8]) -> Result<()> {
    durable::replace(path, |part| {
        let encode = || -> Result<(), ::png::EncodingError> {
            let mut file = BufWriter::new(File::create(part)?);
            let mut encoder = ::png::Encoder::new(&mut file, width as u32, height as u32);
            encoder.set_color(::png::ColorType::Rgb);
            encoder.set_depth(::png::BitDepth::Eight);
            encoder.write_header()?.write_image_data(pixels)?;
            Ok(file.flush()?)
        };
        encode().map_err(|e| match e {
            ::png::EncodingError::IoError(e) => durable::why("write", path, e),
            other => Error::file("write", path, other),
        })
    })
}
