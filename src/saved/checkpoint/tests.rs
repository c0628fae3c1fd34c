use super::*;
use crate::comm::ranks;
use crate::model::source::{Arrival, Replay};
use crate::prelude::*;
use crate::saved::ledger::Ledger;
use crate::saved::verify;
use halocline_kernels::diffusion::Ftcs;
use halocline_kernels::wave::Leapfrog;
use num_complex::Complex;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Half a cell's value from each side along x, for complex numbers on faces.
struct Blur;
impl Kernel<Complex<f32>> for Blur {
    type Reads = (Star<1>,);
    type Writes = [Complex<f32>; 1];
    #[inline(always)]
    fn cell(&self, (a,): Near<'_, Complex<f32>, Self>) -> [Complex<f32>; 1] {
        [(a.x::<-1>() + a.x::<1>()) * 0.5]
    }
}

/// A model that has some of everything that a state is made of.
pub(crate) fn model(comm: &Comm) -> Result<Model> {
    let mut model = Model::new(comm.clone(), Grid::new([6, 9, 8]).periodic([true, false, true]));
    let dt = model.fixed_step(0.125);
    let heat = model.field::<f64>("heat").initial(|at| at.uniform(1)).build()?;
    let walls = model.field::<f64>("walls").location(Location::FaceY).initial(|at| at.uniform(2)).build()?;
    let (p, q) = (model.field::<f32>("p").initial(|at| at.bell(0.2)).build()?, model.field::<f32>("q").build()?);
    let speed = model.field::<f32>("speed").initial(|at| 0.1 + at.z * at.z).build()?;
    let phase = model.field::<Complex<f32>>("phase").location(Location::FaceX).initial(|at| at.uniform(3)).build()?;
    let (total, peak) = (model.scalar("total", 0.0), model.scalar("peak", 0.5));
    let keys = model.records("keys", |rank, size| (0..40u64).filter(|k| *k as usize % size == rank).collect());
    model.records::<u32>("nothing", |_, _| vec![]);
    let rain = model.source("rain", || {
        let drop = |i: usize| Arrival { time: 0.3 * i as f64, block: 0, index: [i % 6, i % 9, i % 8], value: 0.01 };
        Ok(Replay::new((0..30).map(drop).collect()))
    });
    model.at_start(|s| {
        s.reduce(total, sum(heat));
    });
    model.every_step(|s| {
        s.once(|s| {
            s.compute(peak, [peak], |[p]| p + 1.0);
        });
        s.apply(Ftcs::new(0.01, dt, [1.0; 3]), [heat], [heat]);
        s.apply(Ftcs::new(0.01, dt, [1.0; 3]), [walls], [walls]);
        s.receive(rain, heat, |old, value| old + value);
        s.apply(Leapfrog::<f32, 1>::new(dt, [1.0; 3]), (p, q, speed), [p, q]);
        s.apply(Blur, [phase], [phase]);
        s.scatter(keys, |k: &u64| k / 3);
        s.reduce(peak, max(heat));
    });
    Ok(model)
}

/// Steps on `on` ranks to step `to`, from the newest checkpoint if there is one, with a checkpoint after each of `saves`.
/// Returns the state hash and the first step.
fn attempt(dir: &Path, on: usize, to: u64, saves: &[u64]) -> (String, u64) {
    let all = ranks(on, 1, |comm| -> Result<(String, u64)> {
        let mut run = model(&comm)?.compile()?;
        if let Some(checkpoint) = newest(&comm, dir)? {
            run.restore(&checkpoint)?;
        }
        let from = run.steps();
        let mut manager = CheckpointManager::in_folder(&comm, dir, 3)?;
        for step in from + 1..=to {
            run.advance(1)?;
            // All ranks agree on the completed phases, as in the consensus of a run.
            let mut acknowledged = [manager.acknowledged()];
            comm.reduce(crate::comm::Reduce::Min, &mut acknowledged);
            manager.advance(acknowledged[0])?;
            if saves.contains(&step) {
                let spare = manager.spare();
                manager.save(run.snapshot(spare))?;
            }
        }
        manager.wait()?;
        Ok((run.state()?, from))
    });
    let all: Vec<_> = all.unwrap().into_iter().map(|end| end.unwrap()).collect();
    assert!(all.iter().all(|end| *end == all[0]));
    all[0].clone()
}

