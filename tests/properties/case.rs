//! A random model as data, how it is declared to the engine, and how it is drawn.
use crate::stencils::{CellPosition, Plain, Rich, SHAPES, Stencil, weights, with_shape};
use halocline::comm::ranks;
use halocline::prelude::*;
use halocline_kernels::ElementType;
use proptest::prelude::*;

/// A condition at a wall; numbers are sixteenths.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    Value(i8),
    Gradient(i8),
    Reflecting,
    Moving(i8),
    Outside(i8),
}
impl Condition {
    /// The number as a double.
    pub fn number(v: i8) -> f64 {
        f64::from(v) / 16.0
    }

    /// The value at the wall of a moving one.
    pub fn moving(v: i8, [z, y, x]: [f64; 3], time: f64) -> f64 {
        Condition::number(v) + (x - 2.0 * y + 4.0 * z) / 64.0 + time / 8.0
    }

    fn boundary(self) -> Boundary {
        match self {
            Condition::Value(v) => Boundary::Value(Condition::number(v)),
            Condition::Gradient(v) => Boundary::Gradient(Condition::number(v)),
            Condition::Reflecting => Boundary::Reflecting,
            Condition::Moving(v) => Boundary::function(move |p, t| Condition::moving(v, [p.z, p.y, p.x], t)),
            Condition::Outside(v) => Boundary::Outside(Condition::number(v)),
        }
    }
}

/// A field: where on the cell (0: middle, 1 to 3: face across z, y, x), its walls, its first values.
#[derive(Clone, Debug)]
pub struct FieldCase {
    pub location: usize,
    pub walls: [[Condition; 2]; 3],
    pub seed: u64,
}
impl FieldCase {
    pub fn location(&self) -> Location {
        [Location::Center, Location::FaceZ, Location::FaceY, Location::FaceX][self.location]
    }

    /// The first value of the cell with this key.
    pub fn first(&self, key: u64) -> [f64; 2] {
        let part = |draw| 2.0 * halocline_kernels::random::uniform_draw(self.seed, key, draw) - 1.0;
        [part(0), part(1)]
    }
}

/// A stage or a loop. Fields and scalars are numbers, taken modulo how many there are.
#[derive(Clone, Debug)]
pub enum Op {
    Plain { shape: usize, from: usize, to: usize, seed: u64 },
    Rich { shape: usize, from: [usize; 3], scalar: usize, to: [usize; 2], seed: u64 },
    CellPosition { to: usize },
    Tiles { below: [usize; 3], above: [usize; 3], corners: bool, from: usize, to: usize, seed: u64 },
    Lines { axis: usize, reversed: bool, from: usize, to: usize },
    Transpose { turn: usize, reversed: [bool; 3], from: usize, to: usize },
    Point { at: [usize; 3], to: usize },
    Reduce { what: usize, of: [usize; 2], into: usize },
    Repeat(usize, Vec<Op>),
    Until(usize, Vec<Op>),
    Once(Vec<Op>),
}

/// Scalars that reductions write; one more counts the passes of loops.
pub const SCALARS: usize = 2;
/// What [`Op::Reduce`] can be.
pub const REDUCTIONS: usize = 10;
/// Length of a cell.
pub const H: f64 = 0.25;
/// Lowest corner of the grid.
pub const ORIGIN: [f64; 3] = [1.0, -2.0, 0.5];
/// Time step.
pub const DT: f64 = 0.5;

#[derive(Clone, Debug)]
pub struct Case {
    pub cells: [usize; 3],
    pub periodic: [bool; 3],
    pub fields: Vec<FieldCase>,
    pub start: Vec<Op>,
    pub step: Vec<Op>,
    pub steps: u64,
    pub element: ElementType,
    pub whole: [bool; 3],
    /// One more than the steps done at a time; 0 lets the engine choose.
    pub fuse: usize,
    pub split: Split,
}

/// How a case is run: parts that are wanted along each axis (as far as there are cells), and with what.
#[derive(Clone, Debug)]
pub struct Split {
    pub parts: [usize; 3],
    pub given: bool,
    pub threads: usize,
    pub set: usize,
}

