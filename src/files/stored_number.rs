//! How numbers are stored in a file, and the values of attributes.

/// The stored form of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredNumber {
    /// An integer of this many bytes.
    Integer { bytes: usize, signed: bool },
    /// A floating-point number of this many bytes.
    Float { bytes: usize },
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    /// A text, without padding.
    Text(String),
    /// Numbers, and how they are stored.
    Numbers(StoredNumber, Vec<f64>),
}

impl StoredNumber {
    /// The number that the NetCDF library stores where nothing was written (`NC_FILL_FLOAT` and others); `None` for bytes,
    /// all of whose values are in use.
    pub(crate) fn default_fill(self) -> Option<f64> {
        match self {
            StoredNumber::Float { bytes: 4 | 8 } => Some(f64::from(9.969_21e36_f32)),
            StoredNumber::Integer { bytes: 2, signed: true } => Some(-32767.0),
            StoredNumber::Integer { bytes: 2, signed: false } => Some(65535.0),
            StoredNumber::Integer { bytes: 4, signed: true } => Some(-2147483647.0),
            StoredNumber::Integer { bytes: 4, signed: false } => Some(4294967295.0),
            StoredNumber::Integer { bytes: 8, signed: true } => Some(-9223372036854775806.0),
            StoredNumber::Integer { bytes: 8, signed: false } => Some(18446744073709551614.0),
            _ => None,
        }
    }

    /// True for floating-point numbers.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, StoredNumber::Float { .. })
    }

    /// The largest relative error of storing a number in this form: half a unit in the last place.
    pub(crate) fn rounding(self) -> f64 {
        match self {
            StoredNumber::Float { bytes: 2 } => 1.0 / 2048.0,
            StoredNumber::Float { bytes: 4 } => 1.0 / 16_777_216.0,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_fill_of_floats_is_that_of_the_netcdf_library() {
        // NC_FILL_FLOAT is 9.9692099683868690e+36f, 2^122 · 15/8.
        let fill = StoredNumber::Float { bytes: 4 }.default_fill();
        assert_eq!(fill, Some(9.969_209_968_386_869e36));
        assert_eq!(StoredNumber::Integer { bytes: 1, signed: true }.default_fill(), None);
    }
}
