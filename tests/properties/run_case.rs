//! How a random model is declared to the engine, and run.
use crate::case::{Case, DT, Op, REDUCTIONS, SCALARS, offsets_of, squash};
use crate::stencils::{CellPosition, Plain, Rich, weights, with_shape};
use halocline::comm::ranks;
use halocline::prelude::*;

struct Declared<T> {
    fields: Vec<Field<T>>,
    scalars: Vec<Scalar>,
    counter: Scalar,
}

/// What a run ends with, as bits.
#[derive(Clone, PartialEq)]
pub struct Outcome {
    pub fields: Vec<Vec<u64>>,
    pub scalars: Vec<u64>,
    pub state: String,
    /// True if some steps were done at a time.
    pub fused: bool,
}

impl Case {
    fn declare<T: Element>(&self, model: &mut Model) -> Result<Declared<T>> {
        let mut declared = Declared { fields: vec![], scalars: vec![], counter: model.scalar("passes", 0.0) };
        for (i, f) in self.fields.iter().enumerate() {
            let first = f.clone();
            let mut builder = model
                .field::<T>(&format!("f{i}"))
                .location(f.location())
                .initial(move |at| num_complex::Complex::<f64>::from_parts(first.first(at.key)));
            for (axis, heading) in [Z, Y, X].into_iter().enumerate() {
                builder = builder.boundary_at(-heading, f.walls[axis][0].boundary());
                builder = builder.boundary_at(heading, f.walls[axis][1].boundary());
                if self.whole[axis] {
                    builder = builder.whole([heading]);
                }
            }
            declared.fields.push(builder.build()?);
        }
        declared.scalars = (0..SCALARS).map(|i| model.scalar(&format!("s{i}"), 0.5)).collect();
        Ok(declared)
    }

    /// Runs it on one rank of a communicator. Fields as parts of their numbers in global order, scalars, state.
    pub fn run<T: Element>(&self, comm: Comm, dims: Option<[usize; 3]>, set: InstructionSet) -> Result<Outcome> {
        let mut model = Model::new(comm, self.grid());
        model.instruction_set(set);
        if self.split.direct() {
            model.direct(0);
        }
        self.fuse.checked_sub(1).into_iter().for_each(|steps| model.fuse(steps));
        dims.into_iter().for_each(|dims| model.process_grid(dims));
        model.fixed_step(DT);
        let declared = self.declare::<T>(&mut model)?;
        let profiles = (
            model.profile::<0>(|z| z / 16.0 + 0.5),
            model.profile_at::<1>(Location::FaceY, |y| 0.25 - y / 32.0),
            model.profile::<2>(|x| x / 64.0),
        );
        model.at_start(|s| self.write(s, &self.start, &declared, profiles));
        model.every_step(|s| self.write(s, &self.step, &declared, profiles));
        let mut run = model.compile()?;
        run.advance(self.steps)?;
        let parts = |f: &Field<T>| run.gather(*f)[0].iter().flat_map(|v| v.parts()).map(f64::to_bits).collect();
        let fields = declared.fields.iter().map(parts).collect();
        let scalars = declared.scalars.iter().chain([&declared.counter]).map(|s| run.scalar(*s).to_bits()).collect();
        let fused = run.fusion().contains("fused");
        Ok(Outcome { fields, scalars, state: run.state()?, fused })
    }

    /// Runs it on one of as many ranks as its split has parts.
    pub fn run_part<T: Element>(&self, comm: Comm) -> Result<Outcome> {
        let sets: Vec<_> = InstructionSet::ALL.into_iter().filter(|s| s.is_available()).collect();
        let dims = Some(self.split.parts).filter(|_| self.split.given && self.whole == [false; 3]);
        self.run::<T>(comm, dims, sets[self.split.set % sets.len()])
    }

    /// The outcome on all ranks of its split, which must agree.
    pub fn run_split<T: Element>(&self) -> Outcome {
        let size = self.split.parts.iter().product();
        let results = ranks(size, self.split.threads, |comm| self.run_part::<T>(comm));
        let mut results: Vec<Outcome> =
            results.expect("no rank fails").into_iter().map(|r| r.expect("it runs")).collect();
        let first = results.swap_remove(0);
        assert!(results.iter().all(|r| *r == first), "ranks do not agree");
        first
    }