impl Split {
    /// In every other case, halos go from memory to memory wherever they can, however small.
    fn direct(&self) -> bool {
        (self.parts.iter().sum::<usize>() + self.threads).is_multiple_of(2)
    }
}

impl Case {
    /// Is there a wall across the axis? A flat axis has none.
    pub fn has_walls(&self, axis: usize) -> bool {
        !self.periodic[axis] && self.cells[axis] > 1
    }

    /// The field that a number means.
    pub fn field(&self, number: usize) -> usize {
        number % self.fields.len()
    }

    /// The turn of a transpose: axes change places only where they are equally long.
    pub fn turn(&self, turn: usize, reversed: [bool; 3]) -> [(usize, bool); 3] {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let fits = |order: &&[usize; 3]| (0..3).all(|a| self.cells[a] == self.cells[order[a]]);
        let order = Some(&orders[turn % 6]).filter(fits).unwrap_or(&orders[0]);
        [0, 1, 2].map(|a| (order[a], reversed[a]))
    }

    /// Makes axes with walls long enough for what is mirrored inside, and flat axes periodic.
    fn legal(mut self) -> Case {
        let mut deepest = [1; 3];
        let mut all = vec![];
        walk(&self.start, &mut all);
        walk(&self.step, &mut all);
        for op in all {
            for offset in match op {
                Op::Plain { shape, .. } => {
                    with_shape!(*shape, S, P => { let _ = size_of::<P>(); <S as Stencil<f64>>::offsets() })
                }
                Op::Rich { shape, .. } => with_shape!(*shape, S, P => {
                    let mut both = <S as Stencil<f64>>::offsets();
                    both.extend(<P as Stencil<f64>>::offsets());
                    both
                }),
                Op::Tiles { below, above, .. } => {
                    vec![below.map(|b| -(b as isize)), above.map(|a| a as isize)]
                }
                _ => vec![],
            } {
                (0..3).for_each(|a| deepest[a] = deepest[a].max(offset[a].unsigned_abs()));
            }
        }
        for a in 0..3 {
            let on_faces = self.fields.iter().any(|f| f.location == a + 1);
            let least = deepest[a] + usize::from(on_faces);
            if self.has_walls(a) && self.cells[a] < least {
                self.cells[a] = least + self.cells[a] % 3;
            }
            let most = if self.has_walls(a) { self.cells[a] / least } else { self.cells[a] };
            self.split.parts[a] = self.split.parts[a].min(most);
        }
        self.on_at_most(12)
    }

    /// The same on no more than a number of ranks.
    pub fn on_at_most(mut self, ranks: usize) -> Case {
        while self.split.parts.iter().product::<usize>() > ranks {
            let largest = (0..3).max_by_key(|&a| self.split.parts[a]).unwrap_or(0);
            self.split.parts[largest] -= 1;
        }
        self
    }

    pub fn grid(&self) -> Grid {
        Grid::new(self.cells).periodic(self.periodic).length(self.cells.map(|n| n as f64 * H)).origin(ORIGIN)
    }

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

    /// The second field that a kernel writes: another one than the first.
    pub fn second(&self, first: usize, second: usize) -> usize {
        if self.field(first) == self.field(second) { self.field(second) + 1 } else { second }
    }
}

impl Op {
    /// Whether what reductions have found is squashed before it: as late as can be, so that other stages stand in between.
    pub fn needs_scalars(&self) -> bool {
        matches!(self, Op::Rich { .. } | Op::Repeat(..) | Op::Until(..) | Op::Once(_))
    }
}

/// Sums may be large; what kernels multiply by should not be.
pub fn squash(v: f64) -> f64 {
    v / (1.0 + v.abs())
}

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

fn walk<'a>(ops: &'a [Op], all: &mut Vec<&'a Op>) {
    for op in ops {
        all.push(op);
        if let Op::Repeat(_, body) | Op::Until(_, body) | Op::Once(body) = op {
            walk(body, all);
        }
    }
}

