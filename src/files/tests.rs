//! Streams on in-process ranks, read back.
use super::*;
use crate::base::{Error, Result};
use crate::comm::{Comm, ranks};
use halocline_kernels::ElementType;
use std::path::Path;

const SHAPE: [usize; 3] = [5, 6, 7];

fn axis(name: &str, n: usize) -> Axis {
    Axis {
        name: name.into(),
        long_name: format!("{name} of the cell's centre"),
        unit: "m".into(),
        cf_axis: name.chars().next().map(|c| c.to_ascii_uppercase()),
        standard_name: None,
        attributes: vec![],
        values: (0..n).map(|i| i as f64 + 0.5).collect(),
    }
}

fn variable(name: &str, element: ElementType, axes: &[usize]) -> Variable {
    let axes = axes.to_vec();
    Variable {
        name: name.into(),
        long_name: format!("the {name}"),
        unit: "K".into(),
        element,
        axes,
        attributes: vec![],
    }
}

/// A volume in double and one in single precision, a plane, and a number without axes.
fn layout() -> Layout {
    Layout {
        name: "fields".into(),
        title: "a test".into(),
        axes: vec![axis("z", SHAPE[0]), axis("y", SHAPE[1]), axis("x", SHAPE[2])],
        variables: vec![
            variable("a", ElementType::F64, &[0, 1, 2]),
            variable("b", ElementType::F32, &[0, 1, 2]),
            variable("top", ElementType::F64, &[1, 2]),
            variable("mean", ElementType::F64, &[]),
        ],
        provenance: vec![("host".into(), "node1".into())],
        ..Layout::default()
    }
}

fn value(step: u64, index: usize) -> f64 {
    step as f64 + index as f64 / 1000.0
}

/// The hyperslabs of one rank: the volume cut along x into uneven parts and these along z once more, the plane cut along y,
/// the number on the last rank. With more than three ranks the first has nothing of the volume.
fn hyperslabs(step: u64, rank: usize, size: usize) -> Vec<Vec<Hyperslab>> {
    let [nz, ny, nx] = SHAPE;
    let (rank, parts) = if size > 3 { (rank.checked_sub(1), size - 1) } else { (Some(rank), size) };
    let mut out = vec![vec![]; 4];
    if let Some(rank) = rank {
        let cut = |n: usize, r: usize| if r == 0 { 0 } else { 1 + (n - 1) * r / parts };
        let (x0, x1) = (cut(nx, rank), cut(nx, rank + 1));
        for (z0, z1) in [(2, nz), (0, 2)] {
            let cells =
                || (z0..z1).flat_map(move |z| (0..ny).flat_map(move |y| (x0..x1).map(move |x| (z * ny + y) * nx + x)));
            let (start, count) = ([z0, 0, x0], [z1 - z0, ny, x1 - x0]);
            out[0].push(Hyperslab::of(&start, &count, &cells().map(|i| value(step, i)).collect::<Vec<f64>>()));
            out[1].push(Hyperslab::of(&start, &count, &cells().map(|i| value(step, i) as f32).collect::<Vec<f32>>()));
        }
        let (y0, y1) = (ny * rank / parts, ny * (rank + 1) / parts);
        let plane: Vec<f64> = (y0 * nx..y1 * nx).map(|i| value(step, i)).collect();
        out[2].push(Hyperslab::of(&[y0, 0], &[y1 - y0, nx], &plane));
        if rank + 1 == parts {
            out[3].push(Hyperslab::of(&[], &[], &[value(step, 0)]));
        }
    }
    out
}

fn write_all(comm: &Comm, dir: &Path, steps: &[u64], seal: Seal) -> Result<()> {
    let mut stream = Stream::create(comm, dir, layout(), seal)?;
    for &step in steps {
        stream.write(Instant::at(step, step as f64 / 2.0), hyperslabs(step, comm.rank(), comm.size()))?;
    }
    stream.finish()
}

