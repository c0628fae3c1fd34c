//! The serial reference: plain loops over cells, a function for what lies beyond a wall, one array a field. It shares the
//! arithmetic of numbers with the engine, and nothing else: no halos, no regions, no order of filling.
use crate::case::{Case, Condition, DT, H, ORIGIN, Op, REDUCTIONS, SCALARS, offsets_of, squash};
use crate::run_case::Outcome;
use crate::stencils::{Stencil, place, weights, with_shape};
use halocline::prelude::*;
use halocline_kernels::math::powi;
use num_bigint::{BigInt, BigUint, Sign};
use std::collections::HashSet;

pub struct Reference<'c, T> {
    case: &'c Case,
    fields: Vec<Vec<T>>,
    scalars: Vec<f64>,
    passes: f64,
    time: f64,
    done: HashSet<*const Op>,
}

impl<'c, T: Element> Reference<'c, T> {
    /// The first values.
    pub fn new(case: &'c Case) -> Self {
        let cells: usize = case.cells.iter().product();
        let first = |f: usize| (0..cells).map(|key| T::from_parts(case.fields[f].first(key as u64))).collect();
        let fields = (0..case.fields.len()).map(first).collect();
        let scalars = vec![0.5; SCALARS];
        let mut this = Reference { case, fields, scalars, passes: 0.0, time: 0.0, done: HashSet::new() };
        (0..case.fields.len()).for_each(|f| this.set_wall(f));
        this
    }

    /// All steps, and what comes before them.
    pub fn run(mut self) -> Outcome {
        self.ops(&self.case.start);
        for step in 1..=self.case.steps {
            self.ops(&self.case.step);
            self.time = step as f64 * DT;
            for f in 0..self.fields.len() {
                if self.case.fields[f].walls.iter().flatten().any(|c| matches!(c, Condition::Moving(_))) {
                    self.set_wall(f);
                }
            }
        }
        let bits = |f: &Vec<T>| f.iter().flat_map(|v| v.parts()).map(f64::to_bits).collect();
        let scalars = self.scalars.iter().chain([&self.passes]).map(|s| s.to_bits()).collect();
        Outcome { fields: self.fields.iter().map(bits).collect(), scalars, state: String::new(), fused: false }
    }

    fn key(&self, [z, y, x]: [isize; 3]) -> usize {
        let [_, ny, nx] = self.case.cells;
        (z as usize * ny + y as usize) * nx + x as usize
    }

    /// Where the value with this index sits: the middle of the cell, or its lower face across an axis.
    fn position(&self, f: usize, index: [isize; 3]) -> [f64; 3] {
        [0, 1, 2].map(|a| {
            let half = if self.case.fields[f].location == a + 1 { 0.0 } else { 0.5 };
            ORIGIN[a] + (index[a] as f64 + half) * H
        })
    }

    /// The value with any index, also beyond walls and periodic ends.
    fn look(&self, f: usize, index: [isize; 3]) -> T {
        for a in [2, 1, 0] {
            if self.case.has_walls(a) && !(0..self.case.cells[a] as isize).contains(&index[a]) {
                return self.beyond(f, index, a);
            }
        }
        let inside = [0, 1, 2].map(|a| index[a].rem_euclid(self.case.cells[a] as isize));
        self.fields[f][self.key(inside)]
    }

