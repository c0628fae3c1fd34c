//! A writer of classic NetCDF files, for input files with any attributes.

/// The number types of this writer.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    I8 = 1,
    I16 = 3,
    F32 = 5,
    F64 = 6,
}

use Kind::{F32, F64, I8, I16};

impl Kind {
    fn size(self) -> usize {
        match self {
            I8 => 1,
            I16 => 2,
            F32 => 4,
            F64 => 8,
        }
    }

    fn bytes(self, values: &[f64]) -> Vec<u8> {
        let each = |&v: &f64| match self {
            I8 => (v as i8).to_be_bytes().to_vec(),
            I16 => (v as i16).to_be_bytes().to_vec(),
            F32 => (v as f32).to_be_bytes().to_vec(),
            F64 => v.to_be_bytes().to_vec(),
        };
        values.iter().flat_map(each).collect()
    }
}

/// The value of an attribute.
#[derive(Clone)]
pub enum Attribute {
    Text(&'static str),
    Numbers(Kind, Vec<f64>),
}

/// A variable: name, indices of its dimensions, type, attributes, values.
#[derive(Clone)]
pub struct Variable {
    pub name: &'static str,
    pub dims: Vec<usize>,
    pub kind: Kind,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub values: Vec<f64>,
}

impl Variable {
    pub fn new(name: &'static str, dims: &[usize], kind: Kind, values: &[f64]) -> Variable {
        Variable { name, dims: dims.to_vec(), kind, attributes: vec![], values: values.to_vec() }
    }

    pub fn text(mut self, name: &'static str, text: &'static str) -> Variable {
        self.attributes.push((name, Attribute::Text(text)));
        self
    }

    pub fn numbers(mut self, name: &'static str, kind: Kind, values: &[f64]) -> Variable {
        self.attributes.push((name, Attribute::Numbers(kind, values.to_vec())));
        self
    }
}

/// The bytes of a file of version 1, 2 or 5. A dimension of length 0 is the unlimited one, of which there are `records`; it must
/// be the first of its variables, and all records of a variable come one after another, so only one variable may have it.
pub fn classic_file(version: u8, records: u32, dims: &[(&str, u32)], variables: &[Variable]) -> Vec<u8> {
    let header = |begins: &[u64]| {
        let mut out = Out { version, bytes: vec![b'C', b'D', b'F', version] };
        out.count(records);
        out.tag(10, dims.len());
        for (name, n) in dims {
            out.name(name);
            out.count(*n);
        }
        out.tag(0, 0);
        out.tag(11, variables.len());
        for (v, begin) in variables.iter().zip(begins) {
            out.name(v.name);
            out.count(v.dims.len() as u32);
            v.dims.iter().for_each(|d| out.count(*d as u32));
            out.tag(if v.attributes.is_empty() { 0 } else { 12 }, v.attributes.len());
            for (name, value) in &v.attributes {
                out.name(name);
                let (kind, n, bytes) = match value {
                    Attribute::Text(text) => (2, text.len(), text.as_bytes().to_vec()),
                    Attribute::Numbers(kind, values) => (*kind as u32, values.len(), kind.bytes(values)),
                };
                out.word(kind);
                out.count(n as u32);
                out.padded(&bytes);
            }
            out.word(v.kind as u32);
            out.count((v.values.len() * v.kind.size()).next_multiple_of(4) as u32);
            if version == 1 { out.word(*begin as u32) } else { out.bytes.extend(begin.to_be_bytes()) }
        }
        out.bytes
    };
    let mut begin = header(&vec![0; variables.len()]).len() as u64;
    let mut begins = vec![];
    for v in variables {
        begins.push(begin);
        begin += (v.values.len() * v.kind.size()).next_multiple_of(4) as u64;
    }
    let mut out = Out { version, bytes: header(&begins) };
    variables.iter().for_each(|v| out.padded(&v.kind.bytes(&v.values)));
    out.bytes
}

struct Out {
    version: u8,
    bytes: Vec<u8>,
}

impl Out {
    fn word(&mut self, n: u32) {
        self.bytes.extend(n.to_be_bytes());
    }

    fn count(&mut self, n: u32) {
        if self.version == 5 {
            self.bytes.extend(u64::from(n).to_be_bytes());
        } else {
            self.word(n);
        }
    }

    fn tag(&mut self, tag: u32, n: usize) {
        self.word(tag);
        self.count(n as u32);
    }

    fn name(&mut self, name: &str) {
        self.count(name.len() as u32);
        self.padded(name.as_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
