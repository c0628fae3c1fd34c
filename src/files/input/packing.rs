//! The relation of stored numbers to values, after the rules of CF and of the NetCDF Users Guide for packed data, missing
//! values and valid ranges.
use crate::files::stored_number::{Attribute, StoredNumber};

/// How the stored numbers of one variable become values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packing {
    /// Two to the number of bits, if the integers are stored with the other sign than they are meant (`_Unsigned`).
    wrap: Option<Wrap>,
    scale: f64,
    offset: f64,
    /// Stored numbers that stand for missing values, each with its largest relative rounding error.
    missing: Vec<(f64, f64)>,
    valid: [Bound; 2],
    /// True if the valid range is given in values, not in stored numbers.
    valid_unpacked: bool,
}

/// A valid bound with its largest relative rounding error; infinite without one.
type Bound = (f64, f64);

/// Integers that `_Unsigned` declares as the other kind; the number is 2 to the power of their bits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrap {
    ToUnsigned(f64),
    ToSigned(f64),
}

impl Wrap {
    fn apply(self, v: f64) -> f64 {
        match self {
            Wrap::ToUnsigned(all) if v < 0.0 => v + all,
            Wrap::ToSigned(all) if v >= 0.5 * all => v - all,
            _ => v,
        }
    }
}

impl Packing {
    /// Reads the packing from the attributes of a variable. With `default_fill`, the numbers that the NetCDF library stores
    /// where nothing was written are missing values, unless the variable has a `_FillValue`.
    pub(super) fn of(
        stored: StoredNumber,
        default_fill: bool,
        attribute: impl Fn(&str) -> Option<Attribute>,
    ) -> Packing {
        let wrap = wrap(stored, attribute("_Unsigned"));
        // Some writers store numbers as text.
        let numbers = |name: &str| match attribute(name) {
            Some(Attribute::Numbers(kind, values)) => {
                (kind, values.into_iter().map(|v| wrap.map_or(v, |wrap| wrap.apply(v))).collect())
            }
            Some(Attribute::Text(text)) => {
                (StoredNumber::Float { bytes: 8 }, text.trim().parse().into_iter().collect())
            }
            None => (stored, vec![]),
        };
        // A number given in another precision than the variable's is a rounded one: -999.9 in single precision is not
        // -999.9 in double precision.
        let rounding = |kind: StoredNumber| if kind == stored { 0.0 } else { kind.rounding().max(stored.rounding()) };
        let mut missing: Vec<(f64, f64)> = vec![];
        for name in ["_FillValue", "missing_value"] {
            let (kind, values) = numbers(name);
            missing.extend(values.into_iter().map(|v| (v, rounding(kind))));
        }
        if attribute("_FillValue").is_none() && default_fill {
            let meant = match (stored, wrap) {
                (StoredNumber::Integer { bytes, signed }, Some(_)) => StoredNumber::Integer { bytes, signed: !signed },
                _ => stored,
            };
            missing.extend(meant.default_fill().map(|v| (v, 0.0)));
        }
        let first = |name: &str| numbers(name).1.first().copied();
        let (scale, offset) = (first("scale_factor"), first("add_offset"));
        let is_packed = scale.is_some() || offset.is_some();
        let mut valid = [(f64::NEG_INFINITY, 0.0), (f64::INFINITY, 0.0)];
        let mut valid_unpacked = false;
        for (bound, name, at) in
            [(0, "valid_min", 0), (1, "valid_max", 0), (0, "valid_range", 0), (1, "valid_range", 1)]
        {
            let (kind, values) = numbers(name);
            if let Some(&v) = values.get(at).filter(|v| v.is_finite()) {
                valid[bound] = (v, rounding(kind));
                valid_unpacked |= is_packed && kind.is_float() && !stored.is_float();
            }
        }
        Packing { wrap, scale: scale.unwrap_or(1.0), offset: offset.unwrap_or(0.0), missing, valid, valid_unpacked }
    }

    /// Converts stored numbers to values in place; missing values, and values outside of the valid range, become NaN.
    pub(super) fn unpack(&self, values: &mut [f64]) {
        for v in values {
            let stored = self.wrap.map_or(*v, |wrap| wrap.apply(*v));
            let value = stored * self.scale + self.offset;
            let is_missing = self.missing.iter().any(|&(m, rounding)| is_same(stored, m, rounding));
            let tested = if self.valid_unpacked { value } else { stored };
            let [(low, below), (high, above)] = self.valid;
            let is_valid =
                (tested >= low || is_same(tested, low, below)) && (tested <= high || is_same(tested, high, above));
            *v = if is_missing || !is_valid { f64::NAN } else { value };
        }
    }
}

/// True if `v` is `m`, up to a rounding error relative to `m`.
fn is_same(v: f64, m: f64, rounding: f64) -> bool {
    v == m || (m.is_finite() && (v - m).abs() <= rounding * m.abs())
}

