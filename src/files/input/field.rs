//! Initial values of a field: a variable of a file, fitted to the grid.
use super::open::open;
use super::placement::{Index, Placement};
use super::positions::{Comparison, compare};
use super::role::{Role, role};
use super::variable::InputVariable;
use crate::base::dimension::{Relation, relation};
use crate::base::{Error, Region, Result};
use crate::model::AxisDescription;
use crate::model::field::FieldDeclaration;
use crate::model::file_input::{FileInput, Instant, Positions};
use crate::model::grid::{AXES, Grid};

/// An opened variable that was found to fit a field: its dimensions, its unit and its coordinates. No values are read yet.
pub(crate) struct FieldInput {
    input: FileInput,
    /// The variable; for a complex field, the variables of the real and the imaginary part, or the real part alone.
    parts: Vec<Box<dyn InputVariable>>,
    placement: Placement,
    /// What a user should know although it is no error.
    pub(crate) notes: Vec<String>,
}

impl FieldInput {
    /// Opens the variable of `input` and compares it with the field `declared` on `grid`, which has these axes: shape, unit,
    /// coordinates.
    ///
    /// # Errors
    /// If the file or the variable does not exist or cannot be read, or if it does not fit the field.
    pub(crate) fn open(
        input: &FileInput,
        declared: &FieldDeclaration,
        (grid, axes): (&Grid, &[AxisDescription; 3]),
    ) -> Result<FieldInput> {
        let is_complex = declared.element.parts() == 2;
        let mut parts = parts(input, is_complex)?;
        let mut fit = Fit { input, declared, grid, axes, notes: vec![] };
        let placement = fit.place(&*parts[0])?;
        fit.compare_units(&*parts[0])?;
        if let [real, imaginary] = &parts[..]
            && real.dims() != imaginary.dims()
        {
            return Err(fit.error(format!("the real part has the dimensions {:?}", real.dims()), ""));
        }
        parts.truncate(declared.element.parts());
        Ok(FieldInput { input: input.clone(), parts, placement, notes: fit.notes })
    }

    /// Reads the cells of a region, row-major: one list of values per part. NaN stands for missing values.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(&mut self, region: &Region) -> Result<Vec<Vec<f64>>> {
        let (start, count) = self.placement.selection(region);
        let part = |variable: &mut Box<dyn InputVariable>| {
            let mut values = self.placement.in_order_of_the_grid(region, variable.read(&start, &count)?);
            values.iter_mut().for_each(|v| *v = self.input.convert(*v));
            Ok(values)
        };
        self.parts.iter_mut().map(part).collect()
    }
}

/// Opens the variable; for a complex field, a name without a variable stands for its parts `NAME_re` and `NAME_im`, as they
/// are in output files.
fn parts(input: &FileInput, is_complex: bool) -> Result<Vec<Box<dyn InputVariable>>> {
    let variable = |suffix: &str| open(input.path(), &format!("{}{suffix}", input.variable));
    match variable("") {
        Err(error) if is_complex => match (variable("_re"), variable("_im")) {
            (Ok(real), Ok(imaginary)) => Ok(vec![real, imaginary]),
            _ => Err(error),
        },
        found => Ok(vec![found?]),
    }
}

/// The comparison of a variable with a field.
struct Fit<'a> {
    input: &'a FileInput,
    declared: &'a FieldDeclaration,
    grid: &'a Grid,
    axes: &'a [AxisDescription; 3],
    notes: Vec<String>,
}

