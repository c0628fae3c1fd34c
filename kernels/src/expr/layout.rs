//! The table of row pointers of a stage: which rows of which field stand where.
use super::context::Read;
use super::name::MAX_NAMES;
use super::read::{Leaf, Offset, Rows, Source, zigzag};
use crate::cell::{MAX_ROWS, PROFILE_EXTENT};
use crate::element::ElementType;
use crate::extent::Extent;
use crate::kernel::Argument;

/// An error of an expression, which is found when its stage is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// More rows are read than a kernel may read.
    TooManyRows {
        /// The number of rows.
        rows: usize,
        /// What most of them belong to.
        source: Source,
    },
    /// A profile is read too far from the cell.
    ProfileTooFar {
        /// The profile.
        source: Source,
        /// The distance in cells.
        distance: usize,
    },
    /// A value is read too far from the cell.
    TooFar {
        /// What is read.
        source: Source,
        /// The distance in cells.
        distance: usize,
    },
    /// One field is read with two element types.
    MixedElements {
        /// What is read.
        source: Source,
        /// The two types.
        elements: [ElementType; 2],
    },
    /// Two fields have the same name, because one `field!` declared both.
    SharedName {
        /// The two fields.
        fields: [Source; 2],
    },
}

impl LayoutError {
    /// The message, with the names of fields, scalars and profiles by `name`.
    pub fn describe(&self, name: impl Fn(Source) -> String) -> String {
        match *self {
            LayoutError::TooManyRows { rows, source } => {
                format!("it reads {rows} rows of cells, most of {}; at most {MAX_ROWS} are possible", name(source))
            }
            LayoutError::ProfileTooFar { source, distance } => {
                format!("it reads {} {distance} cells away; at most {PROFILE_EXTENT} are possible", name(source))
            }
            LayoutError::TooFar { source, distance } => {
                format!("it reads {} {distance} cells away; at most {MAX_ROWS} are possible", name(source))
            }
            LayoutError::MixedElements { source, elements: [a, b] } => {
                format!("it reads {} as {} and as {}", name(source), a.name(), b.name())
            }
            LayoutError::SharedName { fields: [a, b] } => format!(
                "{} and {} were declared by the same `field!`, so the compiler takes them for one",
                name(a),
                name(b)
            ),
        }
    }
}

impl std::fmt::Display for LayoutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |source| match source {
            Source::Field { id, .. } => format!("field {id}"),
            Source::Scalar { id, .. } => format!("scalar {id}"),
            Source::Profile { id, .. } => format!("profile {id}"),
        };
        f.write_str(&self.describe(number))
    }
}
impl std::error::Error for LayoutError {}

/// The rows of all leaves of the expressions of one stage.
pub(super) struct Layout {
    /// One argument for each field, scalar and profile, in the order of their rows.
    pub arguments: Vec<(Source, Argument)>,
    rows: Vec<(Source, Rows)>,
    /// The rows of named fields, by the position of the name.
    pub names: [Rows; MAX_NAMES],
    named: [Option<Source>; MAX_NAMES],
}

impl Layout {
    /// The layout for all reads of the expressions. Scalars and profiles have the type `coefficients`.
    pub fn new(reads: &[Read], coefficients: ElementType) -> Result<Layout, LayoutError> {
        let mut most = (0, None);
        let none = Layout { arguments: vec![], rows: vec![], names: [Rows::NONE; MAX_NAMES], named: [None; MAX_NAMES] };
        let (mut layout, mut next) = (none, 0);
        for read in reads {
            let distance = read.at.iter().map(|d| d.unsigned_abs()).max().unwrap_or(0);
            if distance > MAX_ROWS {
                return Err(LayoutError::TooFar { source: read.source, distance });
            }
            let first = reads.iter().find(|r| r.source == read.source).map_or(read.element, |r| r.element);
            let expected = if matches!(read.source, Source::Field { .. }) { first } else { coefficients };
            if read.element != expected {
                return Err(LayoutError::MixedElements { source: read.source, elements: [expected, read.element] });
            }
            if layout.rows.iter().all(|(source, _)| *source != read.source) {
                let offsets: Vec<Offset> = reads.iter().filter(|r| r.source == read.source).map(|r| r.at).collect();
                let (rows, argument, count) = place(read, next, &offsets, coefficients)?;
                layout.rows.push((read.source, rows));
                layout.arguments.push((read.source, argument));
                next += count;
                if count > most.0 {
                    most = (count, Some(read.source));
                }
            }
        }
        match most {
            (_, Some(source)) if next > MAX_ROWS => Err(LayoutError::TooManyRows { rows: next, source }),
            _ => Ok(layout),
        }
    }

    /// The position of the row of a scalar or a profile.
    pub fn coefficient(&self, source: Source) -> Option<usize> {
        self.rows.iter().find(|(of, _)| *of == source).map(|(_, rows)| rows.y)
    }

