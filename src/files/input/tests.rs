//! Both formats: files built byte by byte, and files of Debian's `ferret-datasets`.
use super::*;
use crate::Comm;
use crate::files::{Axis, Hyperslab, Instant, Layout, Seal, Stream, Variable};
use halocline_kernels::ElementType;
use std::path::{Path, PathBuf};

/// A classic file: dimensions time (unlimited, 3 records), y = 2, x = 3; i16 `packed(y, x)`, f32 `wind(time, y, x)`, i16
/// `day(time)`; the record variables interleaved.
pub(super) fn classic(version: u8) -> Vec<u8> {
    let wide = version == 5;
    let mut out = vec![b'C', b'D', b'F', version];
    fn u32(out: &mut Vec<u8>, n: u32) {
        out.extend(n.to_be_bytes());
    }
    let count = |out: &mut Vec<u8>, n: u64| if wide { out.extend(n.to_be_bytes()) } else { u32(out, n as u32) };
    let padded = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    };
    let name = |out: &mut Vec<u8>, text: &str| {
        count(out, text.len() as u64);
        padded(out, text.as_bytes());
    };
    let attribute = |out: &mut Vec<u8>, label: &str, kind: u32, n: u64, bytes: &[u8]| {
        name(out, label);
        u32(out, kind);
        count(out, n);
        padded(out, bytes);
    };
    count(&mut out, 3);
    u32(&mut out, 10);
    count(&mut out, 3);
    for (label, n) in [("time", 0), ("y", 2), ("x", 3)] {
        name(&mut out, label);
        count(&mut out, n);
    }
    u32(&mut out, 0);
    count(&mut out, 0);
    u32(&mut out, 11);
    count(&mut out, 3);
    let mut begins = vec![];
    let mut entry =
        |out: &mut Vec<u8>, label: &str, dims: &[u64], attributes: &dyn Fn(&mut Vec<u8>), kind: u32, bytes: u64| {
            name(out, label);
            count(out, dims.len() as u64);
            dims.iter().for_each(|&d| count(out, d));
            attributes(out);
            u32(out, kind);
            count(out, bytes);
            begins.push(out.len());
            out.resize(out.len() + if version == 1 { 4 } else { 8 }, 0);
        };
    let described = |out: &mut Vec<u8>| {
        u32(out, 12);
        count(out, 4);
        attribute(out, "units", 2, 2, b"mm");
        attribute(out, "scale_factor", 6, 1, &0.5f64.to_be_bytes());
        attribute(out, "add_offset", 5, 1, &100f32.to_be_bytes());
        attribute(out, "missing_value", 3, 1, &(-9i16).to_be_bytes());
    };
    let plain = |out: &mut Vec<u8>| {
        u32(out, 0);
        count(out, 0);
    };
    entry(&mut out, "packed", &[1, 2], &described, 3, 12);
    entry(&mut out, "wind", &[0, 1, 2], &plain, 5, 24);
    entry(&mut out, "day", &[0], &plain, 3, 4);
    let data = out.len();
    for (at, begin) in begins.into_iter().zip([data, data + 12, data + 36]) {
        let end = at + if version == 1 { 4 } else { 8 };
        out[end - 4..end].copy_from_slice(&(begin as u32).to_be_bytes());
    }
    for n in [0i16, 1, 2, -9, 4, 5] {
        out.extend(n.to_be_bytes());
    }
    for record in 0..3 {
        (0..6).for_each(|i| out.extend(((record * 10 + i) as f32).to_be_bytes()));
        padded(&mut out, &(record as i16 + 1).to_be_bytes());
    }
    out
}

fn nan_as_text(values: &[f64]) -> String {
    format!("{values:?}")
}

#[test]
fn classic_files_of_all_three_versions_are_read_in_boxes() {
    let dir = tempfile::tempdir().unwrap();
    for version in [1, 2, 5] {
        let path = dir.path().join(format!("{version}.nc"));
        std::fs::write(&path, classic(version)).unwrap();
        let info = variable(&path, "packed").unwrap();
        assert_eq!((info.dims, info.unit), (vec![("y".into(), 2), ("x".into(), 3)], "mm".into()));
        let all = read(&path, "packed", &[0, 0], &[2, 3]).unwrap();
        assert_eq!(nan_as_text(&all), "[100.0, 100.5, 101.0, NaN, 102.0, 102.5]");
        assert_eq!(read(&path, "packed", &[0, 1], &[2, 2]).unwrap(), [100.5, 101.0, 102.0, 102.5]);
        assert_eq!(variable(&path, "wind").unwrap().dims[0], ("time".into(), 3));
        let whole: Vec<f64> = (0..18).map(|i| (i / 6 * 10 + i % 6) as f64).collect();
        assert_eq!(read(&path, "wind", &[0, 0, 0], &[3, 2, 3]).unwrap(), whole);
        assert_eq!(read(&path, "wind", &[1, 1, 0], &[2, 1, 3]).unwrap(), [13.0, 14.0, 15.0, 23.0, 24.0, 25.0]);
        assert_eq!(read(&path, "wind", &[0, 0, 2], &[3, 2, 1]).unwrap(), [2.0, 5.0, 12.0, 15.0, 22.0, 25.0]);
        assert_eq!(read(&path, "day", &[1], &[2]).unwrap(), [2.0, 3.0]);
        assert!(read(&path, "day", &[3], &[0]).unwrap().is_empty());
    }
}

