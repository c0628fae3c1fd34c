//! Reading boxes of a variable.
use super::external_type::ExternalType;
use super::header::{Attribute, Header, VariableHeader};
use super::invalid::invalid;
use crate::base::{Error, Result};
use crate::files::input::variable::{InputVariable, Packing, VariableInfo, no_such_variable};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A variable of numbers in an open file.
pub(in crate::files::input) struct NetcdfVariable<R> {
    input: R,
    path: PathBuf,
    header: VariableHeader,
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
        if header.element == ExternalType::Text {
            return Err(Error::input(format!("{}: {name} does not hold numbers", path.display())));
        }
        let mut dims: Vec<_> = header.dims.iter().map(|&d| all[d].clone()).collect();
        if record.is_some() {
            dims[0].1 = records;
        }
        Ok(NetcdfVariable { input, path: path.to_path_buf(), header, dims, record, length })
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.header.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> String {
        if let Some(Attribute::Text(text)) = self.attribute(name) { text.clone() } else { String::new() }
    }

    fn numbers(&self, name: &str) -> &[f64] {
        if let Some(Attribute::Numbers(numbers)) = self.attribute(name) { numbers } else { &[] }
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
    fn info(&self) -> VariableInfo {
        VariableInfo { dims: self.dims.clone(), unit: self.text("units"), long_name: self.text("long_name") }
    }

    fn read(&mut self, start: &[usize], count: &[usize]) -> Result<Vec<f64>> {
        let first = |name, otherwise| self.numbers(name).first().copied().unwrap_or(otherwise);
        let packing = Packing {
            scale: first("scale_factor", 1.0),
            offset: first("add_offset", 0.0),
            missing: [self.numbers("_FillValue"), self.numbers("missing_value")].concat(),
        };
        let values = self.read_packed(start, count);
        let mut values = values.map_err(|e| Error::file("read", &self.path, reason(e)))?;
        packing.unpack(&mut values);
        Ok(values)
    }
}

/// What an I/O error tells about the file.
fn reason(e: io::Error) -> String {
    if e.kind() == ErrorKind::UnexpectedEof { "the file ends too early".into() } else { e.to_string() }
}
