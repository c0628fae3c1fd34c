//! The boundary condition at the walls of a grid.
use crate::model::Boundary;
use halocline_macros::parameters;

/// The condition at all walls: no flux, or a fixed value.
///
/// ```
/// use halocline::config::groups::Walls;
/// use halocline::model::Boundary;
/// assert!(matches!(Walls::default().boundary(), Boundary::Reflecting));
/// assert!(matches!(Walls::fixed(300.0).boundary(), Boundary::Value(300.0)));
/// ```
#[parameters]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walls {
    /// boundary condition at walls; periodic axes have no walls
    #[parameter(default = WallCondition::Insulated)]
    pub walls: WallCondition,
    /// value at fixed walls, in the unit of the field
    #[parameter(default = 0.0)]
    pub wall_value: f64,
}

/// The kind of the condition.
#[parameters]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallCondition {
    /// no flux
    Insulated,
    /// the value `wall_value`
    Fixed,
}

impl Walls {
    /// A fixed value, in the unit of the field.
    pub fn fixed(wall_value: f64) -> Walls {
        Walls { walls: WallCondition::Fixed, wall_value }
    }

    /// The boundary condition of a field.
    pub fn boundary(&self) -> Boundary {
        match self.walls {
            WallCondition::Insulated => Boundary::Reflecting,
            WallCondition::Fixed => Boundary::Value(self.wall_value),
        }
    }
}