    fn write<T: Element>(
        &self,
        s: &mut Schedule,
        ops: &[Op],
        declared: &Declared<T>,
        profiles: (Profile<0>, Profile<1>, Profile<2>),
    ) {
        let field = |f: usize| declared.fields[self.field(f)];
        let mut found: Vec<Scalar> = vec![];
        let squash = |s: &mut Schedule, found: &mut Vec<Scalar>| {
            found.drain(..).for_each(|v| _ = s.compute(v, [v], |[v]| squash(v)));
        };
        for op in ops {
            if op.needs_scalars() {
                squash(s, &mut found);
            }
            match op {
                Op::Plain { shape, from, to, seed } => with_shape!(*shape, S, P => {
                    let _ = size_of::<P>();
                    s.apply(Plain::<T, S>::new(*seed), [field(*from)], [field(*to)]);
                }),
                Op::Rich { shape, from: [a, b, c], scalar, to: [d, e], seed } => with_shape!(*shape, S, P => {
                    let scalar = declared.scalars[scalar % SCALARS];
                    let reads = (field(*a), field(*b), field(*c), scalar, profiles.0, profiles.1, profiles.2, Here);
                    s.apply(Rich::<T, S, P>::new(*seed), reads, [field(*d), field(self.second(*d, *e))]);
                }),
                Op::CellPosition { to } => _ = s.apply(CellPosition, (Here,), [field(*to)]),
                Op::Tiles { below, above, corners, from, to, seed } => {
                    let extent = Extent { below: *below, above: *above, corners: *corners };
                    let offsets = offsets_of(&extent);
                    let weights = weights::<T>(*seed, offsets.len());
                    let low = [0, 1, 2].map(|a| if a < 2 && self.cells[a] == 1 { 0 } else { below[a] });
                    let flat = [0, 1, 2].map(|a| a < 2 && self.cells[a] == 1);
                    s.tiles("tiles", [(field(*from), extent)], [field(*to)], move |[old], [mut new]| {
                        for ((z, y, x), v) in new.indexed_iter_mut() {
                            let here = [z, y, x];
                            let mut sum = T::default();
                            for (offset, w) in offsets.iter().zip(&weights) {
                                let at = [0, 1, 2].map(|a| {
                                    if flat[a] { 0 } else { (here[a] + low[a]).wrapping_add_signed(offset[a]) }
                                });
                                sum += old[at] * *w;
                            }
                            *v = sum;
                        }
                    });
                }
                Op::Lines { axis, reversed, from, to } => {
                    let along = [Z, Y, X][*axis];
                    let along = if *reversed { -along } else { along };
                    s.lines("lines", along, [field(*from)], [field(*to)], |[old], [mut new]| {
                        for k in 0..old.len() {
                            let before = if k > 0 { new[k - 1] } else { T::of(0.125) };
                            new[k] = old[k] * T::of(0.5) + before * T::of(0.375);
                        }
                    });
                }
                Op::Transpose { turn, reversed, from, to } => {
                    if self.field(*from) != self.field(*to) {
                        let turn = self.turn(*turn, *reversed).map(|(axis, back)| {
                            let heading = [Z, Y, X][axis];
                            if back { -heading } else { heading }
                        });
                        s.transpose(field(*from), field(*to), turn);
                    }
                }
                Op::Point { at, to } => {
                    let at = [0, 1, 2].map(|a| at[a] % self.cells[a]);
                    s.at_point("point", field(*to), at, |old, time| 0.5 * old + time / 16.0);
                }
                Op::Reduce { what, of: [a, b], into } => {
                    let (a, b, into) = (field(*a), field(*b), declared.scalars[into % SCALARS]);
                    let reduction = match what % REDUCTIONS {
                        0 => sum(a),
                        1 => mean(a),
                        2 => max(a),
                        3 => min(a),
                        4 => max_abs(a),
                        5 => norm1(a),
                        6 => norm2(a),
                        7 => rms(a),
                        8 => dot(a, b),
                        _ => max_difference(a, b),
                    };
                    s.reduce(into, reduction);
                    found.push(into);
                }
                Op::Repeat(n, body) => _ = s.repeat(*n, |s| self.write(s, body, declared, profiles)),
                Op::Until(most, body) => {
                    let counter = declared.counter;
                    s.until(counter.above(4.5), *most, |s| {
                        s.compute(counter, [counter], |[n]| n + 1.0);
                        self.write(s, body, declared, profiles);
                    });
                    s.compute(counter, [counter], |[n]| n - 2.0);
                }
                Op::Once(body) => _ = s.once(|s| self.write(s, body, declared, profiles)),
            }
        }
        squash(s, &mut found);
    }
}
