//! Derived quantities in output streams: the values that the fields give, as instants, means, regions, stations and pictures, with
//! the same bits on any ranks and after a stop.
mod attempts;
mod support;
use attempts::same_output;
use std::path::Path;
use support::Ranks::{Mpi, Threads};
use support::{at_most, has_mpirun, instants, resume, run, smoke, verified};

/// Streams of the rate of the reaction u v², which is no field of the job.
const STREAMS: [&str; 5] = [
    "output.reaction={every='10 step', fields=['u', 'v', 'rate'], picture=true}",
    "output.rate={every='7 step', fields=['rate'], reduce='mean'}",
    "output.steps={every='1 step', fields=['rate']}",
    "output.part={every='10 step', fields=['rate'], region={z=[5, 15], y=[8, 12], x=[9, 17]}}",
    "output.probe={every='10 step', fields=['rate'], points=[[0.105, 0.115, 0.135], [0.1, 0.11, 0.13]]}",
];
/// Cells along z, y, x.
const CELLS: [usize; 3] = [20, 22, 26];

fn cell([z, y, x]: [usize; 3]) -> usize {
    (z * CELLS[1] + y) * CELLS[2] + x
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-14 * a.abs().max(b.abs())
}

/// The rates of a stream at its instants.
fn rates(dir: &Path, stream: &str) -> Vec<(u64, Vec<f64>)> {
    instants(dir, stream, "rate")
}

#[test]
fn the_rate_of_a_reaction_is_what_its_fields_give() {
    let top = tempfile::tempdir().unwrap();
    let output = top.path().join("run");
    run(Threads(2), &smoke("gray_scott"), &output).with_all(STREAMS).ends().state();

    let [u, v, rate] = ["u", "v", "rate"].map(|name| instants(&output, "reaction", name));
    assert_eq!(rate.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 10, 20, 30, 40, 50, 60]);
    for (n, (step, rate)) in rate.iter().enumerate() {
        assert_eq!(rate.len(), CELLS.iter().product::<usize>());
        for (i, &rate) in rate.iter().enumerate() {
            let expected = u[n].1[i] * v[n].1[i] * v[n].1[i];
            assert!(close(rate, expected), "step {step}, cell {i}: {rate}, not {expected}");
        }
        assert!(rate.iter().any(|&rate| rate > 0.01), "it reacts");
    }

    // A region is a part of the whole, and a station the mean of the cells around it: one lies at a cell centre, one at a corner.
    let (part, probe) = (rates(&output, "part"), rates(&output, "probe"));
    for ((_, rate), ((_, part), (_, probe))) in rate.iter().zip(part.iter().zip(&probe)) {
        let region = (5..15).flat_map(|z| (8..12).flat_map(move |y| (9..17).map(move |x| [z, y, x])));
        assert_eq!(*part, region.map(|at| rate[cell(at)]).collect::<Vec<_>>());
        let corner = (0..8).map(|i| rate[cell([9 + i / 4, 10 + i / 2 % 2, 12 + i % 2])]).sum::<f64>() / 8.0;
        assert!(close(probe[0], rate[cell([10, 11, 13])]) && close(probe[1], corner), "{probe:?} {corner}");
    }

    // Means are of the steps since the instant before.
    let (mean, steps) = (rates(&output, "rate"), rates(&output, "steps"));
    assert_eq!(mean.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [7, 14, 21, 28, 35, 42, 49, 56, 60]);
    let mut before = 0;
    for (step, mean) in &mean {
        for at in [[10, 11, 13], [10, 8, 13], [3, 11, 20]].map(cell) {
            let of = &steps[before + 1..=*step as usize];
            let expected = of.iter().map(|(_, rate)| rate[at]).sum::<f64>() / of.len() as f64;
            assert!(close(mean[at], expected), "to step {step}: {} is not {expected}", mean[at]);
        }
        before = *step as usize;
    }

    let picture = std::fs::read(output.join("reaction-rate.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    let (whole, said) = verified(&output);
    assert!(whole && said.contains("reaction-rate.png"), "{said}");
    // It is in streams that name it only.
    assert!(halocline::files::input::variable(output.join("fields.h5"), "rate").is_err());
}

#[test]
fn it_has_the_same_bits_on_any_ranks_and_after_a_stop() {
    let top = tempfile::tempdir().unwrap();
    let output = |name: &str| top.path().join(name);
    for (job, streams) in [
        ("gray_scott", &STREAMS[..]),
        ("acoustic", &["output.energy={every='7 step', fields=['energy_density'], reduce='mean'}"][..]),
    ] {
        let of = |name: &str| output(&format!("{job}-{name}"));
        let state = run(Threads(1), &smoke(job), &of("1")).with_all(streams.to_vec()).ends().state().to_owned();
        let mut kinds = vec![("2", Threads(2)), ("3", Threads(3)), ("4", Threads(4))];
        if has_mpirun() {
            kinds.push(("mpi", Mpi(at_most(2))));
        }
        for (name, ranks) in kinds {
            let ended = run(ranks, &smoke(job), &of(name)).with_all(streams.to_vec()).ends();
            assert_eq!(ended.state(), state, "{}", ended.what);
            same_output(&of("1"), &of(name));
        }
        // Stopped within an interval of the mean, and continued on other ranks.
        let parts = of("parts");
        run(Threads(3), &smoke(job), &parts).with_all(streams.to_vec()).with("time.end=25 step").ends().state();
        resume(Threads(4), &parts).with("time.end=39 step").ends().state();
        assert_eq!(resume(Threads(1), &parts).with("time.end=60 step").ends().state(), state);
        same_output(&of("1"), &parts);
    }
}