const EACH: Seal = Seal { bytes: u64::MAX, seconds: 0.0 };
const NEVER: Seal = Seal { bytes: u64::MAX, seconds: f64::MAX };

fn read(path: &Path, name: &str) -> Vec<f64> {
    let data = hdf5::open(path).unwrap().dataset(name).unwrap();
    let shape = data.shape();
    hdf5::read(&data, &(vec![0; shape.len()], shape)).unwrap()
}

fn expect(path: &Path, steps: &[u64]) {
    let cells: usize = SHAPE.iter().product();
    let all = |n: usize| steps.iter().flat_map(move |&s| (0..n).map(move |i| value(s, i))).collect::<Vec<_>>();
    assert_eq!(read(path, "a"), all(cells));
    assert_eq!(read(path, "b"), all(cells).iter().map(|&v| v as f32 as f64).collect::<Vec<_>>());
    assert_eq!(read(path, "top"), all(SHAPE[1] * SHAPE[2]));
    assert_eq!(read(path, "mean"), all(1));
    assert_eq!(read(path, "step"), steps.iter().map(|&s| s as f64).collect::<Vec<_>>());
    assert_eq!(read(path, "time"), steps.iter().map(|&s| s as f64 / 2.0).collect::<Vec<_>>());
}

#[test]
fn any_ranks_and_any_segments_give_the_same_file() {
    let steps = [0, 10, 20, 30, 41];
    let dir = tempfile::tempdir().unwrap();
    for size in 1..=4 {
        for (way, seal) in
            [EACH, NEVER, Seal { bytes: 2 * layout().bytes_per_instant(), seconds: f64::MAX }].iter().enumerate()
        {
            let here = dir.path().join(format!("{size}-{way}"));
            for outcome in ranks(size, 1, |comm| write_all(&comm, &here, &steps, *seal)).unwrap() {
                outcome.unwrap();
            }
            assert_eq!(std::fs::read_dir(here.join("fields")).unwrap().count(), [5, 1, 3][way]);
            expect(&here.join("fields.h5"), &steps);
            pack(&here, "fields", &here.join("fields.packed.h5"), |_| Ok(())).unwrap();
            assert_eq!(shown_segments(&here, "fields").len(), [5, 1, 3][way]);
            expect(&here.join("fields.packed.h5"), &steps);
        }
    }
    // No byte depends on the number of ranks or on the time of writing.
    let first = |size: usize| std::fs::read(dir.path().join(format!("{size}-1/fields/000000.h5"))).unwrap();
    assert!((2..=4).all(|size| first(size) == first(1)));
}

#[test]
fn many_small_segments_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let steps: Vec<u64> = (0..300).collect();
    for outcome in ranks(2, 1, |comm| write_all(&comm, dir.path(), &steps, EACH)).unwrap() {
        outcome.unwrap();
    }
    let view = dir.path().join("fields.h5");
    expect(&view, &steps);
    let shown = shown_segments(dir.path(), "fields");
    assert_eq!((shown.len(), shown[0].as_str()), (1 + 300 - 256, "fields/000000-000255.h5"));
    assert_eq!(std::fs::read_dir(dir.path().join("fields")).unwrap().count(), shown.len());
    assert!(is_merged(dir.path(), "fields/000255.h5") && !is_merged(dir.path(), "fields/000256.h5"));
    // A merged segment that was complete before the run was killed, and those that it holds.
    std::fs::copy(dir.path().join("fields/000256.h5"), dir.path().join("fields/000100.h5")).unwrap();
    for outcome in ranks(2, 1, |comm| {
        let mut stream = Stream::resume(&comm, dir.path(), layout(), EACH, Some(99))?;
        stream.write(Instant::at(100, 50.0), hyperslabs(100, comm.rank(), comm.size()))?;
        stream.finish()
    })
    .unwrap()
    {
        outcome.unwrap();
    }
    expect(&view, &steps[..101]);
    assert_eq!(shown_segments(dir.path(), "fields"), ["fields/000000-000255.h5", "fields/000256.h5"]);
    assert!(!dir.path().join("fields/000100.h5").exists());
    let packed = dir.path().join("packed.h5");
    pack(dir.path(), "fields", &packed, |_| Ok(())).unwrap();
    expect(&packed, &steps[..101]);
}