fn wrap(stored: StoredNumber, declared: Option<Attribute>) -> Option<Wrap> {
    let StoredNumber::Integer { bytes, signed } = stored else { return None };
    let unsigned = match declared? {
        Attribute::Text(text) => text.eq_ignore_ascii_case("true"),
        Attribute::Numbers(_, values) => values.first().is_some_and(|&v| v != 0.0),
    };
    let all = [256.0, 65_536.0, 4_294_967_296.0, 18_446_744_073_709_551_616.0][bytes.clamp(1, 8).ilog2() as usize];
    match (signed, unsigned) {
        (true, true) => Some(Wrap::ToUnsigned(all)),
        (false, false) => Some(Wrap::ToSigned(all)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I1: StoredNumber = StoredNumber::Integer { bytes: 1, signed: true };
    const I2: StoredNumber = StoredNumber::Integer { bytes: 2, signed: true };
    const F4: StoredNumber = StoredNumber::Float { bytes: 4 };
    const F8: StoredNumber = StoredNumber::Float { bytes: 8 };

    /// Unpacks numbers of a kind with these attributes; a text value is text. Missing values are `None`.
    fn unpack(
        stored: StoredNumber,
        attributes: &[(&str, StoredNumber, &[f64])],
        unsigned: Option<&str>,
        values: &[f64],
    ) -> Vec<Option<f64>> {
        let packing = Packing::of(stored, true, |name| match (name, unsigned) {
            ("_Unsigned", Some(text)) => Some(Attribute::Text(text.into())),
            _ => attributes.iter().find(|a| a.0 == name).map(|a| Attribute::Numbers(a.1, a.2.to_vec())),
        });
        let mut values = values.to_vec();
        packing.unpack(&mut values);
        values.into_iter().map(|v| Some(v).filter(|v| !v.is_nan())).collect()
    }

    #[test]
    fn unsigned_numbers_are_stored_as_signed_ones() {
        let fill = [("_FillValue", I1, &[-1.0][..]), ("scale_factor", F8, &[0.5])];
        assert_eq!(unpack(I1, &fill, Some("true"), &[-128.0, -1.0, 3.0]), [Some(64.0), None, Some(1.5)]);
        assert_eq!(unpack(I1, &fill, Some("false"), &[-128.0, -1.0]), [Some(-64.0), None]);
        let u1 = StoredNumber::Integer { bytes: 1, signed: false };
        assert_eq!(unpack(u1, &[], Some("false"), &[255.0, 127.0]), [Some(-1.0), Some(127.0)]);
        let range = [("valid_range", I2, &[0.0, -2.0][..])];
        assert_eq!(unpack(I2, &range, Some("true"), &[-2.0, -1.0, 5.0]), [Some(65534.0), None, Some(5.0)]);
    }

    #[test]
    fn default_fill_values_are_missing_unless_the_variable_has_its_own() {
        let fill = f64::from(9.969_21e36_f32);
        assert_eq!(unpack(F4, &[], None, &[fill, 1.0]), [None, Some(1.0)]);
        assert_eq!(unpack(F4, &[("missing_value", F4, &[1.0])], None, &[fill, 1.0]), [None, None]);
        assert_eq!(unpack(F4, &[("_FillValue", F4, &[1.0])], None, &[fill, 1.0]), [Some(fill), None]);
        assert_eq!(unpack(I2, &[], None, &[-32767.0, -32768.0]), [None, Some(-32768.0)]);
        assert_eq!(unpack(I2, &[], Some("true"), &[-1.0, -32767.0]), [None, Some(32769.0)]);
        assert_eq!(unpack(I1, &[], None, &[-127.0]), [Some(-127.0)]);
    }

    #[test]
    fn missing_values_of_another_precision_match() {
        let single = f64::from(-999.9_f32);
        assert_eq!(unpack(F4, &[("missing_value", F8, &[-999.9])], None, &[single, -999.0]), [None, Some(-999.0)]);
        assert_eq!(unpack(F8, &[("_FillValue", F4, &[single])], None, &[-999.9, -999.901]), [None, Some(-999.901)]);
        assert_eq!(unpack(F8, &[("_FillValue", F8, &[single])], None, &[-999.9]), [Some(-999.9)]);
        assert_eq!(unpack(I2, &[("missing_value", F4, &[-9.0])], None, &[-9.0, 9.0]), [None, Some(9.0)]);
    }

    #[test]
    fn values_outside_of_the_valid_range_are_missing() {
        let range = [("valid_min", I2, &[0.0][..]), ("valid_max", I2, &[10.0]), ("scale_factor", F8, &[0.5])];
        assert_eq!(unpack(I2, &range, None, &[-1.0, 0.0, 10.0, 11.0]), [None, Some(0.0), Some(5.0), None]);
        // A range of the type of the values is one of values.
        let unpacked = [("valid_range", F8, &[0.0, 4.0][..]), ("scale_factor", F8, &[0.5])];
        assert_eq!(unpack(I2, &unpacked, None, &[8.0, 9.0]), [Some(4.0), None]);
        let tenth = f64::from(0.1_f32);
        assert_eq!(unpack(F4, &[("valid_max", F8, &[0.1])], None, &[tenth, 0.2]), [Some(tenth), None]);
    }
}