/// All offsets of a reach.
pub fn offsets_of(extent: &Extent) -> Vec<[isize; 3]> {
    let range = |a: usize| -(extent.below[a] as isize)..=extent.above[a] as isize;
    let all = range(0).flat_map(|z| range(1).flat_map(move |y| range(2).map(move |x| [z, y, x])));
    all.filter(|o| extent.corners || o.iter().filter(|d| **d != 0).count() <= 1).collect()
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        2 => any::<i8>().prop_map(Condition::Value),
        1 => any::<i8>().prop_map(Condition::Gradient),
        2 => Just(Condition::Reflecting),
        1 => any::<i8>().prop_map(Condition::Moving),
        2 => any::<i8>().prop_map(Condition::Outside),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let (f, seed) = (0..4_usize, 0..1000_u64);
    let (pair, triple) = ([0..4_usize, 0..4], [0..4_usize, 0..4, 0..4]);
    let depth = || prop::array::uniform3(0..3_usize);
    let single = prop_oneof![
        6 => (0..SHAPES, f.clone(), f.clone(), seed.clone())
            .prop_map(|(shape, from, to, seed)| Op::Plain { shape, from, to, seed }),
        6 => (0..SHAPES, triple, 0..SCALARS, pair.clone(), seed.clone())
            .prop_map(|(shape, from, scalar, to, seed)| Op::Rich { shape, from, scalar, to, seed }),
        1 => f.clone().prop_map(|to| Op::CellPosition { to }),
        2 => (depth(), depth(), any::<bool>(), f.clone(), f.clone(), seed)
            .prop_map(|(below, above, corners, from, to, seed)| Op::Tiles { below, above, corners, from, to, seed }),
        2 => (0..3_usize, any::<bool>(), f.clone(), f.clone())
            .prop_map(|(axis, reversed, from, to)| Op::Lines { axis, reversed, from, to }),
        2 => (0..6_usize, any::<[bool; 3]>(), f.clone(), f.clone())
            .prop_map(|(turn, reversed, from, to)| Op::Transpose { turn, reversed, from, to }),
        1 => (prop::array::uniform3(0..8_usize), f).prop_map(|(at, to)| Op::Point { at, to }),
        2 => (0..REDUCTIONS, pair, 0..SCALARS).prop_map(|(what, of, into)| Op::Reduce { what, of, into }),
    ];
    single.prop_recursive(2, 8, 3, |inner| {
        let body = prop::collection::vec(inner, 1..3);
        prop_oneof![
            (0..3_usize, body.clone()).prop_map(|(n, body)| Op::Repeat(n, body)),
            (0..3_usize, body.clone()).prop_map(|(most, body)| Op::Until(most, body)),
            body.prop_map(Op::Once),
        ]
    })
}

/// Random models, one to three dimensions, with axes as short as one cell.
pub fn case() -> impl Strategy<Value = Case> {
    let cells = prop_oneof![
        (1..20_usize).prop_map(|x| [1, 1, x]),
        (1..9_usize, 1..9_usize).prop_map(|(y, x)| [1, y, x]),
        (1..7_usize, 1..7_usize, 1..7_usize).prop_map(|(z, y, x)| [z, y, x]),
        (2..6_usize).prop_map(|n| [n; 3]),
    ];
    of_cells(cells, 4)
}

/// The same on grids so large that threads share the work of a rank, and messages and copies come in pieces.
pub fn large_case() -> impl Strategy<Value = Case> {
    let cells = prop_oneof![
        (30_000..50_000_usize).prop_map(|x| [1, 1, x]),
        (150..500_usize, 60..120_usize).prop_map(|(y, x)| [1, y, x]),
        (25..45_usize, 25..40_usize, 20..35_usize).prop_map(|(z, y, x)| [z, y, x]),
    ];
    of_cells(cells, 2)
}

