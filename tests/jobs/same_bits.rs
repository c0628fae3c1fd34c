//! Every job gives the same bits on any number of ranks and threads, with any instruction set, in f32 and f64. The suite
//! finds the jobs by itself: each has a `smoke.toml` in the folder of its name.
use halocline::comm::ranks;
use halocline::config::JobFile;
use halocline::run::{self, PreparedJob};
use halocline::{Comm, JobEntry, Result};
use halocline_jobs::all;
use halocline_kernels::InstructionSet;
use std::path::PathBuf;

const JOBS: &str = env!("CARGO_MANIFEST_DIR");

fn smoke(entry: &JobEntry, set: &[String]) -> PreparedJob {
    let path = PathBuf::from(JOBS).join(entry.name()).join("smoke.toml");
    let file = JobFile::read(path, set).expect("a smoke file without errors");
    assert_eq!(file.job, entry.name());
    entry.prepare(file).expect("parameters without errors")
}

/// The hash of the state after a few steps, on every rank; `fuse` steps at a time, or as many as the engine likes.
fn state(job: &PreparedJob, n: usize, threads: usize, fuse: Option<usize>) -> Result<String> {
    let run = |comm: Comm| {
        let mut model = run::model(job, comm)?;
        fuse.into_iter().for_each(|steps| model.fuse(steps));
        if n.is_multiple_of(2) {
            // These grids are small: halos would all be packed.
            model.direct(0);
        }
        let mut run = model.compile()?;
        run.start()?;
        let first = run.state()?;
        // What may end after any step is asked after every step.
        let at_once = if run.fusion().contains("any step may be the last") { 1 } else { STEPS / 2 };
        for _ in 0..STEPS / at_once {
            if !run.is_finished() {
                run.advance(at_once)?;
            }
        }
        let last = run.state()?;
        assert_ne!(first, last, "nothing happens in `{}`", job.file().job);
        Ok(last)
    };
    let states = ranks(n, threads, run).expect("no rank panics").into_iter().collect::<Result<Vec<_>>>()?;
    assert!(states.iter().all(|s| *s == states[0]), "ranks disagree about the state of `{}`", job.file().job);
    Ok(states[0].clone())
}

/// Enough for halos to cross a part, few enough for hundreds of runs.
const STEPS: u64 = 24;
/// Steps that are done at a time, in turns.
const FUSE: [Option<usize>; 6] = [Some(1), Some(3), None, Some(4), Some(0), Some(7)];
const RANKS: [usize; 7] = [1, 2, 3, 4, 6, 8, 12];

#[test]
fn ranks_threads_and_instruction_sets_do_not_show() {
    let sets: Vec<_> = InstructionSet::ALL.into_iter().filter(|set| set.is_available()).collect();
    for entry in all() {
        for element in ["f64", "f32"] {
            let file = |set: InstructionSet| {
                let keys = [format!("engine.element={element}"), format!("engine.instruction_set={}", set.name())];
                smoke(entry, &keys)
            };
            let alone = state(&file(InstructionSet::Baseline), 1, 1, Some(0)).expect("one rank runs");
            let mut turn = 0;
            for &set in &sets {
                for n in RANKS {
                    for threads in [1, 2] {
                        turn += 1;
                        let fuse = FUSE[turn % FUSE.len()];
                        let here = state(&file(set), n, threads, fuse).expect("as many ranks as a smoke file allows");
                        let how =
                            format!("{n} ranks of {threads} threads with {} and {fuse:?} steps fused", set.name());
                        assert_eq!(here, alone, "{} in {element} on {how}", entry.name());
                    }
                }
            }
        }
    }
}

#[test]
fn cuts_along_any_axis_and_flat_axes_do_not_show() {
    for entry in all() {
        for (cells, splits) in [
            ("[20, 22, 26]", &[[5, 1, 1], [1, 5, 1], [1, 1, 6], [2, 2, 2]][..]),
            ("[1, 22, 26]", &[[1, 5, 1], [1, 1, 6], [1, 2, 3]]),
            ("[1, 1, 26]", &[[1, 1, 2], [1, 1, 5]]),
        ] {
            let cells = format!("grid.cells={cells}");
            let alone = state(&smoke(entry, std::slice::from_ref(&cells)), 1, 1, Some(0)).expect("one rank runs");
            for (split, fuse) in splits.iter().flat_map(|split| [Some(0), Some(4)].map(|fuse| (split, fuse))) {
                let keys = [cells.clone(), format!("parallel.ranks={split:?}")];
                let here = state(&smoke(entry, &keys), split.iter().product(), 1, fuse).expect("a legal split");
                assert_eq!(here, alone, "{} with {keys:?}, {fuse:?} steps fused", entry.name());
            }
        }
    }
}

#[test]
fn every_job_has_its_folder_and_every_folder_its_job() {
    let mut folders: Vec<String> = std::fs::read_dir(JOBS)
        .expect("the jobs' folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("smoke.toml").exists())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    let mut jobs: Vec<_> = all().iter().map(JobEntry::name).collect();
    folders.sort();
    jobs.sort();
    assert_eq!(folders, jobs);
}

#[test]
fn all_job_files_have_no_errors_and_smoke_files_write_three_instants() {
    use halocline::config::{Cadence, SimulatedDuration};
    for entry in all() {
        for path in std::fs::read_dir(PathBuf::from(JOBS).join(entry.name())).expect("the job's folder") {
            let path = path.expect("an entry").path();
            let file = JobFile::read(&path, &[]).expect("a job file without errors");
            let job = entry.prepare(file).expect("parameters without errors");
            let file = job.file();
            let model = run::model(&job, Comm::alone()).expect("a model without errors");
            run::check_streams(file, &model).expect("streams without errors");
            if path.ends_with("smoke.toml") {
                let SimulatedDuration::Steps(end) = file.time.end else {
                    panic!("{}: an end in steps", path.display())
                };
                let instants = |every: &Cadence| if let Cadence::Steps(n) = every { end / n + 1 } else { 0 };
                assert!(instants(&file.output["fields"].every) >= 3, "{}", path.display());
            }
        }
    }
}
