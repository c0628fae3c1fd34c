//! How random models are drawn.
use crate::case::{Case, Condition, FieldCase, Op, REDUCTIONS, SCALARS, Split};
use crate::stencils::SHAPES;
use halocline_kernels::ElementType;
use proptest::prelude::*;

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
