//! The cases: what is computed, the minimum memory traffic, and the programs that are compared.

pub struct Case {
    pub name: &'static str,
    pub title: &'static str,
    /// The default number of cells along an axis.
    pub n: usize,
    /// The default number of cells of a quick run.
    pub quick: usize,
    pub axes: u32,
    /// The minimum memory traffic of a pass in bytes per cell: every input is read once, every output written once.
    pub bytes: f64,
    /// Bytes per cell of all arrays of halocline.
    pub memory: f64,
    pub tolerance: f64,
    pub rivals: &'static [Rival],
}

impl Case {
    pub fn cells(&self, n: usize) -> f64 {
        n.pow(self.axes) as f64
    }
}

/// A program that is compared, with its variants: their names in the program and in the table.
pub struct Rival {
    pub program: Program,
    /// Bytes per cell of all its arrays.
    pub memory: f64,
    /// True for a program without periodic boundaries: only the cells that the edges do not affect are compared.
    pub edges_differ: bool,
    pub variants: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, PartialEq)]
pub enum Program {
    /// A source `benches/rivals/NAME.c`.
    C(&'static str),
    /// The same, with PETSc, on as many MPI ranks as others have threads.
    Petsc(&'static str),
    /// A script `benches/rivals/NAME.py`.
    Python(&'static str),
}

const FOUR: &[(&str, &str)] = &[
    ("plain", "C plain"),
    ("blocked", "C blocked"),
    ("streamed", "C streamed"),
    ("blocked-streamed", "C blocked streamed"),
];
const TWO: &[(&str, &str)] = &[("plain", "C plain"), ("blocked", "C blocked")];

const fn c(source: &'static str, memory: f64, variants: &'static [(&'static str, &'static str)]) -> Rival {
    Rival { program: Program::C(source), memory, edges_differ: false, variants }
}
const fn petsc(memory: f64) -> Rival {
    Rival { program: Program::Petsc("petsc"), memory, edges_differ: false, variants: &[("plain", "PETSc")] }
}
const fn devito(memory: f64) -> Rival {
    let variants = &[("plain", "Devito")];
    Rival { program: Program::Python("devito_cases"), memory, edges_differ: true, variants }
}
const fn pystencils(memory: f64) -> Rival {
    let variants = &[("plain", "pystencils")];
    Rival { program: Program::Python("pystencils_cases"), memory, edges_differ: true, variants }
}
const fn numba(memory: f64) -> Rival {
    let variants = &[("plain", "Numba")];
    Rival { program: Program::Python("numba_cases"), memory, edges_differ: false, variants }
}

pub const CASES: &[Case] = &[
    Case {
        name: "heat64",
        title: "heat, 7 points, f64",
        n: 512,
        quick: 96,
        axes: 3,
        bytes: 16.0,
        memory: 16.0,
        tolerance: 1e-11,
        rivals: &[c("heat", 16.0, FOUR), devito(16.0), pystencils(16.0), numba(16.0), petsc(24.0)],
    },
    Case {
        name: "heat32",
        title: "heat, 7 points, f32",
        n: 512,
        quick: 96,
        axes: 3,
        bytes: 8.0,
        memory: 8.0,
        tolerance: 2e-6,
        rivals: &[c("heat", 8.0, FOUR), devito(8.0), pystencils(8.0), numba(8.0)],
    },
    Case {
        name: "heat2d",
        title: "heat in 2-D, 5 points, f64",
        n: 16384,
        quick: 1024,
        axes: 2,
        bytes: 16.0,
        memory: 16.0,
        tolerance: 1e-11,
        rivals: &[c("heat", 16.0, FOUR), devito(16.0), pystencils(16.0), numba(16.0)],
    },
    Case {
        name: "wave8",
        title: "acoustic leapfrog, order 8, f32",
        n: 512,
        quick: 96,
        axes: 3,
        bytes: 16.0,
        memory: 20.0,
        tolerance: 2e-5,
        rivals: &[c("wave8", 12.0, TWO), devito(16.0), numba(12.0)],
    },
    Case {
        name: "gray-scott",
        title: "Gray–Scott, f64",
        n: 256,
        quick: 64,
        axes: 3,
        bytes: 32.0,
        memory: 32.0,
        tolerance: 1e-11,
        rivals: &[c("gray_scott", 32.0, FOUR), devito(32.0), pystencils(32.0), numba(32.0)],
    },
    Case {
        name: "staggered",
        title: "staggered acoustics, 4 fields, f64",
        n: 256,
        quick: 64,
        axes: 3,
        bytes: 64.0,
        memory: 64.0,
        tolerance: 1e-11,
        rivals: &[c("staggered", 32.0, TWO), numba(32.0)],
    },
    Case {
        name: "cg",
        title: "conjugate gradients, an iteration, f64",
        n: 256,
        quick: 64,
        axes: 3,
        // The direction from the residual; its image; then solution and residual: 3 + 2 + 6 numbers.
        bytes: 88.0,
        memory: 64.0,
        tolerance: 1e-10,
        rivals: &[c("cg", 32.0, TWO), petsc(48.0)],
    },
];
