//! Classic NetCDF: a header that says where each variable lies, then big-endian numbers.
//!
//! CDF-1 has 32-bit offsets, CDF-2 64-bit offsets, CDF-5 64-bit lengths too. Variables on the unlimited dimension are
//! stored record by record, one after another within a record.
//! Source: "The NetCDF Classic Format Specification", <https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html>.
use super::{Packing, Source, VariableInfo, no_such_variable};
use crate::base::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The format's version, 1, 2 or 5, from a file's first bytes.
pub(super) fn version(head: &[u8; 8]) -> Option<u8> {
    let [b'C', b'D', b'F', version @ (1 | 2 | 5), ..] = *head else { return None };
    Some(version)
}

/// A variable of numbers in an open file.
pub(super) struct Variable {
    file: File,
    path: PathBuf,
    header: Entry,
    dims: Vec<(String, usize)>,
    /// Bytes from one record to the next, if the first dimension is the unlimited one.
    record: Option<u64>,
}

/// A variable as the header has it.
struct Entry {
    name: String,
    dims: Vec<usize>,
    attributes: Vec<(String, Value)>,
    kind: Kind,
    begin: u64,
}

enum Value {
    Text(String),
    Numbers(Vec<f64>),
}

/// The external types, by their number in the file.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    I8,
    Text,
    I16,
    I32,
    F32,
    F64,
    U8,
    U16,
    U32,
    I64,
    U64,
}

impl Kind {
    fn of(code: u64) -> io::Result<Kind> {
        use Kind::*;
        let kinds = [I8, Text, I16, I32, F32, F64, U8, U16, U32, I64, U64];
        let index = (code as usize).checked_sub(1);
        index.and_then(|i| kinds.get(i)).copied().ok_or_else(|| broken(format!("type {code} is not known")))
    }

    fn size(self) -> usize {
        match self {
            Kind::I8 | Kind::Text | Kind::U8 => 1,
            Kind::I16 | Kind::U16 => 2,
            Kind::I32 | Kind::F32 | Kind::U32 => 4,
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
        }
    }

    fn numbers(self, bytes: &[u8]) -> Vec<f64> {
        macro_rules! from {
            ($t:ty) => {
                bytes.as_chunks().0.iter().map(|b| <$t>::from_be_bytes(*b) as f64).collect()
            };
        }
        match self {
            Kind::I8 => from!(i8),
            Kind::Text | Kind::U8 => from!(u8),
            Kind::I16 => from!(i16),
            Kind::I32 => from!(i32),
            Kind::F32 => from!(f32),
            Kind::F64 => from!(f64),
            Kind::U16 => from!(u16),
            Kind::U32 => from!(u32),
            Kind::I64 => from!(i64),
            Kind::U64 => from!(u64),
        }
    }
}

impl Variable {
    pub(super) fn open(mut file: File, version: u8, path: &Path, name: &str) -> Result<Variable> {
        let fail = |e: io::Error| {
            let why =
                if e.kind() == ErrorKind::UnexpectedEof { "the file ends too early".into() } else { e.to_string() };
            Error::file("read", path, why).as_input()
        };
        let length = file.metadata().map_err(fail)?.len();
        file.seek(SeekFrom::Start(4)).map_err(fail)?;
        let header = Header { input: BufReader::new(&mut file), version, length }.read().map_err(fail)?;
        let Contents { records, dims, variables } = header;
        let is_record = |v: &Entry| v.dims.first().is_some_and(|&d| dims[d].1 == 0);
        // Bytes of a variable, or of one record of it.
        let bytes = |v: &Entry| {
            let fixed = &v.dims[is_record(v) as usize..];
            fixed.iter().map(|&d| dims[d].1 as u64).product::<u64>() * v.kind.size() as u64
        };
        let record = match variables.iter().filter(|v| is_record(v)).collect::<Vec<_>>()[..] {
            // A lone record variable is not padded.
            [only] => bytes(only),
            ref many => many.iter().map(|v| bytes(v).next_multiple_of(4)).sum(),
        };
        // A writer that died while streaming left no count.
        let records = records.unwrap_or_else(|| {
            let begin = variables.iter().filter(|v| is_record(v)).map(|v| v.begin).min().unwrap_or(length);
            length.saturating_sub(begin) / record.max(1)
        });
        let Some(at) = variables.iter().position(|v| v.name == name) else {
            return Err(no_such_variable(path, name, variables.into_iter().map(|v| v.name).collect()));
        };
        let record = is_record(&variables[at]).then_some(record);
        let entry = variables.into_iter().nth(at).expect("its position was found");
        if entry.kind == Kind::Text {
            return Err(Error::input(format!("{}: {name} does not hold numbers", path.display())));
        }
        let mut dims: Vec<_> = entry.dims.iter().map(|&d| dims[d].clone()).collect();
        if record.is_some() {
            dims[0].1 = records as usize;
        }
        Ok(Variable { file, path: path.to_path_buf(), header: entry, dims, record })
    }