impl Fit<'_> {
    fn error(&self, what: impl std::fmt::Display, remedy: &str) -> Error {
        let error = Error::input(format!("{}: {}: {what}", self.input.file, self.input.variable));
        if remedy.is_empty() { error } else { error.remedy(remedy) }
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        self.notes.push(format!("{}: {}: {what}", self.input.file, self.input.variable));
    }

    fn compare_units(&mut self, variable: &dyn InputVariable) -> Result<()> {
        if self.input.factor.is_some() || self.input.offset.is_some() {
            return Ok(());
        }
        let (found, wanted) = (variable.text("units"), self.declared.unit.as_str());
        let field = &self.declared.name;
        let differ = format!("its unit is {found}, that of the field {field} is {wanted}");
        match relation(&found, wanted) {
            Relation::Same => Ok(()),
            Relation::Differs { factor, offset: 0.0 } => {
                Err(self
                    .error(differ, &format!("to convert it, set factor = {factor:?}; factor = 1.0 takes it as it is")))
            }
            Relation::Differs { factor, offset } => {
                let scale = if factor == 1.0 { String::new() } else { format!("factor = {factor:?} and ") };
                Err(self.error(differ, &format!("to convert it, set {scale}offset = {offset:?} beside `file`")))
            }
            // Many models leave the unit of their fields open.
            Relation::Incompatible if wanted == "1" => Ok(()),
            Relation::Incompatible => {
                Err(self.error(differ, "choose another variable, or set factor = 1.0 to take its numbers as they are"))
            }
            Relation::Unknown if found.is_empty() || wanted == "1" => Ok(()),
            Relation::Unknown => {
                self.note(format!("{differ}: these could not be compared"));
                Ok(())
            }
        }
    }

    /// Finds the axis of each dimension of the variable, and compares coordinates.
    fn place(&mut self, variable: &dyn InputVariable) -> Result<Placement> {
        let dims = variable.dims();
        if let Some((name, _)) = dims.iter().find(|d| d.1 == 0) {
            return Err(self.error(format!("it has no values: its dimension {name} has the length 0"), ""));
        }
        let mut coordinates: Vec<_> = dims.iter().map(|(name, n)| self.coordinate(name, *n)).collect();
        let mut roles: Vec<Role> =
            dims.iter().zip(&coordinates).map(|((name, _), c)| role(name, c.as_deref())).collect();
        let mut indices = vec![Index::Fixed(0); dims.len()];
        let instants = roles.iter().position(|role| *role == Role::Time).or_else(|| self.leading_instants(dims));
        if let Some(time) = instants {
            indices[time] = Index::Fixed(self.instant(&dims[time])?);
        } else if let Some(instant) = self.input.instant {
            return Err(self.error(
                format!("instant = {instant} needs a time axis, and it has the shape {}", shape(dims)),
                "leave out `instant`, or choose another variable",
            ));
        }
        // Dimensions of one value and axes of one cell need no partner.
        let long: Vec<usize> = (0..dims.len()).filter(|&d| Some(d) != instants && dims[d].1 > 1).collect();
        let cells = self.grid.cells();
        let axes: Vec<usize> = (0..3).filter(|&a| cells[a] > 1).collect();
        if self.input.positions == Positions::Ignore {
            let named = partners(&long, &roles, &axes);
            // Names of dimensions are of no account either: the axes are in the order of the file.
            roles.iter_mut().filter(|role| **role != Role::Time).for_each(|role| *role = Role::Unknown);
            if named != partners(&long, &roles, &axes) {
                self.note(format!(
                    "its shape {} is taken in the order of the file, as positions = \"ignore\" says, not by its names",
                    shape(dims)
                ));
            }
        }
        let partners = partners(&long, &roles, &axes);
        let fits = long.len() == axes.len() && long.iter().zip(&partners).all(|(&d, &a)| dims[d].1 == cells[a]);
        if !fits {
            let mut order: Vec<usize> = (0..dims.len()).filter(|&d| Some(d) != instants).collect();
            order.sort_by_key(|&d| if let Role::Space(axis) = roles[d] { axis } else { d });
            return Err(self.wrong_shape(dims, &order));
        }
        for (&d, &axis) in long.iter().zip(&partners) {
            let descends = match coordinates[d].as_deref_mut() {
                Some(coordinate) => self.compare_positions(&dims[d].0, coordinate, axis)?,
                None => false,
            };
            indices[d] = Index::Along { axis, cells: cells[axis], descends };
        }
        Ok(Placement(indices))
    }

    /// The coordinate variable of a dimension: a variable of its name and length, in the group of the variable or in the
    /// root group.
    fn coordinate(&self, name: &str, n: usize) -> Option<Box<dyn InputVariable>> {
        if self.input.positions == Positions::Ignore {
            return None;
        }
        let group = self.input.variable.rsplit_once('/').map(|(group, _)| format!("{group}/{name}"));
        let mut found =
            group.into_iter().chain([name.to_owned()]).filter_map(|path| open(self.input.path(), &path).ok());
        found.find(|coordinate| coordinate.dims().len() == 1 && coordinate.dims()[0].1 == n)
    }

    /// The first dimension, if an instant is asked for and there is one dimension more than axes of the grid: time without a
    /// coordinate.
    fn leading_instants(&self, dims: &[(String, usize)]) -> Option<usize> {
        let axes = self.grid.cells().iter().filter(|&&n| n > 1).count();
        (self.input.instant.is_some() && dims.iter().skip(1).filter(|d| d.1 > 1).count() == axes && !dims.is_empty())
            .then_some(0)
    }

    fn instant(&self, (name, count): &(String, usize)) -> Result<usize> {
        match self.input.instant {
            Some(Instant::First) => Ok(0),
            Some(Instant::Last) => Ok(count - 1),
            Some(Instant::Number(n)) if n < *count => Ok(n),
            Some(Instant::Number(n)) => Err(self.error(
                format!("instant = {n}, but it has {count} instants along {name}"),
                &format!("they are counted from 0: set instant to 0 … {} or \"last\"", count - 1),
            )),
            None if *count == 1 => Ok(0),
            None => Err(self.error(
                format!("it has {count} instants along {name}, and none is chosen"),
                "choose one in the table of the file: initial = { file = …, variable = …, instant = \"last\" }; \
                 \"first\" and numbers from 0 are others",
            )),
        }
    }

    fn compare_positions(&mut self, name: &str, coordinate: &mut dyn InputVariable, axis: usize) -> Result<bool> {
        if self.grid.all_blocks().len() > 1 {
            return Ok(false);
        }
        match compare(name, coordinate, self.grid, axis, (self.declared.location, self.axes[axis].direction))? {
            Comparison::Fits { descends } => Ok(descends),
            Comparison::NotCompared { descends, why } => {
                self.note(why);
                Ok(descends)
            }
            Comparison::Differs { what, remedy } => {
                let ignore = "positions = \"ignore\" beside `file` takes the values in the order of the file";
                let remedy = if remedy.is_empty() { ignore.to_owned() } else { format!("{remedy}; {ignore}") };
                Err(self.error(what, &remedy))
            }
        }
    }

    /// The error for a variable of another shape; `order` lists its dimensions in space in the order of the grid.
    fn wrong_shape(&self, dims: &[(String, usize)], order: &[usize]) -> Error {
        let cells = self.grid.cells();
        let grid = (0..3).map(|a| format!("{} = {}", AXES[a], cells[a])).collect::<Vec<_>>().join(", ");
        let sizes: Vec<usize> = order.iter().map(|&d| dims[d].1).collect();
        let remedy = match sizes.len() {
            1..=3 => format!("set grid.cells = {sizes:?}, or choose another variable or file"),
            _ => "choose another variable or file".into(),
        };
        self.error(format!("it has the shape {}, the grid {grid}", shape(dims)), &remedy)
    }
}

