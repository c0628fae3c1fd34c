//! Boundary conditions: what a kernel reads beyond a physical boundary.
use std::fmt;
use std::sync::Arc;

/// Where something is: a position in metres.
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

/// What lies beyond a wall. Values are meant *at the wall*, second-order accurate: with u the mirror image inside, the
/// value outside is `2v − u` for a fixed value, `u ± g·distance` for a fixed gradient. Values on the faces across the
/// axis lie on the wall itself and are set there.
#[derive(Clone)]
pub enum Boundary {
    /// The field has this value at the wall (Dirichlet).
    Value(f64),
    /// The field's derivative along the axis is this at the wall (Neumann), in units of the field per metre.
    Gradient(f64),
    /// A mirror: no flux; what flows across the wall is zero at it and changes sign beyond.
    Reflecting,
    /// The value at the wall is a function of position and time.
    Function(Function),
    /// All cells beyond the wall hold this value.
    Outside(f64),
}

impl Boundary {
    /// The value at the wall as a function of position and time in seconds.
    pub fn function(f: impl Fn(Point, f64) -> f64 + Send + Sync + 'static) -> Boundary {
        Boundary::Function(Arc::new(f))
    }

    /// True if it changes with time even where the field does not.
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

/// A field's conditions on all six sides: `[axis][lower, upper]`.
pub type Boundaries = [[Boundary; 2]; 3];