#[test]
fn a_classic_file_that_was_not_closed_counts_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("streaming.nc");
    let mut bytes = classic(1);
    bytes[4..8].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(variable(&path, "day").unwrap().dims, [("time".to_string(), 3)]);
    // Cut anywhere, it is an error or fewer records, never a panic.
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        if let Ok(info) = variable(&path, "wind") {
            assert!(info.dims[0].1 <= 3);
        }
    }
}

#[test]
fn hdf5_files_are_read_in_boxes() {
    let dir = tempfile::tempdir().unwrap();
    let axis = |name: &str, n: usize| Axis {
        name: name.into(),
        long_name: String::new(),
        unit: "m".into(),
        cf_axis: None,
        standard_name: None,
        attributes: vec![],
        values: (0..n).map(|i| i as f64).collect(),
    };
    let wind = Variable {
        name: "wind".into(),
        long_name: "the wind".into(),
        unit: "m s-1".into(),
        element: ElementType::F32,
        axes: vec![0, 1],
        attributes: vec![],
    };
    let layout = Layout {
        name: "f".into(),
        title: String::new(),
        axes: vec![axis("y", 2), axis("x", 3)],
        variables: vec![wind],
        ..Layout::default()
    };
    let mut stream = Stream::create(&Comm::alone(), dir.path(), layout, Seal::default()).unwrap();
    for step in 0..2 {
        let mut numbers: Vec<f32> = (0..6).map(|i| (step * 10 + i) as f32).collect();
        numbers[5] = f32::NAN;
        stream
            .write(Instant::at(step as u64, step as f64), vec![vec![Hyperslab::of(&[0, 0], &[2, 3], &numbers)]])
            .unwrap();
    }
    stream.finish().unwrap();
    for file in ["f.h5", "f/000000.h5"] {
        let path = dir.path().join(file);
        let info = variable(&path, "wind").unwrap();
        assert_eq!(info.dims, [("time".to_string(), 2), ("y".to_string(), 2), ("x".to_string(), 3)]);
        assert_eq!((info.unit, info.long_name), ("m s-1".into(), "the wind".into()));
        assert_eq!(nan_as_text(&read(&path, "wind", &[1, 0, 1], &[1, 2, 2]).unwrap()), "[11.0, 12.0, 14.0, NaN]");
        assert_eq!(read(&path, "step", &[0], &[2]).unwrap(), [0.0, 1.0]);
    }
    let error = read(dir.path().join("f.h5"), "wind", &[0, 0, 1], &[2, 2, 3]).unwrap_err().to_string();
    assert!(error.contains("does not lie in wind[time = 2, y = 2, x = 3]"), "{error}");
    let error = variable(dir.path().join("f.h5"), "wnd").unwrap_err().to_string();
    assert!(error.contains("no variable \"wnd\"") && error.contains("it has step, time, wind, x, y"), "{error}");
}

#[test]
fn wrong_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = variable(dir.path().join("none.nc"), "v").unwrap_err();
    assert!(missing.exit_code() == 2 && missing.what().contains("none.nc: No such file"), "{missing}");
    let path = dir.path().join("text.nc");
    std::fs::write(&path, "just text").unwrap();
    let error = variable(&path, "v").unwrap_err();
    assert!(
        error.exit_code() == 2 && error.what().contains("is a text file, not HDF5 (NetCDF-4) or classic"),
        "{error}"
    );
    std::fs::write(&path, classic(2)).unwrap();
    let error = variable(&path, "v").unwrap_err().to_string();
    assert!(error.contains("no variable \"v\"") && error.contains("it has day, packed, wind"), "{error}");
    for (start, count) in [(&[0, 0][..], &[2, 4][..]), (&[3, 0], &[1, 1]), (&[0], &[1]), (&[0, usize::MAX], &[1, 2])] {
        let error = read(&path, "packed", start, count).unwrap_err().to_string();
        assert!(error.contains("does not lie in packed[y = 2, x = 3]"), "{error}");
    }
}

/// A file of `ferret-datasets`, if that is installed.
fn ferret(name: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/share/ferret-vis/data").join(name);
    path.is_file().then_some(path)
}

#[test]
fn real_files_give_what_ncdump_prints() {
    if let Some(path) = ferret("etopo5.cdf") {
        let info = variable(&path, "ROSE").unwrap();
        assert_eq!(info.dims, [("ETOPO05_Y".to_string(), 2161), ("ETOPO05_X".to_string(), 4320)]);
        assert_eq!((&info.unit[..], &info.long_name[..]), ("meters", "Relief Of the Surface of the Earth"));
        assert_eq!(read(&path, "ROSE", &[1000, 2000], &[1, 4]).unwrap(), [-3694.0, -3691.0, -3681.0, -3669.0]);
        let six = [-4876.0, -4862.0, -4843.0, -4878.0, -4864.0, -4845.0];
        assert_eq!(read(&path, "ROSE", &[1080, 0], &[2, 3]).unwrap(), six);
        let all = read(&path, "ROSE", &[0, 0], &[2161, 4320]).unwrap();
        assert_eq!((all[0], all[all.len() - 1], all.iter().sum::<f64>()), (2810.0, -4290.0, -17679645880.0));
    }
    if let Some(path) = ferret("coads_climatology.cdf") {
        // Records of seven variables, with gaps.
        assert_eq!(variable(&path, "SST").unwrap().dims[0], ("TIME".to_string(), 12));
        let row = read(&path, "SST", &[5, 40, 10], &[1, 1, 2]).unwrap();
        assert_eq!(row, [26.448999404907227, 26.60916519165039]);
        let all = read(&path, "SST", &[0, 0, 0], &[12, 90, 180]).unwrap();
        assert_eq!(all.iter().filter(|v| !v.is_nan()).count(), 104778);
    }
}