    /// The value at or beyond the wall across an axis: second order about the wall, which is the mirror.
    fn beyond(&self, f: usize, index: [isize; 3], axis: usize) -> T {
        let high = index[axis] > 0;
        let on_faces = self.case.fields[f].location == axis + 1;
        let n = self.case.cells[axis] as isize;
        // Twice the distance from the wall in cells: odd for middles, even for faces, 0 on the wall.
        let twice = match (on_faces, high) {
            (false, false) => -1 - 2 * index[axis],
            (false, true) => 2 * (index[axis] - n) + 1,
            (true, false) => -2 * index[axis],
            (true, true) => 2 * (index[axis] - n),
        };
        let inward = if high { -1 } else { 1 };
        let at = |axis_index: isize| {
            let mut other = index;
            other[axis] = axis_index;
            other
        };
        let on_wall = twice == 0;
        let inner = at(index[axis] + inward * if on_wall { 1 } else { twice });
        let apart = -inward as f64 * if on_wall { 1.0 } else { twice as f64 } * H;
        let value = |v: f64| if on_wall { T::of(v) } else { T::of(2.0) * T::of(v) - self.look(f, inner) };
        match self.case.fields[f].walls[axis][usize::from(high)] {
            Condition::Value(v) => value(Condition::number(v)),
            Condition::Gradient(g) => self.look(f, inner) + T::of(Condition::number(g) * apart),
            Condition::Reflecting if on_wall => T::default(),
            Condition::Reflecting if on_faces => -self.look(f, inner),
            Condition::Reflecting => self.look(f, inner),
            Condition::Outside(v) => T::of(Condition::number(v)),
            Condition::Moving(v) => {
                // Adjacent a periodic end lies the other end.
                let here = [0, 1, 2].map(|a| {
                    let n = self.case.cells[a] as isize;
                    if self.case.has_walls(a) { index[a] } else { index[a].rem_euclid(n) }
                });
                let mut wall = self.position(f, here);
                wall[axis] = ORIGIN[axis] + if high { n as f64 * H } else { 0.0 };
                value(Condition::moving(v, wall, self.time))
            }
        }
    }

    /// Values on the lower wall across the axis of a field on faces are the wall's.
    fn set_wall(&mut self, f: usize) {
        let Some(axis) = self.case.fields[f].location.checked_sub(1) else { return };
        if self.case.has_walls(axis) {
            let walls: Vec<_> = self.indices().into_iter().filter(|i| i[axis] == 0).collect();
            for index in walls {
                let key = self.key(index);
                self.fields[f][key] = self.beyond(f, index, axis);
            }
        }
    }

