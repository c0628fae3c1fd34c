//! A random model as data.
use crate::stencils::{Stencil, with_shape};
use halocline::prelude::*;
use halocline_kernels::ElementType;

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

    pub fn boundary(self) -> Boundary {
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
    pub fn direct(&self) -> bool {
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
    pub fn legal(mut self) -> Case {
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
