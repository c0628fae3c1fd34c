//! Chains and rings of blocks, each with axes that point any way, against one big block. All numbers are small integers
//! and all kernels treat the axes alike, so that sums are exact in any order and axes may change places.
use crate::config;
use halocline::base::index_transform::SignedAxis;
use halocline::comm::ranks;
use halocline::prelude::*;
use ndarray::Array3;
use proptest::prelude::*;

/// Where the local axes of a block point in the big one.
type Frame = [SignedAxis; 3];

/// Blocks in a row along x, equally long along all axes but perhaps a flat z.
#[derive(Clone, Debug)]
struct Chain {
    cells: [usize; 3],
    frames: Vec<Frame>,
    ring: bool,
    /// Whether the sides are joined to each other, along z and y.
    wraps: [bool; 2],
    walls: u8,
    ranks: usize,
    threads: usize,
}

const ORDERS: [[SignedAxis; 3]; 6] = [[Z, Y, X], [Z, X, Y], [Y, Z, X], [Y, X, Z], [X, Z, Y], [X, Y, Z]];

fn frame(flat: bool, signs: bool) -> impl Strategy<Value = Frame> {
    let orders = if flat { 0..2_usize } else { 0..6 };
    (orders, any::<[bool; 3]>()).prop_map(move |(order, minus)| {
        [0, 1, 2].map(|a| {
            let heading = ORDERS[order][a];
            if signs && minus[a] && !(flat && heading.axis == 0) { -heading } else { heading }
        })
    })
}

fn chain(signs: bool) -> impl Strategy<Value = Chain> {
    (2..6_usize, any::<bool>()).prop_flat_map(move |(n, flat)| {
        let cells = [if flat { 1 } else { n }, n, n];
        let frames = prop::collection::vec(frame(flat, signs), 1..5);
        (frames, any::<bool>(), any::<[bool; 2]>(), 0..3_u8, 1..13_usize, 1..4_usize).prop_map(
            move |(frames, ring, wraps, walls, ranks, threads)| Chain {
                cells,
                frames,
                ring,
                wraps,
                walls,
                ranks,
                threads,
            },
        )
    })
}

/// The local axis that lies along an axis of the big block.
fn local(frame: &Frame, axis: usize) -> usize {
    (0..3).find(|&l| frame[l].axis == axis).expect("a frame has all axes")
}

impl Chain {
    fn blocks(&self) -> Result<Grid> {
        let count = self.frames.len();
        let mut grid = Grid::blocks(count, self.cells);
        for (b, here) in self.frames.iter().enumerate() {
            if b + 1 < count || self.ring {
                let there = &self.frames[(b + 1) % count];
                let out = local(here, 2);
                let side = SignedAxis { axis: out, reversed: here[out].reversed };
                let turn = [0, 1, 2].map(|l| {
                    let axis = local(there, here[l].axis);
                    SignedAxis { axis, reversed: here[l].reversed != there[axis].reversed }
                });
                grid = grid.join(b, side, (b + 1) % count, turn)?;
            }
            for axis in (0..2).filter(|&a| self.wraps[a]) {
                grid = grid.join(b, [Z, Y, X][local(here, axis)], b, [Z, Y, X])?;
            }
        }
        Ok(grid)
    }

    fn big(&self) -> Grid {
        let [nz, ny, nx] = self.cells;
        Grid::new([nz, ny, nx * self.frames.len()]).periodic([self.wraps[0], self.wraps[1], self.ring])
    }

    /// The index in the big block of a cell.
    fn unrolled(&self, block: usize, index: [usize; 3]) -> [usize; 3] {
        let mut there = [0; 3];
        for (l, heading) in self.frames[block].iter().enumerate() {
            let n = self.cells[heading.axis];
            there[heading.axis] = if heading.reversed { n - 1 - index[l] } else { index[l] };
        }
        there[2] += block * self.cells[2];
        there
    }
}

/// An integer from −4 to 4 for a component and a cell of the big block.
fn first(component: usize, [z, y, x]: [usize; 3]) -> f64 {
    ((component * 7 + z * 5 + y * 3 + x * x + x * y) % 9) as f64 - 4.0
}

/// A sum over a cube that treats all axes alike: weights 1, 2, 3, 5 for the cell, faces, edges, corners.
#[inline(always)]
fn cube(q: &halocline_kernels::cell::Cell<'_, f64, Cube<1>>) -> f64 {
    macro_rules! plane {
        ($z:literal, $a:literal, $b:literal, $c:literal) => {
            $a * q.at::<$z, 0, 0>()
                + $b * (q.at::<$z, 0, -1>() + q.at::<$z, 0, 1>() + q.at::<$z, -1, 0>() + q.at::<$z, 1, 0>())
                + $c * (q.at::<$z, -1, -1>() + q.at::<$z, -1, 1>() + q.at::<$z, 1, -1>() + q.at::<$z, 1, 1>())
        };
    }
    plane!(-1, 2.0, 3.0, 5.0) + plane!(0, 1.0, 2.0, 3.0) + plane!(1, 2.0, 3.0, 5.0)
}

