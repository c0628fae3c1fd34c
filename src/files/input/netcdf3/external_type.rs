//! The number types of the classic format.
use super::invalid::invalid;
use crate::files::stored_number::StoredNumber;
use std::io;

/// An external type (`nc_type`), in the order of the format's type codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ExternalType {
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

impl ExternalType {
    /// The type of a code, 1 to 11.
    pub(super) fn from_code(code: u64) -> io::Result<ExternalType> {
        use ExternalType::*;
        let types = [I8, Text, I16, I32, F32, F64, U8, U16, U32, I64, U64];
        let index = usize::try_from(code).ok().and_then(|code| code.checked_sub(1));
        index.and_then(|i| types.get(i)).copied().ok_or_else(|| invalid(format!("type {code} is not known")))
    }

    /// How its numbers are stored; `None` for text.
    pub(super) fn stored(self) -> Option<StoredNumber> {
        use ExternalType::*;
        let bytes = self.size();
        match self {
            Text => None,
            F32 | F64 => Some(StoredNumber::Float { bytes }),
            I8 | I16 | I32 | I64 => Some(StoredNumber::Integer { bytes, signed: true }),
            U8 | U16 | U32 | U64 => Some(StoredNumber::Integer { bytes, signed: false }),
        }
    }

    /// Bytes of one value.
    pub(super) fn size(self) -> usize {
        match self {
            ExternalType::I8 | ExternalType::Text | ExternalType::U8 => 1,
            ExternalType::I16 | ExternalType::U16 => 2,
            ExternalType::I32 | ExternalType::F32 | ExternalType::U32 => 4,
            ExternalType::F64 | ExternalType::I64 | ExternalType::U64 => 8,
        }
    }

    /// Converts big-endian values to double precision.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f64> {
        macro_rules! from {
            ($t:ty) => {
                bytes.as_chunks().0.iter().map(|b| <$t>::from_be_bytes(*b) as f64).collect()
            };
        }
        match self {
            ExternalType::I8 => from!(i8),
            ExternalType::Text | ExternalType::U8 => from!(u8),
            ExternalType::I16 => from!(i16),
            ExternalType::I32 => from!(i32),
            ExternalType::F32 => from!(f32),
            ExternalType::F64 => from!(f64),
            ExternalType::U16 => from!(u16),
            ExternalType::U32 => from!(u32),
            ExternalType::I64 => from!(i64),
            ExternalType::U64 => from!(u64),
        }
    }
}
