//! Reading boxes of a variable.
use super::header::{Header, VariableHeader};
use super::invalid::invalid;
use crate::base::{Error, Result};
use crate::files::input::variable::{InputVariable, no_such_variable, not_numbers};
use crate::files::stored_number::{Attribute, StoredNumber};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A variable of numbers in an open file.
pub(in crate::files::input) struct NetcdfVariable<R> {
    input: R,
    path: PathBuf,
    header: VariableHeader,
    stored: StoredNumber,
    /// Name and length of each dimension.
    dims: Vec<(String, usize)>,
    /// Bytes from one record to the next, if the first dimension is the unlimited one.
    record: Option<u64>,
    /// Bytes of the file.
    length: u64,
}

impl<R: Read + Seek> NetcdfVariable<R> {
    /// Opens variable `name` of a file of version 1, 2 or 5. `path` appears in errors only.
    pub(in crate::files::input) fn open(mut input: R, version: u8, path: &Path, name: &str) -> Result<Self> {
        let fail = |e: io::Error| Error::file("read", path, reason(e)).as_input();
        let length = input.seek(SeekFrom::End(0)).map_err(fail)?;
        input.seek(SeekFrom::Start(4)).map_err(fail)?;
        let header = Header::parse(BufReader::new(&mut input), version, length).map_err(fail)?;
        let record = header.record_bytes().map_err(fail)?;
        let records = header.count_records(record, length);
        let records = usize::try_from(records).map_err(|_| fail(invalid(format!("{records} records"))))?;
        let Some(at) = header.variables.iter().position(|v| v.name == name) else {
            return Err(no_such_variable(path, name, header.variables.into_iter().map(|v| v.name).collect()));
        };
        let record = header.is_record(&header.variables[at]).then_some(record);
        let Header { dims: all, mut variables, .. } = header;
        let header = variables.swap_remove(at);
        let Some(stored) = header.element.stored() else { return Err(not_numbers(path, name, "text")) };
        let mut dims: Vec<_> = header.dims.iter().map(|&d| all[d].clone()).collect();
        if record.is_some() {
            dims[0].1 = records;
        }
        let variable = NetcdfVariable { input, path: path.to_path_buf(), header, stored, dims, record, length };
        match variable.end() {
            Some(end) if end <= length => Ok(variable),
            end => Err(fail(short(name, end, length))),
        }
    }

    /// The position after the last value of the variable in the file; `None` on overflow.
    fn end(&self) -> Option<u64> {
        if self.dims.iter().any(|d| d.1 == 0) {
            return Some(0);
        }
        let last =
            self.dims.iter().zip(self.strides()?).try_fold(self.header.begin, |at, ((_, n), stride)| {
                at.checked_add((*n as u64 - 1).checked_mul(stride)?)
            })?;
        last.checked_add(self.header.element.size() as u64)
    }

    /// Reads a box of stored values, one contiguous run of the file at a time.
    fn read_packed(&mut self, start: &[usize], count: &[usize]) -> io::Result<Vec<f64>> {
        if count.contains(&0) {
            return Ok(vec![]);
        }
        let (size, rank) = (self.header.element.size(), start.len());
        // Cells do not overlap in the file, so a box of more bytes than the file has is beyond its end.
        let bytes = count.iter().try_fold(size, |n, &c| n.checked_mul(c)).filter(|&n| n as u64 <= self.length);
        let mut bytes = vec![0; bytes.ok_or(ErrorKind::UnexpectedEof)?];
        let stride = self.strides().ok_or(ErrorKind::UnexpectedEof)?;
        // A run covers the trailing axes that are read whole and a part of the axis before them, within one record.
        let mut axis = rank;
        let mut run = size;
        while axis > 0 && !(axis == 1 && self.record.is_some() && rank > 1) {
            axis -= 1;
            run *= count[axis];
            if count[axis] != self.dims[axis].1 {
                break;
            }
        }
        if rank == 1 && self.record.is_some_and(|r| r != size as u64) {
            (axis, run) = (1, size);
        }
        for (i, target) in bytes.chunks_exact_mut(run).enumerate() {
            let (mut rest, mut at) = (i, Some(self.header.begin));
            for a in (0..rank).rev() {
                let n = if a < axis { count[a] } else { 1 };
                let index = start[a].checked_add(rest % n);
                let offset = index.and_then(|index| stride[a].checked_mul(index as u64));
                at = at.and_then(|at| at.checked_add(offset?));
                rest /= n;
            }
            self.input.seek(SeekFrom::Start(at.ok_or(ErrorKind::UnexpectedEof)?))?;
            self.input.read_exact(target)?;
        }
        Ok(self.header.element.decode(&bytes))
    }

    /// Bytes between neighbours on each axis; `None` on overflow.
    fn strides(&self) -> Option<Vec<u64>> {
        let mut stride = vec![self.header.element.size() as u64; self.dims.len()];
        for a in (1..stride.len()).rev() {
            stride[a - 1] = stride[a].checked_mul(self.dims[a].1 as u64)?;
        }
        if let (Some(record), Some(first)) = (self.record, stride.first_mut()) {
            *first = record;
        }
        Some(stride)
    }
}

impl<R: Read + Seek> InputVariable for NetcdfVariable<R> {
    fn dims(&self) -> &[(String, usize)] {
        &self.dims
    }

    fn stored(&self) -> StoredNumber {
        self.stored
    }

    fn is_netcdf(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Attribute> {
        self.header.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    fn read_stored(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
        let values = self.read_packed(start, count);
        values.map_err(|e| Error::file("read", &self.path, reason(e)).as_input())
    }
}

/// The error for a file that ends before the end of a variable.
fn short(name: &str, end: Option<u64>, length: u64) -> io::Error {
    let end = end.map_or("more than any file has".into(), |end| end.to_string());
    let what = format!("the file is truncated: {name} needs {end} bytes, the file has {length}");
    io::Error::new(ErrorKind::InvalidData, what)
}

/// What an I/O error tells about the file.
fn reason(e: io::Error) -> String {
    if e.kind() == ErrorKind::UnexpectedEof {
        "the file is truncated: it ends in the header".into()
    } else {
        e.to_string()
    }
}