    fn attribute(&self, name: &str) -> Option<&Value> {
        self.header.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> String {
        if let Some(Value::Text(text)) = self.attribute(name) { text.clone() } else { String::new() }
    }

    fn numbers(&self, name: &str) -> &[f64] {
        if let Some(Value::Numbers(numbers)) = self.attribute(name) { numbers } else { &[] }
    }

    /// Reads a box as stored, in runs that lie in one piece in the file.
    fn read_packed(&mut self, start: &[usize], count: &[usize]) -> io::Result<Vec<f64>> {
        let (kind, rank) = (self.header.kind, start.len());
        let mut bytes = vec![0; count.iter().product::<usize>() * kind.size()];
        // Distance between neighbours on each axis, in bytes.
        let mut stride = vec![kind.size() as u64; rank];
        for a in (1..rank).rev() {
            stride[a - 1] = stride[a] * self.dims[a].1 as u64;
        }
        if let Some(record) = self.record {
            stride[0] = record;
        }
        // A run goes over the trailing axes that are read whole and a part of the one before, but not over records.
        let mut axis = rank;
        let mut run = kind.size();
        while axis > 0 && !(axis == 1 && self.record.is_some() && rank > 1) {
            axis -= 1;
            run *= count[axis];
            if count[axis] != self.dims[axis].1 {
                break;
            }
        }
        if rank == 1 && self.record.is_some_and(|r| r != kind.size() as u64) {
            (axis, run) = (1, kind.size());
        }
        for (i, piece) in bytes.chunks_exact_mut(run.max(1)).enumerate() {
            let (mut rest, mut at) = (i, self.header.begin);
            for a in (0..rank).rev() {
                let n = if a < axis { count[a] } else { 1 };
                at += (start[a] + rest % n) as u64 * stride[a];
                rest /= n;
            }
            self.file.seek(SeekFrom::Start(at))?;
            self.file.read_exact(piece)?;
        }
        Ok(kind.numbers(&bytes))
    }
}

impl Source for Variable {
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
        let mut values = self.read_packed(start, count).map_err(|e| Error::file("read", &self.path, e))?;
        packing.unpack(&mut values);
        Ok(values)
    }
}

/// What the header holds. A dimension of length 0 is the unlimited one.
struct Contents {
    records: Option<u64>,
    dims: Vec<(String, usize)>,
    variables: Vec<Entry>,
}

struct Header<R> {
    input: R,
    version: u8,
    length: u64,
}

impl<R: Read> Header<R> {
    fn read(mut self) -> io::Result<Contents> {
        let records = self.count()?;
        let unknown = if self.version == 5 { u64::MAX } else { u32::MAX as u64 };
        let dims = self.list(10, |h| Ok((h.name()?, h.count()? as usize)))?;
        let _global = self.list(12, Header::attribute)?;
        let variables = self.list(11, |h| {
            let name = h.name()?;
            let rank = h.small_count()?;
            let entry_dims = (0..rank).map(|_| h.count().map(|d| d as usize)).collect::<io::Result<Vec<_>>>()?;
            if let Some(d) = entry_dims.iter().find(|&&d| d >= dims.len()) {
                return Err(broken(format!("{name} lies on dimension {d} of {}", dims.len())));
            }
            let attributes = h.list(12, Header::attribute)?;
            let kind = Kind::of(h.u32()?)?;
            let _padded_size = h.count()?;
            let begin = if h.version == 1 { h.u32()? } else { h.u64()? };
            Ok(Entry { name, dims: entry_dims, attributes, kind, begin })
        })?;
        Ok(Contents { records: Some(records).filter(|&n| n != unknown), dims, variables })
    }

    /// A list of things, which may be absent: a tag and a count, both zero then.
    fn list<T>(&mut self, tag: u64, mut item: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let (found, n) = (self.u32()?, self.small_count()?);
        if found != tag && (found, n) != (0, 0) {
            return Err(broken(format!("tag {found} where {tag} should be")));
        }
        (0..n).map(|_| item(self)).collect()
    }

    fn attribute(&mut self) -> io::Result<(String, Value)> {
        let name = self.name()?;
        let kind = Kind::of(self.u32()?)?;
        let n = self.small_count()?;
        let bytes = self.padded(n * kind.size())?;
        let value = match kind {
            Kind::Text => Value::Text(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).to_string()),
            _ => Value::Numbers(kind.numbers(&bytes)),
        };
        Ok((name, value))
    }

    fn name(&mut self) -> io::Result<String> {
        let n = self.small_count()?;
        Ok(String::from_utf8_lossy(&self.padded(n)?).into_owned())
    }

    fn padded(&mut self, n: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; n.next_multiple_of(4)];
        self.input.read_exact(&mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// A count of things in the header, which cannot be more than the file has bytes.
    fn small_count(&mut self) -> io::Result<usize> {
        let n = self.count()?;
        if n > self.length { Err(broken(format!("a count of {n}"))) } else { Ok(n as usize) }
    }

    fn count(&mut self) -> io::Result<u64> {
        if self.version == 5 { self.u64() } else { self.u32() }
    }

    fn u32(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes) as u64)
    }

    fn u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.input.read_exact(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }
}

fn broken(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not a sound NetCDF-3 header: {what}"))
}