#[test]
fn a_run_goes_on_with_the_same_bits_on_any_number_of_ranks() {
    let whole = {
        let dir = tempfile::tempdir().unwrap();
        attempt(dir.path(), 1, 12, &[]).0
    };
    for before in [1, 2, 3, 6] {
        for after in [1, 3, 4, 8] {
            let dir = tempfile::tempdir().unwrap();
            attempt(dir.path(), before, 5, &[2, 5]);
            assert_eq!(attempt(dir.path(), after, 12, &[7]), (whole.clone(), 5), "from {before} ranks to {after}");
            assert_eq!(attempt(dir.path(), before, 12, &[]), (whole.clone(), 7), "from {before} to {after} and back");
        }
    }
}

#[test]
fn roots_do_not_depend_on_the_number_of_ranks() {
    let roots: BTreeSet<String> = [1, 2, 4, 8]
        .into_iter()
        .map(|on| {
            let dir = tempfile::tempdir().unwrap();
            attempt(dir.path(), on, 3, &[3]);
            let checkpoint = newest(&Comm::alone(), dir.path()).unwrap().unwrap();
            // Which rank has which records, and in what order, is not the same.
            let array = |(place, hashes): (&file::StoredArray, &Vec<hash_tree::Hash>)| {
                (!place.name.starts_with("bags/")).then(|| format!("{} {hashes:?}", place.name))
            };
            let root = checkpoint.header.arrays.iter().zip(&checkpoint.header.hashes).filter_map(array).collect();
            assert!(checkpoint.root().len() == 64);
            assert!(verify(dir.path(), None).unwrap().contains("everything is as it was written"));
            root
        })
        .collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
}

#[test]
fn the_last_checkpoints_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    attempt(dir.path(), 2, 9, &[1, 3, 4, 8, 9]);
    let steps: Vec<u64> = store::list(dir.path()).unwrap().iter().filter_map(|path| store::step_of(path)).collect();
    assert_eq!(steps, [9, 8, 4]);
    assert_eq!(Ledger::read(dir.path()).unwrap().entries().count(), 5);
    drop_later(dir.path(), Some(8), &Ledger::read(dir.path()).unwrap()).unwrap();
    assert_eq!(store::list(dir.path()).unwrap().len(), 2);
}

/// Damages the newest checkpoint in many ways, one at a time: the run then finds either the state that was written or the
/// checkpoint before it, never another state, a panic or a hang.
#[test]
fn no_damage_goes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    attempt(dir.path(), 3, 4, &[2, 4]);
    let path = store::path(dir.path(), 4);
    let good = fs::read(&path).unwrap();
    let states: Vec<String> = [2, 4]
        .map(|to| {
            let dir = tempfile::tempdir().unwrap();
            attempt(dir.path(), 1, to, &[]).0
        })
        .to_vec();
    let found = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let comm = Comm::alone();
        let checkpoint = newest(&comm, dir.path()).unwrap().unwrap();
        let mut run = model(&comm).unwrap().compile().unwrap();
        run.restore(&checkpoint).unwrap();
        assert_eq!(run.state().unwrap(), states[usize::from(run.steps() == 4)]);
        run.steps()
    };
    assert_eq!(found(&good), 4);
    let mut noticed = 0;
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..300 {
        let mut bad = good.clone();
        let at = random.usize(..bad.len());
        bad[at] ^= 1 << random.u8(..8);
        noticed += usize::from(found(&bad) == 2);
    }
    assert!(noticed > 150, "{noticed} of 300 flipped bits were in what counts");
    for _ in 0..50 {
        assert_eq!(found(&good[..random.usize(..good.len())]), 2, "cut short");
    }
    let mut bad = good.clone();
    let field = Checkpoint::open(&store::path(dir.path(), 2)).unwrap();
    let place = field.header.arrays.iter().find(|p| p.name == "fields/walls").unwrap();
    bad[place.offset as usize + 8 * (8 * 9 + 3)] ^= 1;
    fs::write(&path, &bad).unwrap();
    let why = verify(dir.path(), None).unwrap_err().to_string();
    assert!(why.contains("000000000004.h5: block 0 of `walls`, from [0, 0, 0] on, is not what was written"), "{why}");
    fs::write(store::path(dir.path(), 2), &good[..99]).unwrap();
    let why = newest(&Comm::alone(), dir.path()).unwrap_err().to_string();
    assert!(why.contains("of 2 checkpoints in") && why.contains("none is whole"), "{why}");
}