/// Models of which much can be fused: kernels on cells and single cells that change, on grids of several tiles. Whole
/// steps, as a rule, or `stretches` between numbers that need all cells and loops that end by a number.
pub fn fusible_case(stretches: bool) -> impl Strategy<Value = Case> {
    let cells = prop_oneof![
        1 => (1..20_usize).prop_map(|x| [1, 1, x]),
        2 => (1..40_usize, 1..12_usize).prop_map(|(y, x)| [1, y, x]),
        6 => (1..24_usize, 1..40_usize, 1..9_usize).prop_map(|(z, y, x)| [z, y, x]),
        1 => (1..24_usize, 1..12_usize).prop_map(|(z, x)| [z, 1, x]),
    ];
    let (f, seed) = (0..4_usize, 0..1000_u64);
    let (pair, triple) = ([0..4_usize, 0..4], [0..4_usize, 0..4, 0..4]);
    let reductions = if stretches { 6 } else { 0 };
    let single = prop_oneof![
        6 => (0..SHAPES, f.clone(), f.clone(), seed.clone())
            .prop_map(|(shape, from, to, seed)| Op::Plain { shape, from, to, seed }),
        6 => (0..SHAPES, triple, 0..SCALARS, pair.clone(), seed)
            .prop_map(|(shape, from, scalar, to, seed)| Op::Rich { shape, from, scalar, to, seed }),
        1 => f.clone().prop_map(|to| Op::CellPosition { to }),
        2 => (prop::array::uniform3(0..40_usize), f).prop_map(|(at, to)| Op::Point { at, to }),
        reductions => (0..REDUCTIONS, pair, 0..SCALARS).prop_map(|(what, of, into)| Op::Reduce { what, of, into }),
    ];
    let single = single.prop_recursive(1, 3, 2, move |inner| {
        let body = prop::collection::vec(inner, 1..if stretches { 5 } else { 2 });
        (0..3_usize, body).prop_map(move |(n, body)| if stretches { Op::Until(n, body) } else { Op::Repeat(n, body) })
    });
    let start = prop::collection::vec(single.clone(), if stretches { 0..3 } else { 0..1 });
    let step = prop::collection::vec(single, if stretches { 2..8 } else { 1..4 });
    let steps = (start, step, 1..if stretches { 4 } else { 10_u64 }, 0..7_usize);
    (of_cells(cells, 2), steps).prop_map(|(case, (start, step, steps, fuse))| {
        let split = Split { parts: [case.split.parts[0], case.split.parts[1], 1], given: true, ..case.split };
        let mut case = Case { start, step, steps, fuse, whole: [false; 3], split, ..case };
        // Walls that move are seldom met in one step alone.
        for field in case.fields.iter_mut().filter(|f| f.seed % 8 > 0) {
            for wall in field.walls.iter_mut().flatten() {
                if let Condition::Moving(v) = *wall {
                    *wall = Condition::Value(v);
                }
            }
        }
        case.legal()
    })
}

fn of_cells(cells: impl Strategy<Value = [usize; 3]>, steps: u64) -> impl Strategy<Value = Case> {
    let walls = prop::array::uniform3(prop::array::uniform2(condition()));
    let field =
        (0..4_usize, walls, 0..1000_u64).prop_map(|(location, walls, seed)| FieldCase { location, walls, seed });
    let elements = [ElementType::F32, ElementType::F64, ElementType::C32, ElementType::C64];
    let whole = prop_oneof![4 => Just([false; 3]), 1 => (0..3_usize).prop_map(|a| [0, 1, 2].map(|b| a == b))];
    let split = (prop::array::uniform3(1..5_usize), any::<bool>(), 1..4_usize, 0..3_usize)
        .prop_map(|(parts, given, threads, set)| Split { parts, given, threads, set });
    let schedule = (prop::collection::vec(op(), 0..2), prop::collection::vec(op(), 1..5), 1..steps);
    (
        cells,
        any::<[bool; 3]>(),
        prop::collection::vec(field, 2..4),
        schedule,
        prop::sample::select(elements.to_vec()),
        whole,
        split,
    )
        .prop_map(|(cells, periodic, fields, (start, step, steps), element, whole, split)| {
            Case { cells, periodic, fields, start, step, steps, element, whole, fuse: 1 + split.set, split }.legal()
        })
}
