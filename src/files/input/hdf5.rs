//! Variables of HDF5 and NetCDF-4 files.
use super::variable::{InputVariable, no_such_variable, not_a_variable, not_numbers};
use crate::base::{Error, Result};
use crate::files::hdf5 as h5;
use crate::files::stored_number::{Attribute, StoredNumber};
use std::path::{Path, PathBuf};

/// A dataset of numbers in an open file.
pub(super) struct Hdf5Variable {
    path: PathBuf,
    stored: StoredNumber,
    dims: Vec<(String, usize)>,
    is_netcdf: bool,
    // Declared before the file: HDF5 wants the datasets of a file closed first.
    data: h5::Dataset,
    _file: h5::File,
}

impl Hdf5Variable {
    /// Opens dataset `name`, which may be in a group (`group/name`).
    pub(super) fn open(path: &Path, name: &str) -> Result<Hdf5Variable> {
        let fail = |e| h5::explain("read", path, e).as_input();
        let file = h5::open(path).map_err(fail)?;
        let data = match file.dataset(name) {
            Ok(data) if !name.is_empty() && !h5::is_mere_dimension(&data) => data,
            _ => {
                let available = h5::dataset_names(&file).map_err(fail)?;
                let what = match name {
                    "" => None,
                    _ if file.group(name).is_ok() => Some("a group"),
                    _ if file.dataset(name).is_err() && file.link_exists(name) => Some("a link to nothing, or damaged"),
                    _ => None,
                };
                return Err(match what {
                    Some(what) => not_a_variable(path, name, what, available),
                    None => no_such_variable(path, name, available),
                });
            }
        };
        let kind = data.dtype().map_err(fail)?;
        let stored = h5::stored_number(&kind).map_err(|held| not_numbers(path, name, held))?;
        if let [filter, ..] = h5::check_filters(&data)[..] {
            let what = format!("{}: {name} is compressed with filter {filter}, which HDF5 lacks here", path.display());
            let remedy = "set HDF5_PLUGIN_PATH to the folder of its plugin, or write the file without it: \
                          h5repack -f NONE, nccopy -F none";
            return Err(Error::input(what).remedy(remedy));
        }
        h5::check_sources(&data, path).map_err(|fault| {
            let (file, remedy) = (path.display(), "move a virtual file together with the folder beside it");
            match fault {
                h5::VirtualFault::Missing(source) => {
                    let source = source.display();
                    let what =
                        format!("{file} is a virtual file, and a file with values of {name} is missing: {source}");
                    Error::input(what).remedy(format!("{remedy}, or use a packed file (halocline pack)"))
                }
                h5::VirtualFault::Other(why) => Error::input(format!("{file} is a virtual file: {name}: {why}"))
                    .remedy("write the values into one file, with h5py or xarray for instance"),
            }
        })?;
        let dims = h5::axis_names(&data).into_iter().zip(data.shape()).collect();
        let is_netcdf = h5::has_attribute(&file, "_NCProperties");
        Ok(Hdf5Variable { path: path.to_path_buf(), stored, dims, is_netcdf, data, _file: file })
    }
}

impl InputVariable for Hdf5Variable {
    fn dims(&self) -> &[(String, usize)] {
        &self.dims
    }

    fn stored(&self) -> StoredNumber {
        self.stored
    }

    fn is_netcdf(&self) -> bool {
        self.is_netcdf
    }

    fn attribute(&self, name: &str) -> Option<Attribute> {
        h5::attribute(&self.data, name)
    }

    fn read_stored(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
        let selection = (start.to_vec(), count.to_vec());
        h5::read(&self.data, &selection).map_err(|e| {
            let error = h5::explain("read", &self.path, e).as_input();
            Error::input(format!("{} (values of {})", error.what(), self.data.name().trim_start_matches('/')))
                .remedy("the file is damaged: copy or create it again")
        })
    }
}