#[test]
fn the_state_of_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    attempt(dir.path(), 1, 2, &[2]);
    let checkpoint = newest(&Comm::alone(), dir.path()).unwrap().unwrap();
    let why = |change: fn(&mut Model)| {
        let mut model = model(&Comm::alone()).unwrap();
        change(&mut model);
        model.compile().unwrap().restore(&checkpoint).unwrap_err().to_string()
    };
    let more = why(|model| {
        let extra = model.field::<f64>("extra").build().unwrap();
        model.every_step(|s| _ = s.at_point("tick", extra, [0, 0, 0], |old, _| old));
    });
    assert!(more.contains("does not have `fields/extra` as f64 numbers [6, 9, 8]"), "{more}");
    assert!(why(|model| _ = model.scalar("unknown", 1.0)).contains("does not have the number `scalar/unknown`"));
    let mut other = Model::new(Comm::alone(), Grid::new([4, 4]));
    let speed = other.field::<f32>("speed").initial(|at| at.x).build().unwrap();
    let t = other.field::<f32>("t").build().unwrap();
    other.every_step(|s| _ = s.apply(Ftcs::<f32>::new(0.1, 0.1, [1.0; 3]), [speed], [t]));
    let mut run = other.compile().unwrap();
    let mut saved = run.snapshot(None);
    let bits = saved.numbers["constant/speed"];
    saved.numbers.insert("constant/speed".into(), bits + 1);
    let why = run.restore(&Memory(saved)).unwrap_err().to_string();
    assert!(why.starts_with("`speed` is not what it was"), "{why}");
}

#[test]
fn a_simulation_that_has_gone_on_goes_back() {
    let mut run = model(&Comm::alone()).unwrap().compile().unwrap();
    run.advance(3).unwrap();
    let saved = run.snapshot(None);
    run.advance(6).unwrap();
    let state = run.state().unwrap();
    let again = run.snapshot(Some(saved.clone()));
    assert!(again != saved && again == run.snapshot(None));
    run.restore(&Memory(saved.clone())).unwrap();
    assert_eq!(run.snapshot(None), saved);
    run.advance(6).unwrap();
    assert_eq!(run.state().unwrap(), state);
}

/// A state in memory, of a single rank.
struct Memory(crate::engine::Snapshot);
impl crate::engine::Saved for Memory {
    fn step(&self) -> u64 {
        self.0.step
    }
    fn number(&self, name: &str) -> Option<u64> {
        self.0.numbers.get(name).copied()
    }
    fn part(&self, name: &str) -> Option<(halocline_kernels::ElementType, Vec<usize>)> {
        self.0.parts.iter().find(|p| p.name == name).map(|p| (p.number, p.shape.clone()))
    }
    fn read(&self, part: &str, _: &[crate::base::hyperslab::Selection]) -> Result<Vec<Vec<u8>>> {
        let part = self.0.parts.iter().find(|p| p.name == part).unwrap();
        Ok(part.boxes.iter().map(|slab| slab.bytes.to_vec()).collect())
    }
}