/// A scalar over a cube and two cells along the axes.
struct Around;
impl Kernel<f64> for Around {
    type Reads = (Cube<1>, Star<2>);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (q, s): Near<'_, f64, Self>) -> [f64; 1] {
        let far = s.x::<-2>() + s.x::<2>() + s.y::<-2>() + s.y::<2>() + s.z::<-2>() + s.z::<2>();
        [cube(&q) + 7.0 * far]
    }
}

/// Scalar and vector in the middle of cells: q ← q + div u.
struct Divergence;
impl Kernel<f64> for Divergence {
    type Reads = (Pointwise, ArmsZ<1, 1>, ArmsY<1, 1>, ArmsX<1, 1>);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (q, w, v, u): Near<'_, f64, Self>) -> [f64; 1] {
        [q.here() + (w.z::<1>() - w.z::<-1>()) + (v.y::<1>() - v.y::<-1>()) + (u.x::<1>() - u.x::<-1>())]
    }
}
/// u ← grad q + a sum over each component's cube.
struct Gradient;
impl Kernel<f64> for Gradient {
    type Reads = (Star<1>, Cube<1>, Cube<1>, Cube<1>);
    type Writes = [f64; 3];
    #[inline(always)]
    fn cell(&self, (q, w, v, u): Near<'_, f64, Self>) -> [f64; 3] {
        let [z, y, x] = [q.z::<1>() - q.z::<-1>(), q.y::<1>() - q.y::<-1>(), q.x::<1>() - q.x::<-1>()];
        [z + cube(&w), y + cube(&v), x + cube(&u)]
    }
}

/// The same with components on faces.
struct FaceDivergence;
impl Kernel<f64> for FaceDivergence {
    type Reads = (Pointwise, ArmsZ<0, 1>, ArmsY<0, 1>, ArmsX<0, 1>);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (q, w, v, u): Near<'_, f64, Self>) -> [f64; 1] {
        [q.here() + (w.z::<1>() - w.here()) + (v.y::<1>() - v.here()) + (u.x::<1>() - u.here())]
    }
}
struct FaceGradient;
impl Kernel<f64> for FaceGradient {
    type Reads = (Backward<1>, Cube<1>, Cube<1>, Cube<1>);
    type Writes = [f64; 3];
    #[inline(always)]
    fn cell(&self, (q, w, v, u): Near<'_, f64, Self>) -> [f64; 3] {
        let q0 = q.here();
        [q0 - q.z::<-1>() + cube(&w), q0 - q.y::<-1>() + cube(&v), q0 - q.x::<-1>() + cube(&u)]
    }
}

/// Runs scalar and vector on a grid: `[q, w, v, u]`, a block each. `first` is given component, block, index.
fn run(
    comm: Comm,
    grid: Grid,
    faces: bool,
    walls: u8,
    first: impl Fn(usize, usize, [usize; 3]) -> f64 + Clone + Send + Sync + 'static,
) -> Result<Vec<Vec<Array3<f64>>>> {
    let condition = |vector: bool| match walls {
        0 => Boundary::Reflecting,
        // A value of a component would have to turn with it.
        1 if vector && !faces => Boundary::Value(0.0),
        1 => Boundary::Value(2.0),
        _ if vector && !faces => Boundary::Outside(0.0),
        _ => Boundary::Outside(3.0),
    };
    let mut model = Model::new(comm, grid);
    let mut fields = vec![];
    for (c, name) in ["q", "w", "v", "u"].into_iter().enumerate() {
        let first = first.clone();
        let location = if faces && c > 0 { Location::face(c - 1) } else { Location::Center };
        let builder = model.field::<f64>(name).initial(move |at| first(c, at.block, at.index)).location(location);
        fields.push(builder.boundary(condition(c > 0)).build()?);
    }
    let s =
        model.field::<f64>("s").initial(move |at| first(0, at.block, at.index)).boundary(condition(false)).build()?;
    let [q, w, v, u] = [fields[0], fields[1], fields[2], fields[3]];
    model.vector([Some(w), Some(v), Some(u)]);
    model.every_step(|step| {
        step.apply(Around, [s, s], [s]);
        if faces {
            step.apply(FaceDivergence, [q, w, v, u], [q]).apply(FaceGradient, [q, w, v, u], [w, v, u]);
        } else {
            step.apply(Divergence, [q, w, v, u], [q]).apply(Gradient, [q, w, v, u], [w, v, u]);
        }
    });
    let mut run = model.compile()?;
    run.advance(2)?;
    fields.push(s);
    Ok(fields.into_iter().map(|f| run.gather(f)).collect())
}

