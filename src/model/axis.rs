//! The description of the axes of a grid, for output files.

/// The direction of an axis, as CF's attributes `axis` and `positive` tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The first horizontal axis: CF's X.
    X,
    /// The second horizontal axis: CF's Y.
    Y,
    /// A vertical axis on which the position is a height: CF's Z, positive up.
    Up,
    /// A vertical axis on which the position is a depth: CF's Z, positive down.
    Down,
}

/// The description of an axis: see [`Model::axis`](crate::Model::axis).
#[derive(Clone, Debug, PartialEq)]
pub struct AxisDescription {
    pub(crate) long_name: String,
    pub(crate) standard_name: Option<String>,
    pub(crate) direction: Direction,
}

impl AxisDescription {
    /// The default descriptions of z, y and x. The standard names of y and x are those of a plane onto which a surface is
    /// projected.
    pub(crate) fn defaults() -> [AxisDescription; 3] {
        let axis = |name: &str, standard: Option<&str>, direction| AxisDescription {
            long_name: name.into(),
            standard_name: standard.map(str::to_owned),
            direction,
        };
        [
            axis("z", None, Direction::Up),
            axis("y", Some("projection_y_coordinate"), Direction::Y),
            axis("x", Some("projection_x_coordinate"), Direction::X),
        ]
    }

    /// Sets the descriptive name, which output files complete to "… of cell centres" or "… of lower cell faces". The
    /// default is `z`, `y` or `x`.
    pub fn long_name(&mut self, name: &str) -> &mut AxisDescription {
        self.long_name = name.into();
        self
    }

    /// Sets the CF standard name, such as `height` or `depth`; an empty name removes it. The defaults are
    /// `projection_x_coordinate` for x and `projection_y_coordinate` for y.
    pub fn standard_name(&mut self, name: &str) -> &mut AxisDescription {
        self.standard_name = Some(name).filter(|name| !name.is_empty()).map(str::to_owned);
        self
    }

    /// Sets the direction. The default is X for x, Y for y and up for z. A new direction removes the standard name.
    pub fn direction(&mut self, direction: Direction) -> &mut AxisDescription {
        if direction != self.direction {
            self.direction = direction;
            self.standard_name = None;
        }
        self
    }
}