    /// Gives a leaf its rows, and also its name if it has one, at this position.
    pub fn bind(&mut self, leaf: &mut Leaf, name: usize) -> Result<(), LayoutError> {
        // A leaf that is not read has no rows.
        let Some((source, rows)) = self.rows.iter().find(|(source, _)| *source == leaf.source) else { return Ok(()) };
        leaf.rows = *rows;
        if name < MAX_NAMES {
            match self.named[name] {
                Some(other) if other != *source => return Err(LayoutError::SharedName { fields: [other, *source] }),
                _ => (self.named[name], self.names[name]) = (Some(*source), *rows),
            }
        }
        Ok(())
    }
}

/// The rows of one source from the position `first` on, its argument, and the number of rows.
fn place(
    read: &Read,
    first: usize,
    offsets: &[Offset],
    coefficients: ElementType,
) -> Result<(Rows, Argument, usize), LayoutError> {
    let one = Rows { y: first, ..Rows::NONE };
    match read.source {
        Source::Scalar { .. } => Ok((one, Argument::Uniform { element: coefficients }, 1)),
        Source::Profile { axis, .. } => {
            let distance = offsets.iter().map(|at| at[axis].unsigned_abs()).max().unwrap_or(0);
            if distance > PROFILE_EXTENT {
                return Err(LayoutError::ProfileTooFar { source: read.source, distance });
            }
            Ok((one, Argument::Along { axis, element: coefficients }, 1))
        }
        Source::Field { .. } => {
            let most = |f: &dyn Fn(&Offset) -> usize| offsets.iter().map(f).max().unwrap_or(0);
            // Of each group of rows, the highest position that is read.
            let y = most(&|at| if at[0] == 0 { zigzag(at[1]) } else { 0 });
            let z = most(&|at| if at[1] == 0 { zigzag(at[0]) } else { 0 });
            let off = |at: &Offset| at[0] != 0 && at[1] != 0;
            let width = most(&|at| if off(at) { zigzag(at[1]) + 1 } else { 0 });
            let planes = most(&|at| if off(at) { zigzag(at[0]) + 1 } else { 0 });
            let rows = Rows { y: first, z: first + y, others: first + y + z + 1, width };
            // Positions that are not read have the row of the cell.
            let mut list = vec![[0, 0]; 1 + y + z + planes * width];
            offsets.iter().for_each(|at| list[rows.at(*at) - first] = [at[0], at[1]]);
            let far = |axis: usize, sign: isize| most(&|at| (at[axis] * sign).max(0) as usize);
            let extent = Extent {
                below: [0, 1, 2].map(|a| far(a, -1)),
                above: [0, 1, 2].map(|a| far(a, 1)),
                corners: offsets.iter().any(|at| at.iter().filter(|d| **d != 0).count() > 1),
            };
            let count = list.len();
            Ok((rows, Argument::Field { element: read.element, extent, rows: list }, count))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(offsets: &[Offset]) -> Vec<Read> {
        let source = Source::Field { owner: 0, id: 7 };
        offsets.iter().map(|&at| Read { source, at, element: ElementType::F64 }).collect()
    }

    #[test]
    fn every_offset_has_the_position_of_its_row() {
        // All subsets of some offsets, among them rows off both axes.
        let all =
            [[0, 0, 0], [0, 0, -3], [0, 2, 0], [0, -1, 1], [1, 0, 0], [-2, 0, 0], [1, 1, 0], [-1, 2, 4], [2, -2, 0]];
        for subset in 1..1_usize << all.len() {
            let some: Vec<Offset> = (0..all.len()).filter(|i| subset >> i & 1 == 1).map(|i| all[i]).collect();
            let layout = Layout::new(&reads(&some), ElementType::F64).unwrap();
            let (rows, Argument::Field { rows: list, extent, .. }) = (layout.rows[0].1, &layout.arguments[0].1) else {
                panic!("a field")
            };
            for at in &some {
                assert_eq!(list[rows.at(*at)], [at[0], at[1]], "{at:?} in {some:?}");
                for a in 0..3 {
                    assert!(-(extent.below[a] as isize) <= at[a] && at[a] <= extent.above[a] as isize);
                }
                assert!(extent.corners || at.iter().filter(|d| **d != 0).count() < 2);
            }
        }
    }

    #[test]
    fn limits_are_errors() {
        let far: Vec<Offset> = (0..97).map(|y| [0, y, 0]).collect();
        let rows = 1 + zigzag(96);
        let field = Source::Field { owner: 0, id: 7 };
        let error = Layout::new(&reads(&far), ElementType::F64).err();
        assert_eq!(error, Some(LayoutError::TooManyRows { rows, source: field }));
        let source = Source::Profile { owner: 0, id: 0, axis: 1 };
        let profile = |y| [Read { source, at: [0, y, 0], element: ElementType::F64 }];
        assert!(Layout::new(&profile(8), ElementType::F64).is_ok());
        let error = Layout::new(&profile(-9), ElementType::F64).err().unwrap();
        assert_eq!(error, LayoutError::ProfileTooFar { source, distance: 9 });
    }
}