fn equals_one_block(chain: &Chain, faces: bool) {
    // The mirror image of a component is turned as well, but with one sign only: so all walls are alike.
    let big =
        run(Comm::alone(), chain.big(), faces, chain.walls, |c, _, index| first(c, index)).expect("one block runs");
    let frames = chain.clone();
    let own = move |c: usize, block: usize, index: [usize; 3]| {
        let there = frames.unrolled(block, index);
        match c {
            0 => first(0, there),
            c => {
                let SignedAxis { axis, reversed } = frames.frames[block][c - 1];
                if reversed { -first(axis + 1, there) } else { first(axis + 1, there) }
            }
        }
    };
    // As many ranks as wanted, or the next number below that can be cut.
    let parts = (1..=chain.ranks).rev().find_map(|n| {
        let grid = || chain.blocks().expect("faces that fit");
        let results = ranks(n, chain.threads, |comm| run(comm, grid(), faces, chain.walls, own.clone()));
        match results.expect("no rank fails").swap_remove(0) {
            Ok(fields) => Some(fields),
            Err(e) => {
                assert!(n > 1 && e.to_string().contains("ranks"), "{e}");
                None
            }
        }
    });
    for (c, blocks) in parts.expect("one rank can always").iter().enumerate() {
        for (b, block) in blocks.iter().enumerate() {
            for ((z, y, x), value) in block.indexed_iter() {
                let there = chain.unrolled(b, [z, y, x]);
                let wanted = match c {
                    0 | 4 => big[c][0][there],
                    _ => {
                        let SignedAxis { axis, reversed } = chain.frames[b][c - 1];
                        if reversed { -big[axis + 1][0][there] } else { big[axis + 1][0][there] }
                    }
                };
                assert!(*value == wanted, "component {c}, block {b}, cell {:?}: {value}, not {wanted}", [z, y, x]);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(600))]
    #[test]
    fn chains_of_turned_blocks_equal_one_block(chain in chain(true)) {
        equals_one_block(&chain, false);
    }

    #[test]
    fn components_on_faces_turn_too(chain in chain(false)) {
        equals_one_block(&chain, true);
    }
}

/// The neighbour toward higher x.
struct Next;
impl Kernel<f64> for Next {
    type Reads = (ArmsX<0, 1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (u,): Near<'_, f64, Self>) -> [f64; 1] {
        [u.x::<1>()]
    }
}

#[test]
fn a_component_is_stale_when_the_one_that_turns_into_it_is_written() {
    let sees = |comm: Comm| -> Result<[f64; 2]> {
        // Adjacent high x of block 0 lies block 1, whose y points where x pointed.
        let mut model = Model::new(comm, Grid::blocks(2, [3, 3]).join(0, X, 1, [Z, -X, Y])?);
        let (u, v) = (model.field::<f64>("u").build()?, model.field("v").initial(|_| 1.0).build()?);
        let (p, q) = (model.field::<f64>("p").build()?, model.field::<f64>("q").build()?);
        model.vector([None, Some(v), Some(u)]);
        model.every_step(|s| {
            s.apply(Next, [u], [p]);
            s.tiles("double", [], [v], |[], [mut v]| v.mapv_inplace(|v| 2.0 * v));
            s.apply(Next, [u], [q]);
        });
        let mut run = model.compile()?;
        run.advance(1)?;
        Ok([p, q].map(|f| run.gather(f)[0][[0, 1, 2]]))
    };
    for n in 1..4 {
        for seen in ranks(n, 1, sees).expect("no rank fails") {
            assert_eq!(seen.expect("it runs"), [1.0, 2.0], "on {n} ranks");
        }
    }
}

#[test]
fn fields_that_joins_would_break_are_named() {
    let error = |turn: [SignedAxis; 3], declare: fn(&mut Model) -> Result<Field<f64>>| {
        let mut model = Model::new(Comm::alone(), Grid::blocks(2, [4, 4]).join(0, X, 1, turn).expect("a turn"));
        let field = declare(&mut model).expect("a field");
        model.every_step(|s| _ = s.apply(Around, [field, field], [field]));
        let error = model.compile().err().expect("this cannot work");
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    fn on_faces(model: &mut Model) -> Result<Field<f64>> {
        model.field("u").location(Location::FaceX).build()
    }
    assert_eq!(
        error([Z, -Y, -X], on_faces),
        "the field `u` is read across a join that reverses x, and is on the faces across it: no cell would store the face at \
         one end\n  orient the blocks so that the axis keeps its direction, or put the field at cell centres"
    );
    assert!(
        error([Z, X, Y], on_faces).contains("maps values at FaceX to values at FaceY\n  declare the fields at both")
    );
    let lonely = error([Z, X, Y], |model| {
        let u = model.field("u").build()?;
        model.vector([None, None, Some(u)]);
        Ok(u)
    });
    assert!(lonely.contains("`u` is read across a join that maps it to the component along y, which"), "{lonely}");
    let mixed = error([Z, X, Y], |model| {
        let (u, v) = (model.field("u").build()?, model.field("v").location(Location::FaceY).build()?);
        model.vector([None, Some(v), Some(u)]);
        Ok(u)
    });
    assert!(mixed.contains("`u` is read across a join that maps values at Center to values at FaceY"), "{mixed}");

    // Across an axis that a join keeps, faces are as good as anything.
    let kept = || -> Result<()> {
        let mut model = Model::new(Comm::alone(), Grid::blocks(2, [4, 4]).join(0, Y, 1, [-Z, Y, X])?);
        let u = on_faces(&mut model)?;
        model.every_step(|s| _ = s.apply(Around, [u, u], [u]));
        model.compile()?.advance(1)
    };
    kept().expect("nothing is wrong with this");
}
