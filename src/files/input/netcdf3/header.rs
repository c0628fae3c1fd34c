//! The header: dimensions, attributes and the position of each variable.
use super::external_type::ExternalType;
use super::invalid::invalid;
use crate::files::stored_number::Attribute;
use std::io::{self, ErrorKind, Read};

/// The format's version (1, 2 or 5) from the first bytes of a file; `None` if it is not a classic NetCDF file.
pub(in crate::files::input) fn version(head: &[u8; 8]) -> Option<u8> {
    let [b'C', b'D', b'F', version @ (1 | 2 | 5), ..] = *head else { return None };
    Some(version)
}

/// The contents of a header.
pub(super) struct Header {
    /// Number of records; `None` if the writer did not close the file.
    pub(super) records: Option<u64>,
    /// Name and length of each dimension; the unlimited dimension has length 0.
    pub(super) dims: Vec<(String, usize)>,
    pub(super) variables: Vec<VariableHeader>,
}

/// The header's entry for one variable.
pub(super) struct VariableHeader {
    pub(super) name: String,
    /// Indices of its dimensions in [`Header::dims`], slowest first; all are valid.
    pub(super) dims: Vec<usize>,
    pub(super) attributes: Vec<(String, Attribute)>,
    pub(super) element: ExternalType,
    /// Position of its first byte in the file.
    pub(super) begin: u64,
}

impl Header {
    /// Parses what follows the file's first four bytes. `length` is the length of the whole file.
    pub(super) fn parse(input: impl Read, version: u8, length: u64) -> io::Result<Header> {
        Parser { input, version, length }.header()
    }

    /// True if a variable lies on the unlimited dimension.
    pub(super) fn is_record(&self, v: &VariableHeader) -> bool {
        v.dims.first().is_some_and(|&d| self.dims[d].1 == 0)
    }

    /// Bytes of a variable, or of one record of it.
    fn bytes(&self, v: &VariableHeader) -> io::Result<u64> {
        let fixed = &v.dims[usize::from(self.is_record(v))..];
        let bytes = fixed.iter().try_fold(v.element.size() as u64, |n, &d| n.checked_mul(self.dims[d].1 as u64));
        bytes.ok_or_else(|| invalid(format!("the size of {} overflows", v.name)))
    }

    /// Checks the sizes of all variables. Returns the number of bytes from one record to the next.
    pub(super) fn record_bytes(&self) -> io::Result<u64> {
        let sizes = self.variables.iter().map(|v| self.bytes(v)).collect::<io::Result<Vec<u64>>>()?;
        let records = self.variables.iter().zip(sizes).filter(|(v, _)| self.is_record(v)).map(|(_, size)| size);
        match records.collect::<Vec<_>>()[..] {
            // The format does not pad the record of a single variable.
            [only] => Ok(only),
            ref many => {
                let padded = many.iter().try_fold(0u64, |n, b| n.checked_add(b.checked_next_multiple_of(4)?));
                padded.ok_or_else(|| invalid("the size of a record overflows".into()))
            }
        }
    }

    /// The number of records in a file of `length` bytes. A writer that was killed left no count.
    pub(super) fn count_records(&self, record: u64, length: u64) -> u64 {
        self.records.unwrap_or_else(|| {
            let begin = self.variables.iter().filter(|v| self.is_record(v)).map(|v| v.begin).min();
            length.saturating_sub(begin.unwrap_or(length)) / record.max(1)
        })
    }
}

struct Parser<R> {
    input: R,
    version: u8,
    length: u64,
}

impl<R: Read> Parser<R> {
    fn header(mut self) -> io::Result<Header> {
        let records = self.count()?;
        let unknown = if self.version == 5 { u64::MAX } else { u64::from(u32::MAX) };
        let dims = self.list(10, |p| Ok((p.name()?, p.length()?)))?;
        let _global = self.list(12, Parser::attribute)?;
        let variables = self.list(11, |p| {
            let name = p.name()?;
            let rank = p.small_count()?;
            let entry_dims = (0..rank).map(|_| p.length()).collect::<io::Result<Vec<_>>>()?;
            if let Some(d) = entry_dims.iter().find(|&&d| d >= dims.len()) {
                return Err(invalid(format!("{name} lies on dimension {d} of {}", dims.len())));
            }
            let attributes = p.list(12, Parser::attribute)?;
            let element = ExternalType::from_code(p.u32()?)?;
            let _padded_size = p.count()?;
            let begin = if p.version == 1 { p.u32()? } else { p.u64()? };
            Ok(VariableHeader { name, dims: entry_dims, attributes, element, begin })
        })?;
        Ok(Header { records: Some(records).filter(|&n| n != unknown), dims, variables })
    }

    /// A list of items. A list that is absent has a tag and a count of zero.
    fn list<T>(&mut self, tag: u64, mut item: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let (found, n) = (self.u32()?, self.small_count()?);
        if found != tag && (found, n) != (0, 0) {
            return Err(invalid(format!("tag {found} where {tag} should be")));
        }
        (0..n).map(|_| item(self)).collect()
    }

    fn attribute(&mut self) -> io::Result<(String, Attribute)> {
        let name = self.name()?;
        let element = ExternalType::from_code(self.u32()?)?;
        let n = self.small_count()?;
        let bytes = self.padded(n.checked_mul(element.size()).ok_or(ErrorKind::UnexpectedEof)?)?;
        let value = match element.stored() {
            None => Attribute::Text(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).to_string()),
            Some(stored) => Attribute::Numbers(stored, element.decode(&bytes)),
        };
        Ok((name, value))
    }

    fn name(&mut self) -> io::Result<String> {
        let n = self.small_count()?;
        Ok(String::from_utf8_lossy(&self.padded(n)?).into_owned())
    }

    /// Reads `n` bytes and skips the padding to a multiple of four.
    fn padded(&mut self, n: usize) -> io::Result<Vec<u8>> {
        let padded = n.checked_next_multiple_of(4).ok_or(ErrorKind::UnexpectedEof)?;
        let mut bytes = vec![];
        // The buffer grows with what the file really holds, whatever the header announces.
        let found = self.input.by_ref().take(padded as u64).read_to_end(&mut bytes)?;
        if found < padded {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(n);
        Ok(bytes)
    }

    /// A number of items in the header, which cannot exceed the number of bytes in the file.
    fn small_count(&mut self) -> io::Result<usize> {
        let n = self.length()?;
        if n as u64 > self.length { Err(invalid(format!("a count of {n}"))) } else { Ok(n) }
    }

    /// A count that fits the machine's address space.
    fn length(&mut self) -> io::Result<usize> {
        let n = self.count()?;
        usize::try_from(n).map_err(|_| invalid(format!("a count of {n}")))
    }

    fn count(&mut self) -> io::Result<u64> {
        if self.version == 5 { self.u64() } else { self.u32() }
    }

    fn u32(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u64::from(u32::from_be_bytes(bytes)))
    }

    fn u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.input.read_exact(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }
}
