//! Variables of HDF5 and NetCDF-4 files.
use super::variable::{InputVariable, Packing, VariableInfo, no_such_variable};
use crate::base::{Error, Result};
use crate::files::hdf5 as h5;
use std::path::{Path, PathBuf};

/// A dataset of numbers in an open file.
pub(super) struct Hdf5Variable {
    path: PathBuf,
    // Declared before the file: HDF5 wants the datasets of a file closed first.
    data: h5::Dataset,
    _file: h5::File,
}

impl Hdf5Variable {
    /// Opens dataset `name`, which may be in a group (`group/name`).
    pub(super) fn open(path: &Path, name: &str) -> Result<Hdf5Variable> {
        let fail = |e| h5::explain("read", path, e).as_input();
        let file = h5::open(path).map_err(fail)?;
        let Ok(data) = file.dataset(name) else {
            let datasets = file.datasets().map_err(fail)?;
            let available = datasets.iter().map(|d| d.name().trim_start_matches('/').to_string()).collect();
            return Err(no_such_variable(path, name, available));
        };
        if !h5::holds_numbers(&data) {
            return Err(Error::input(format!("{}: {name} does not hold numbers", path.display())));
        }
        Ok(Hdf5Variable { path: path.to_path_buf(), data, _file: file })
    }
}

impl InputVariable for Hdf5Variable {
    fn info(&self) -> VariableInfo {
        let text = |name| h5::text(&self.data, name).unwrap_or_default();
        let dims = h5::axis_names(&self.data).into_iter().zip(self.data.shape()).collect();
        VariableInfo { dims, unit: text("units"), long_name: text("long_name") }
    }

    fn read(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
        let numbers = |name| h5::numbers(&self.data, name);
        let first = |name, otherwise| numbers(name).first().copied().unwrap_or(otherwise);
        let packing = Packing {
            scale: first("scale_factor", 1.0),
            offset: first("add_offset", 0.0),
            missing: [numbers("_FillValue"), numbers("missing_value")].concat(),
        };
        let selection = (start.to_vec(), count.to_vec());
        let mut values = h5::read(&self.data, &selection).map_err(|e| h5::explain("read", &self.path, e))?;
        packing.unpack(&mut values);
        Ok(values)
    }
}