/// The axis of the grid for each of the dimensions `long`: by their roles if all have one, else in the order of the file.
/// Shorter than `long` if there are more dimensions than axes.
fn partners(long: &[usize], roles: &[Role], axes: &[usize]) -> Vec<usize> {
    let spatial: Vec<usize> =
        long.iter().filter_map(|&d| if let Role::Space(axis) = roles[d] { Some(axis) } else { None }).collect();
    let mut sorted = spatial.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != long.len() {
        return axes.iter().copied().take(long.len()).collect();
    }
    // A section through z and x on a grid of y and x keeps the order of the roles.
    let place = |axis: &usize| sorted.iter().position(|s| s == axis).and_then(|i| axes.get(i)).copied();
    spatial.iter().filter_map(place).collect()
}

/// `time = 4, y = 2, x = 3`.
fn shape(dims: &[(String, usize)]) -> String {
    let each = dims.iter().map(|(name, n)| format!("{name} = {n}"));
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_find_their_axes_by_role_or_else_by_order() {
        use Role::{Space, Unknown};
        assert_eq!(partners(&[0, 1], &[Space(2), Space(1)], &[1, 2]), [2, 1]);
        assert_eq!(partners(&[0, 1], &[Space(0), Space(2)], &[1, 2]), [1, 2]);
        assert_eq!(partners(&[0, 1], &[Unknown, Space(1)], &[1, 2]), [1, 2]);
        assert_eq!(partners(&[1], &[Role::Time, Unknown], &[2]), [2]);
        assert_eq!(partners(&[0, 1], &[Space(1), Space(2)], &[2]), [2]);
    }
}