#[test]
fn the_view_can_be_moved_with_its_directory_and_names_axes() {
    let dir = tempfile::tempdir().unwrap();
    write_all(&Comm::alone(), &dir.path().join("old"), &[1, 2], EACH).unwrap();
    std::fs::rename(dir.path().join("old"), dir.path().join("new")).unwrap();
    let view = dir.path().join("new/fields.h5");
    expect(&view, &[1, 2]);
    let data = hdf5::open(&view).unwrap().dataset("a").unwrap();
    assert_eq!(hdf5::axis_names(&data), ["time", "z", "y", "x"]);
    assert_eq!(hdf5::text(&data, "units").as_deref(), Some("K"));
    assert_eq!(schema::provenance(&hdf5::open(&view).unwrap()).unwrap(), [layout().provenance]);
    // A missing segment reads as NaN, and `pack` refuses the remaining segments.
    std::fs::remove_file(dir.path().join("new/fields/000001.h5")).unwrap();
    let values = read(&view, "mean");
    assert!(values[0] == value(1, 0) && values[1].is_nan());
    let packed = dir.path().join("packed.h5");
    let error = pack(&dir.path().join("new"), "fields", &packed, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("000001.h5 is missing"), "{error}");
}

#[test]
fn a_restart_drops_later_instants_and_adds_its_provenance() {
    let dir = tempfile::tempdir().unwrap();
    let two = Seal { bytes: 2 * layout().bytes_per_instant(), seconds: f64::MAX };
    write_all(&Comm::alone(), dir.path(), &[0, 10, 20, 30, 40], two).unwrap();
    let resume = |from: Option<u64>, steps: &[u64]| {
        for outcome in ranks(2, 1, |comm| {
            let mut stream = Stream::resume(&comm, dir.path(), layout(), EACH, from)?;
            for &step in steps {
                stream.write(Instant::at(step, step as f64 / 2.0), hyperslabs(step, comm.rank(), comm.size()))?;
            }
            stream.finish()
        })
        .unwrap()
        {
            outcome.unwrap();
        }
    };
    let view = dir.path().join("fields.h5");
    // From inside a segment without new instants; from there again; from further back.
    resume(Some(20), &[]);
    expect(&view, &[0, 10, 20]);
    resume(Some(20), &[25, 30]);
    expect(&view, &[0, 10, 20, 25, 30]);
    resume(Some(25), &[35]);
    expect(&view, &[0, 10, 20, 25, 35]);
    let packed = dir.path().join("fields.packed.h5");
    let checked = std::cell::RefCell::new(vec![]);
    pack(dir.path(), "fields", &packed, |name| {
        checked.borrow_mut().push(name.to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(checked.into_inner(), shown_segments(dir.path(), "fields"));
    expect(&packed, &[0, 10, 20, 25, 35]);
    let refused = pack(dir.path(), "fields", &packed, |_| Err(Error::failure("changed"))).unwrap_err();
    assert_eq!(refused.what(), "changed");
    expect(&packed, &[0, 10, 20, 25, 35]);
    assert_eq!(schema::provenance(&hdf5::open(&view).unwrap()).unwrap().len(), 4);
    let packed = hdf5::open(&dir.path().join("fields.packed.h5")).unwrap();
    assert_eq!(schema::provenance(&packed).unwrap().len(), 4);
    // From the beginning, as after a kill before the first checkpoint.
    resume(None, &[]);
    assert!(!view.exists() && std::fs::read_dir(dir.path().join("fields")).unwrap().count() == 0);
    resume(None, &[0, 5]);
    expect(&view, &[0, 5]);
}

#[test]
fn a_stream_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    write_all(&Comm::alone(), dir.path(), &[0], EACH).unwrap();
    let error = write_all(&Comm::alone(), dir.path(), &[0], EACH).unwrap_err();
    assert!(error.exit_code() == 2 && error.what().starts_with("output stream \"fields\" exists: "), "{error}");
}

#[test]
fn a_failure_on_one_rank_is_returned_on_all_and_spares_sealed_segments() {
    let dir = tempfile::tempdir().unwrap();
    let outcomes = ranks(3, 1, |comm| {
        let mut stream = Stream::create(&comm, dir.path(), layout(), EACH)?;
        stream.write(Instant::at(0, 0.0), hyperslabs(0, comm.rank(), 3))?;
        let mut wrong = hyperslabs(1, comm.rank(), 3);
        if comm.rank() == 2 {
            wrong[1][0].bytes = wrong[1][0].bytes[1..].to_vec().into();
        }
        let first = stream.write(Instant::at(1, 0.5), wrong).unwrap_err().to_string();
        // Cells that no rank writes.
        let mut few = hyperslabs(1, comm.rank(), 3);
        if comm.rank() == 1 {
            few[2].clear();
        }
        let second = stream.write(Instant::at(1, 0.5), few).unwrap_err().to_string();
        let back = stream.write(Instant::at(0, 0.5), hyperslabs(0, comm.rank(), 3)).unwrap_err().to_string();
        // The stream is still usable.
        stream.write(Instant::at(2, 1.0), hyperslabs(2, comm.rank(), 3))?;
        stream.finish()?;
        Ok::<_, Error>([first, second, back])
    });
    for outcome in outcomes.unwrap() {
        let [first, second, back] = outcome.unwrap();
        assert!(first.contains("rank 2 of 3: fields, b: a box of size"), "{first}");
        assert!(second.contains("fields, top: the ranks gave 28 of 42 cells"), "{second}");
        assert!(back.contains("step 0 after step 0"), "{back}");
    }
    expect(&dir.path().join("fields.h5"), &[0, 2]);
}

#[test]
fn an_unwritable_directory_is_one_clear_error_on_all_ranks() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for outcome in ranks(2, 1, |comm| write_all(&comm, &file, &[0], EACH)).unwrap() {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("cannot create") && error.contains("Not a directory"), "{error}");
        assert!(error.contains("--output"), "{error}");
    }
}

