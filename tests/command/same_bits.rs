//! The command gives the same `state` and the same streams however it is started: ranks that are threads or MPI
//! processes, one thread or two, any instruction set, any process grid, any C library.
//!
//! Which ranks × threads × instruction sets are equal is seen in full by the suite `same_bits`, without the command; here each
//! value of each meets each job, under MPI too.
mod support;
use halocline_kernels::InstructionSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::Ranks::{self, Mpi, Threads};
use support::{at_most, both, has_mpirun, run, skipped, smokes, streams, works};

const COUNTS: [usize; 7] = [1, 2, 3, 4, 6, 8, 12];
/// Steps done at a time, in turns.
const FUSE: [&str; 5] = ["auto", "4", "1", "3", "6"];

/// A run of a smoke file without output, and its state.
fn state(ranks: Ranks, threads: usize, file: &Path, keys: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let quiet = streams(file).into_iter().map(|stream| format!("output.{stream}.every=never"));
    let ended = run(ranks, file, &folder.path().join("run"))
        .threads(threads)
        .with_all(quiet)
        .with_all(keys.iter().cloned())
        .ends();
    ended.state().to_owned()
}

fn alone(file: &Path, element: &str) -> String {
    let keys = [element_keys(file, element), vec!["engine.instruction_set=baseline".into()]].concat();
    state(Threads(1), 1, file, &keys)
}

/// The keys of runs in an element type: single precision cannot reach the tolerance of the smoke file of `poisson`.
fn element_keys(file: &Path, element: &str) -> Vec<String> {
    let looser = element == "f32" && file.parent().is_some_and(|folder| folder.ends_with("poisson"));
    let tolerance = looser.then(|| "parameters.tolerance=1e-5".to_owned());
    [format!("engine.element={element}")].into_iter().chain(tolerance).collect()
}

/// False for more MPI ranks than `HALOCLINE_MOST_RANKS`.
fn allowed(ranks: Ranks) -> bool {
    matches!(ranks, Threads(_)) || ranks.count() == at_most(ranks.count())
}

/// Runs of each job on each number of ranks, in both types; threads and instruction sets take turns.
fn covers(kind: fn(usize) -> Ranks) {
    let sets: Vec<_> = InstructionSet::ALL.into_iter().filter(|set| set.is_available()).collect();
    let mut turn = 0;
    for (job, file) in smokes() {
        let states = ["f64", "f32"].map(|element| {
            let alone = alone(&file, element);
            for n in COUNTS.into_iter().filter(|&n| allowed(kind(n))) {
                let (threads, set) = (1 + turn % 2, sets[turn % sets.len()].name());
                turn += 1;
                let more =
                    [format!("engine.instruction_set={set}"), format!("engine.fuse={}", FUSE[turn % FUSE.len()])];
                let keys = [&element_keys(&file, element)[..], &more].concat();
                let here = state(kind(n), threads, &file, &keys);
                assert_eq!(here, alone, "{job} on {:?} of {threads} threads with {keys:?}", kind(n));
            }
            alone
        });
        assert_ne!(states[0], states[1], "{job}: the two types look alike");
    }
}

#[test]
fn on_ranks_that_are_threads() {
    covers(Threads);
}

#[test]
fn on_mpi_ranks() {
    if has_mpirun() {
        covers(Mpi);
    }
}

#[test]
fn with_cuts_along_every_axis() {
    let mut turn = 0;
    for (job, file) in smokes() {
        let alone = ["f64", "f32"].map(|element| alone(&file, element));
        for split in [[3, 1, 1], [1, 3, 1], [1, 1, 3], [2, 3, 2], [1, 1, 2], [1, 2, 1]] {
            for ranks in both(split.iter().product()).into_iter().filter(|&ranks| allowed(ranks)) {
                let element = turn % 2;
                turn += 1;
                let more = [format!("parallel.ranks={split:?}")];
                let keys = [&element_keys(&file, ["f64", "f32"][element])[..], &more].concat();
                assert_eq!(state(ranks, 1, &file, &keys), alone[element], "{job} on {ranks:?} with {keys:?}");
            }
        }
    }
}

/// glibc has several versions of exp, sin, pow …, of other bits, and takes those that suit the CPU: this asks for the
/// plainest ones.
#[test]
fn with_the_plainest_c_library() {
    for (job, file) in smokes() {
        for element in ["f64", "f32"] {
            let folder = tempfile::tempdir().unwrap();
            let plain = run(Threads(2), &file, &folder.path().join("run"))
                .with_all(element_keys(&file, element))
                .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX512F")
                .ends();
            assert_eq!(plain.state(), alone(&file, element), "{job} in {element}");
        }
    }
}

/// All streams of two runs, compared by h5diff. It says nothing and exits with 0 where objects are of unlike types, too, so it
/// is asked to say what it compared.
fn h5diff(one: &Path, other: &Path, stream: &str) -> (i32, String) {
    let name = format!("{stream}.h5");
    let output = Command::new("h5diff")
        .args(["--verbose", "--exclude-path", "/provenance"])
        .args([one.join(&name), other.join(&name)])
        .output()
        .expect("h5diff");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn in_every_stream() {
    if !works("h5diff", "--version") {
        return skipped("comparison of streams", "there is no h5diff");
    }
    let compared = AtomicUsize::new(0);
    for (job, file) in smokes() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, ranks: Ranks, threads: usize, keys: &[&str]| {
            let path = folder.path().join(name);
            run(ranks, &file, &path).threads(threads).with_all(keys.iter().copied()).ends().state();
            path
        };
        let alone = written("alone", Threads(1), 1, &[]);
        let differs = |one: &Path, other: &Path| {
            streams(&file).iter().any(|stream| {
                let (code, text) = h5diff(one, other, stream);
                assert!(text.contains("dataset: </step>"), "nothing was compared: {text}");
                assert!(!text.contains("not comparable"), "{job}, {stream}: {text}");
                compared.fetch_add(1, Relaxed);
                match code {
                    0 => false,
                    1 => true,
                    _ => panic!("{job}, {stream}: h5diff failed: {text}"),
                }
            })
        };
        let mut others = vec![Threads(3), Threads(12)];
        if has_mpirun() {
            others.extend([1, 4, 6].map(Mpi).into_iter().filter(|&ranks| allowed(ranks)));
        }
        for ranks in others {
            let name = format!("{ranks:?}");
            assert!(!differs(&alone, &written(&name, ranks, 2, &[])), "{job} on {ranks:?}");
        }
        // A last bit here and there is seen: single precision, written as double.
        let doubles = streams(&file).into_iter().map(|s| format!("output.{s}.element=f64"));
        let rounded = [doubles.collect(), element_keys(&file, "f32")].concat();
        let exact: Vec<&str> = rounded.iter().filter(|key| !key.starts_with("engine.")).map(String::as_str).collect();
        let rounded: Vec<&str> = rounded.iter().map(String::as_str).collect();
        let [exact, rounded] =
            [("exact", exact), ("rounded", rounded)].map(|(name, keys)| written(name, Threads(1), 1, &keys));
        assert!(differs(&exact, &rounded), "{job}: h5diff sees nothing");
    }
    assert!(compared.into_inner() >= 4 * 3);
}
