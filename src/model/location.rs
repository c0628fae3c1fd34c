//! Where the values of a field lie on a cell.

/// The location of the values of a field on a cell (staggering). A field has one value per cell at every location: the
/// face value of index i is on the *lower* face of cell i. On a bounded axis, the value on the upper boundary is not
/// stored; it follows from the boundary condition.
///
/// ```text
///        ┌────── y₊ ──────┐
///   FaceX(i)  Center(i)  FaceX(i+1)
///        └── FaceY(j) ────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// The middle of the cell.
    #[default]
    Center,
    /// The lower face across z.
    FaceZ,
    /// The lower face across y.
    FaceY,
    /// The lower face across x.
    FaceX,
    /// The lower edge along z, on the lower faces across y and x.
    EdgeZ,
    /// The lower edge along y.
    EdgeY,
    /// The lower edge along x.
    EdgeX,
    /// The lower corner.
    Corner,
}

impl Location {
    /// All locations.
    pub const ALL: [Location; 8] = [
        Location::Center,
        Location::FaceZ,
        Location::FaceY,
        Location::FaceX,
        Location::EdgeZ,
        Location::EdgeY,
        Location::EdgeX,
        Location::Corner,
    ];

    /// Returns true along the axes z, y, x along which the location is at the lower side of the cell.
    pub const fn low(self) -> [bool; 3] {
        match self {
            Location::Center => [false, false, false],
            Location::FaceZ => [true, false, false],
            Location::FaceY => [false, true, false],
            Location::FaceX => [false, false, true],
            Location::EdgeZ => [false, true, true],
            Location::EdgeY => [true, false, true],
            Location::EdgeX => [true, true, false],
            Location::Corner => [true, true, true],
        }
    }

    /// Returns true if the location is at the lower side of the cell along an axis.
    pub const fn is_low(self, axis: usize) -> bool {
        self.low()[axis]
    }

    /// Returns the name of the location, that of the type in expressions.
    pub const fn name(self) -> &'static str {
        match self {
            Location::Center => "Center",
            Location::FaceZ => "FaceZ",
            Location::FaceY => "FaceY",
            Location::FaceX => "FaceX",
            Location::EdgeZ => "EdgeZ",
            Location::EdgeY => "EdgeY",
            Location::EdgeX => "EdgeX",
            Location::Corner => "Corner",
        }
    }

    /// Returns the location in words, as in "values at x faces".
    pub const fn description(self) -> &'static str {
        match self {
            Location::Center => "cell centres",
            Location::FaceZ => "z faces",
            Location::FaceY => "y faces",
            Location::FaceX => "x faces",
            Location::EdgeZ => "z edges",
            Location::EdgeY => "y edges",
            Location::EdgeX => "x edges",
            Location::Corner => "corners",
        }
    }

    /// Returns the location at the lower side along these axes.
    pub fn of_low(low: [bool; 3]) -> Location {
        Location::ALL[Location::ALL.iter().position(|l| l.low() == low).unwrap_or_default()]
    }

    /// Returns the location of faces across an axis.
    pub fn face(axis: usize) -> Location {
        [Location::FaceZ, Location::FaceY, Location::FaceX][axis]
    }
}