    fn indices(&self) -> Vec<[isize; 3]> {
        let [nz, ny, nx] = self.case.cells.map(|n| n as isize);
        (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [z, y, x]))).collect()
    }

    /// New fields from a function of the index.
    fn make<const N: usize>(&mut self, to: [usize; N], value: impl Fn(&Self, [isize; 3]) -> [T; N]) {
        let new: Vec<[T; N]> = self.indices().into_iter().map(|i| value(self, i)).collect();
        for (n, f) in to.into_iter().enumerate() {
            self.fields[f] = new.iter().map(|v| v[n]).collect();
            self.set_wall(f);
        }
    }

    fn sum(&self, f: usize, here: [isize; 3], offsets: &[[isize; 3]], weights: &[T], first: Option<T>) -> T {
        let mut sum = first.unwrap_or_default();
        for (k, (o, w)) in offsets.iter().zip(weights).enumerate() {
            let term = self.look(f, [0, 1, 2].map(|a| here[a] + o[a])) * *w;
            // A sum of arms begins with its first term, that of a cube with zero.
            if k == 0 && first.is_none() { sum = term } else { sum += term }
        }
        sum
    }

    fn ops(&mut self, ops: &'c [Op]) {
        let mut found = vec![];
        for op in ops {
            if op.needs_scalars() {
                self.squash(&mut found);
            }
            self.op(op);
            if let Op::Reduce { into, .. } = op {
                found.push(into % SCALARS);
            }
        }
        self.squash(&mut found);
    }

    fn squash(&mut self, found: &mut Vec<usize>) {
        found.drain(..).for_each(|i| self.scalars[i] = squash(self.scalars[i]));
    }

    fn op(&mut self, op: &'c Op) {
        let case = self.case;
        let field = |f: usize| case.field(f);
        match op {
            Op::Plain { shape, from, to, seed } => {
                let (offsets, zero) = offsets::<T>(*shape, false);
                let (from, w) = (field(*from), weights(*seed, offsets.len()));
                self.make([field(*to)], |this, i| [this.sum(from, i, &offsets, &w, zero)]);
            }
            Op::Rich { shape, from, scalar, to: [d, e], seed } => {
                let ((first, zero), (second, zero2)) = (offsets::<T>(*shape, false), offsets::<T>(*shape, true));
                let (w, w2) = (weights(*seed, first.len()), weights(*seed + 1, second.len()));
                let ([a, b, c], s) = (from.map(field), T::Real::of(self.scalars[scalar % SCALARS]));
                let to = [field(*d), field(case.second(*d, *e))];
                let real = T::Real::of;
                self.make(to, |this, i| {
                    let (near, other) = (this.sum(a, i, &first, &w, zero), this.sum(b, i, &second, &w2, zero2));
                    let middle = |a: usize, d: isize| ORIGIN[a] + ((i[a] + d) as f64 + 0.5) * H;
                    let pz = real(middle(0, 0) / 16.0 + 0.5);
                    let py = real(0.25 - (ORIGIN[1] + (i[1] + 2) as f64 * H) / 32.0);
                    let px = real(middle(2, -3) / 64.0);
                    let factor = s * pz + py - px;
                    let at = real(place(this.position(to[0], i), i.map(|i| i as usize), this.key(i) as u64));
                    [near * factor + this.look(c, i) * T::of(0.25), other * at + near]
                });
            }
            Op::CellPosition { to } => {
                let to = field(*to);
                self.make([to], |this, i| {
                    [T::of(place(this.position(to, i), i.map(|i| i as usize), this.key(i) as u64))]
                });
            }
            Op::Tiles { below, above, corners, from, to, seed } => {
                let offsets = offsets_of(&Extent { below: *below, above: *above, corners: *corners });
                let (from, w) = (field(*from), weights(*seed, offsets.len()));
                self.make([field(*to)], |this, i| [this.sum(from, i, &offsets, &w, Some(T::default()))]);
            }
            Op::Lines { axis, reversed, from, to } => {
                // Each cell from the one before it on its line, which comes earlier in the order of keys.
                let (from, to, n) = (field(*from), field(*to), case.cells[*axis] as isize);
                let mut all = self.indices();
                if *reversed {
                    all.reverse();
                }
                let mut new = self.fields[from].clone();
                for i in all {
                    let (begin, step) = if *reversed { (n - 1, -1) } else { (0, 1) };
                    let mut before = i;
                    before[*axis] -= step;
                    let before = if i[*axis] == begin { T::of(0.125) } else { new[self.key(before)] };
                    new[self.key(i)] = self.fields[from][self.key(i)] * T::of(0.5) + before * T::of(0.375);
                }
                self.fields[to] = new;
                self.set_wall(to);
            }
            Op::Transpose { turn, reversed, from, to } => {
                let (from, to, turn) = (field(*from), field(*to), case.turn(*turn, *reversed));
                if from != to {
                    self.make([to], |this, i| {
                        let mut source = [0; 3];
                        for (a, (axis, back)) in turn.into_iter().enumerate() {
                            source[axis] = if back { case.cells[axis] as isize - 1 - i[a] } else { i[a] };
                        }
                        [this.fields[from][this.key(source)]]
                    });
                }
            }
            Op::Point { at, to } => {
                let (to, key) = (field(*to), self.key([0, 1, 2].map(|a| (at[a] % case.cells[a]) as isize)));
                let [re, im] = self.fields[to][key].parts();
                self.fields[to][key] = T::from_parts([0.5 * re + self.time / 16.0, im]);
                self.set_wall(to);
            }
            Op::Reduce { what, of, into } => {
                let v = reduce(what % REDUCTIONS, &self.fields[field(of[0])], &self.fields[field(of[1])]);
                self.scalars[into % SCALARS] = v;
            }
            Op::Repeat(n, body) => (0..*n).for_each(|_| self.ops(body)),
            Op::Until(most, body) => {
                let mut left = *most;
                while left > 0 && self.passes <= 4.5 {
                    self.passes += 1.0;
                    self.ops(body);
                    left -= 1;
                }
                self.passes -= 2.0;
            }
            Op::Once(body) => {
                if self.done.insert(op) {
                    self.ops(body);
                }
            }
        }
    }
}

