//! Boundary conditions: the values that a kernel reads beyond a physical boundary.
use std::fmt;
use std::sync::Arc;

/// A position in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Along z.
    pub z: f64,
    /// Along y.
    pub y: f64,
    /// Along x.
    pub x: f64,
}

/// A function of position and time.
pub type Function = Arc<dyn Fn(Point, f64) -> f64 + Send + Sync>;

/// A boundary condition at a physical boundary. It holds *at the boundary*, second-order accurate: with u the value at
/// the mirror image inside, the value outside is `2v − u` for a fixed value v, and `u ± g·distance` for a fixed
/// gradient g. A field on the faces across the axis has values on the boundary itself, which are set there.
#[derive(Clone)]
pub enum Boundary {
    /// A fixed value at the boundary (Dirichlet).
    Value(f64),
    /// A fixed derivative along the axis at the boundary (Neumann), in units of the field per metre.
    Gradient(f64),
    /// A mirror: no flux. A component on the faces across the axis is zero at the boundary and changes sign beyond it.
    Reflecting,
    /// A value at the boundary that is a function of position and time.
    Function(Function),
    /// A fixed value of all cells beyond the boundary.
    Outside(f64),
}

impl Boundary {
    /// A boundary condition with the value `f(position, time)`, time in seconds, at the boundary.
    pub fn function(f: impl Fn(Point, f64) -> f64 + Send + Sync + 'static) -> Boundary {
        Boundary::Function(Arc::new(f))
    }

    /// Returns true if boundary values may change with time while the field does not.
    pub fn varies(&self) -> bool {
        matches!(self, Boundary::Function(_))
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Boundary::Value(v) => write!(f, "value {v}"),
            Boundary::Gradient(g) => write!(f, "gradient {g}"),
            Boundary::Reflecting => write!(f, "reflecting"),
            Boundary::Function(_) => write!(f, "a function of position and time"),
            Boundary::Outside(v) => write!(f, "outside {v}"),
        }
    }
}

/// The boundary conditions of a field on all six sides: `[axis][lower, upper]`.
pub type Boundaries = [[Boundary; 2]; 3];