#[test]
fn invalid_layouts_are_refused_before_files_are_created() {
    let dir = tempfile::tempdir().unwrap();
    let try_with = |change: &dyn Fn(&mut Layout)| {
        let mut layout = layout();
        change(&mut layout);
        let error = Stream::create(&Comm::alone(), dir.path(), layout, EACH).err().expect("an error");
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    assert!(try_with(&|l| l.variables[1].name = "x".into()).contains("the name \"x\" is there twice"));
    assert!(try_with(&|l| l.axes[0].name = "time".into()).contains("the name \"time\" is there twice"));
    assert!(try_with(&|l| l.name = "a/b".into()).contains("cannot be used in a file"));
    assert!(try_with(&|l| l.variables[0].axes[0] = 3).contains("a lies on axis 3 of 3"));
    assert!(
        try_with(&|l| l.variables[0].element = ElementType::C64).contains("write a complex field as two variables")
    );
    assert!(try_with(&|l| l.axes[1].values.clear()).contains("axis y has no cells"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_stream_dropped_without_finish_leaves_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut stream = Stream::create(&Comm::alone(), dir.path(), layout(), NEVER).unwrap();
    stream.write(Instant::at(0, 0.0), hyperslabs(0, 0, 1)).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("fields")).unwrap().count(), 1);
    drop(stream);
    assert_eq!(std::fs::read_dir(dir.path().join("fields")).unwrap().count(), 0);
}