/// Offsets of a shape or its companion; with zero if its sum begins with that.
fn offsets<T: Element>(shape: usize, companion: bool) -> (Vec<[isize; 3]>, Option<T>) {
    let (own, other) = with_shape!(shape, S, P => (<S as Stencil<T>>::offsets(), <P as Stencil<T>>::offsets()));
    let all = if companion { other } else { own };
    let begins_with_zero = all[0] != [0; 3];
    (all, begins_with_zero.then(T::default))
}

/// The absolute value of a number given by its parts.
pub fn size([re, im]: [f64; 2]) -> f64 {
    if im == 0.0 { re.abs() } else { (re * re + im * im).sqrt() }
}

/// A reduction by number, from one loop.
pub fn reduce<T: Element>(what: usize, a: &[T], b: &[T]) -> f64 {
    let real = || a.iter().map(|v| v.parts()[0]);
    let squares = || exact_sum(a.iter().map(|v| v.parts()).map(|[re, im]| re * re + im * im));
    let n = a.len() as f64;
    match what {
        0 => exact_sum(real()),
        1 => exact_sum(real()) / n,
        2 => real().fold(f64::NEG_INFINITY, f64::max),
        3 => real().fold(f64::INFINITY, f64::min),
        4 => a.iter().map(|v| size(v.parts())).fold(0.0, f64::max),
        5 => exact_sum(a.iter().map(|v| size(v.parts()))),
        6 => squares().sqrt(),
        7 => (squares() / n).sqrt(),
        8 => exact_sum(a.iter().zip(b).map(|(a, b)| {
            let ([ar, ai], [br, bi]) = (a.parts(), b.parts());
            ar * br + ai * bi
        })),
        _ => a
            .iter()
            .zip(b)
            .map(|(a, b)| {
                let ([ar, ai], [br, bi]) = (a.parts(), b.parts());
                size([ar - br, ai - bi])
            })
            .fold(0.0, f64::max),
    }
}

/// The sum of doubles as a big integer of the smallest double, rounded once, to even.
pub fn exact_sum(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sum = BigInt::ZERO;
    for x in numbers {
        let exponent = (x.to_bits() >> 52 & 0x7ff) as usize;
        let fraction = x.to_bits() & ((1 << 52) - 1);
        let whole = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        let number = BigInt::from(whole) << exponent.saturating_sub(1);
        sum += if x < 0.0 { -number } else { number };
    }
    let (sign, size) = (sum.sign(), sum.magnitude());
    // At most 53 bits are a multiple of the smallest double as they are: the bits of a subnormal, or of the lowest binade.
    let drop = size.bits().saturating_sub(53);
    let mut kept = size >> drop;
    let rest = size - (&kept << drop);
    let half = if drop > 0 { BigUint::from(1_u8) << (drop - 1) } else { BigUint::ZERO };
    if drop > 0 && (rest > half || rest == half && kept.bit(0)) {
        kept += 1_u8;
    }
    let kept = kept.iter_u64_digits().next().unwrap_or(0);
    // Adding the exponent to the bits also carries a rounding up to the next power of two.
    let bits = if drop > 0 { kept - (1 << 52) + ((drop + 1) << 52) } else { kept };
    let value = f64::from_bits(bits);
    if sign == Sign::Minus { -value } else { value }
}

#[test]
fn the_exact_sum_rounds_once() {
    let sum = |x: &[f64]| exact_sum(x.iter().copied());
    assert_eq!(sum(&[1e308, 1.0, -1e308]), 1.0);
    assert_eq!(sum(&[0.1, 0.2]), 0.1 + 0.2);
    assert_eq!(sum(&[1.0, powi(2.0, -53)]), 1.0, "half to even");
    assert_eq!(sum(&[1.0, powi(2.0, -53), f64::from_bits(1)]), 1.0f64.next_up());
    assert_eq!(sum(&[1.5, powi(2.0, -1073)]), 1.5);
    assert_eq!(sum(&[f64::MIN_POSITIVE, -f64::from_bits(1)]), f64::MIN_POSITIVE - f64::from_bits(1));
    assert_eq!(sum(&[-1.0f64.next_down(), -f64::EPSILON / 2.0]), -1.0, "rounding up carries");
}
