//! Units and their dimensions, in the notation of UDUNITS: `m s-1`, `km/h`, `degC`, `kg m-3`.
use std::f64::consts::PI;

/// A unit as powers of base units: a value `v` of it is `v · scale + offset` in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unit {
    /// Powers of m, kg, s, K, A, mol, cd, rad.
    powers: [i32; 8],
    scale: f64,
    offset: f64,
}

/// How values of one unit relate to values of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Relation {
    /// The units are the same.
    Same,
    /// A value is `v · factor + offset` in the other unit.
    Differs { factor: f64, offset: f64 },
    /// The units are of different quantities.
    Incompatible,
    /// One of the units is missing or not known.
    Unknown,
}

const ONE: Unit = Unit { powers: [0; 8], scale: 1.0, offset: 0.0 };
const FIFTH: f64 = 5.0 / 9.0;

/// Names, powers of m, kg, s, K, A, mol, cd, rad; scale, offset. Names of one or two letters are symbols, whose case counts.
#[rustfmt::skip]
const UNITS: &[(&[&str], [i32; 8], f64, f64)] = &[
    (&["m", "meter", "metre"],                         [1, 0, 0, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["g", "gram", "gramme"],                         [0, 1, 0, 0, 0, 0, 0, 0], 1e-3, 0.0),
    (&["s", "sec", "second"],                          [0, 0, 1, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["K", "kelvin", "degk", "deg_k", "degree_k", "degrees_k", "degree_kelvin", "degrees_kelvin"], [0, 0, 0, 1, 0, 0, 0, 0], 1.0, 0.0),
    (&["A", "amp", "ampere"],                          [0, 0, 0, 0, 1, 0, 0, 0], 1.0, 0.0),
    (&["mol", "mole"],                                 [0, 0, 0, 0, 0, 1, 0, 0], 1.0, 0.0),
    (&["cd", "candela"],                               [0, 0, 0, 0, 0, 0, 1, 0], 1.0, 0.0),
    (&["rad", "radian"],                               [0, 0, 0, 0, 0, 0, 0, 1], 1.0, 0.0),
    (&["degC", "celsius", "°C", "deg_c", "degree_c", "degrees_c", "degree_celsius", "degrees_celsius", "deg celsius"], [0, 0, 0, 1, 0, 0, 0, 0], 1.0, 273.15),
    (&["degF", "fahrenheit", "°F", "deg_f", "degree_f", "degrees_f", "degree_fahrenheit", "degrees_fahrenheit"], [0, 0, 0, 1, 0, 0, 0, 0], FIFTH, 273.15 - 32.0 * FIFTH),
    (&["N", "newton"],                                 [1, 1, -2, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["Pa", "pascal"],                                [-1, 1, -2, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["J", "joule"],                                  [2, 1, -2, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["W", "watt"],                                   [2, 1, -3, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["Hz", "hertz"],                                 [0, 0, -1, 0, 0, 0, 0, 0], 1.0, 0.0),
    (&["C", "coulomb"],                                [0, 0, 1, 0, 1, 0, 0, 0], 1.0, 0.0),
    (&["V", "volt"],                                   [2, 1, -3, 0, -1, 0, 0, 0], 1.0, 0.0),
    (&["Ω", "ohm"],                                    [2, 1, -3, 0, -2, 0, 0, 0], 1.0, 0.0),
    (&["S", "siemens"],                                [-2, -1, 3, 0, 2, 0, 0, 0], 1.0, 0.0),
    (&["F", "farad"],                                  [-2, -1, 4, 0, 2, 0, 0, 0], 1.0, 0.0),
    (&["H", "henry"],                                  [2, 1, -2, 0, -2, 0, 0, 0], 1.0, 0.0),
    (&["Wb", "weber"],                                 [2, 1, -2, 0, -1, 0, 0, 0], 1.0, 0.0),
    (&["T", "tesla"],                                  [0, 1, -2, 0, -1, 0, 0, 0], 1.0, 0.0),
    (&["bar"],                                         [-1, 1, -2, 0, 0, 0, 0, 0], 1e5, 0.0),
    (&["mb"],                                          [-1, 1, -2, 0, 0, 0, 0, 0], 100.0, 0.0),
    (&["atm", "atmosphere"],                           [-1, 1, -2, 0, 0, 0, 0, 0], 101_325.0, 0.0),
    (&["min", "minute"],                               [0, 0, 1, 0, 0, 0, 0, 0], 60.0, 0.0),
    (&["h", "hr", "hour"],                             [0, 0, 1, 0, 0, 0, 0, 0], 3600.0, 0.0),
    (&["d", "day"],                                    [0, 0, 1, 0, 0, 0, 0, 0], 86_400.0, 0.0),
    (&["week"],                                        [0, 0, 1, 0, 0, 0, 0, 0], 604_800.0, 0.0),
    (&["year", "yr"],                                  [0, 0, 1, 0, 0, 0, 0, 0], 31_557_600.0, 0.0),
    (&["L", "l", "liter", "litre"],                    [3, 0, 0, 0, 0, 0, 0, 0], 1e-3, 0.0),
    (&["Å", "angstrom"],                               [1, 0, 0, 0, 0, 0, 0, 0], 1e-10, 0.0),
    (&["eV", "electronvolt"],                          [2, 1, -2, 0, 0, 0, 0, 0], 1.602_176_634e-19, 0.0),
    (&["ft", "foot", "feet"],                          [1, 0, 0, 0, 0, 0, 0, 0], 0.3048, 0.0),
    (&["inch"],                                        [1, 0, 0, 0, 0, 0, 0, 0], 0.0254, 0.0),
    (&["mile"],                                        [1, 0, 0, 0, 0, 0, 0, 0], 1609.344, 0.0),
    (&["knot", "kt"],                                  [1, 0, -1, 0, 0, 0, 0, 0], 1852.0 / 3600.0, 0.0),
    (&["°", "deg", "degree", "arc_degree"],            [0, 0, 0, 0, 0, 0, 0, 1], PI / 180.0, 0.0),
    (&["%", "percent"],                                [0, 0, 0, 0, 0, 0, 0, 0], 0.01, 0.0),
    (&["ppm"],                                         [0, 0, 0, 0, 0, 0, 0, 0], 1e-6, 0.0),
];

#[rustfmt::skip]
const PREFIXES: &[(&str, &str, f64)] = &[
    ("T", "tera", 1e12), ("G", "giga", 1e9), ("M", "mega", 1e6), ("k", "kilo", 1e3), ("h", "hecto", 1e2),
    ("da", "deca", 1e1), ("d", "deci", 1e-1), ("c", "centi", 1e-2), ("m", "milli", 1e-3), ("u", "micro", 1e-6),
    ("µ", "micro", 1e-6), ("μ", "micro", 1e-6), ("n", "nano", 1e-9), ("p", "pico", 1e-12),
];

impl Unit {
    /// Parses a unit; `None` if a part of it is not known.
    pub(crate) fn parse(text: &str) -> Option<Unit> {
        let text = superscripts(text.trim()).replace("**", "^");
        if let Some(unit) = named(&text) {
            return Some(unit);
        }
        let (mut unit, mut rest, mut divides) = (ONE, text.as_str(), false);
        while let Some(c) = rest.chars().next() {
            match c {
                ' ' | '*' | '·' | '⋅' | '×' | '.' => rest = &rest[c.len_utf8()..],
                '/' => (divides, rest) = (true, &rest[1..]),
                _ => {
                    let (factor, power, length) = if c.is_ascii_digit() { number(rest)? } else { word(rest)? };
                    let power = if std::mem::take(&mut divides) { -power } else { power };
                    // A product with a temperature is one of differences: degC m-1 has no offset.
                    unit.offset = 0.0;
                    for _ in 0..power.unsigned_abs() {
                        unit.scale = if power > 0 { unit.scale * factor.scale } else { unit.scale / factor.scale };
                    }
                    unit.powers.iter_mut().zip(factor.powers).for_each(|(p, q)| *p += q * power);
                    rest = &rest[length..];
                }
            }
        }
        (!divides && !text.is_empty()).then_some(unit)
    }

    /// The length of one of the unit in metres, if it is a unit of length.
    pub(crate) fn metres(self) -> Option<f64> {
        (self.powers == [1, 0, 0, 0, 0, 0, 0, 0]).then_some(self.scale)
    }

    /// True for degrees and radians.
    pub(crate) fn is_angle(self) -> bool {
        self.powers == [0, 0, 0, 0, 0, 0, 0, 1]
    }
}

/// How values in the unit `of` relate to values in the unit `to`.
pub(crate) fn relation(of: &str, to: &str) -> Relation {
    if of.trim() == to.trim() {
        return Relation::Same;
    }
    let (Some(a), Some(b)) = (Unit::parse(of), Unit::parse(to)) else { return Relation::Unknown };
    if a.powers != b.powers {
        return Relation::Incompatible;
    }
    let (factor, offset) = (a.scale / b.scale, (a.offset - b.offset) / b.scale);
    // Conversions are written for people: 0.001, not 0.0010000000000000002.
    let tidy = |x: f64| format!("{x:.12e}").parse().unwrap_or(x);
    let (factor, offset) = (tidy(factor), tidy(offset));
    if factor == 1.0 && offset == 0.0 { Relation::Same } else { Relation::Differs { factor, offset } }
}

/// Returns a number with the unit `of` as a number of the unit `to`. Powers of ten move the decimal point, and whole factors are
/// multiplied or divided by, so that `1.1 cm2` is 0.00011 m2 to the last bit, and `90 min` 1.5 h.
///
/// # Errors
/// Why there is none: [`Relation::Incompatible`] or [`Relation::Unknown`]. The latter also stands for a number that is none.
pub(crate) fn converted(number: &str, of: &str, to: &str) -> Result<f64, Relation> {
    let value: f64 = number.parse().map_err(|_| Relation::Unknown)?;
    match relation(of, to) {
        Relation::Same => return Ok(value),
        Relation::Differs { .. } => {}
        none => return Err(none),
    }
    let (Some(a), Some(b)) = (Unit::parse(of), Unit::parse(to)) else { return Err(Relation::Unknown) };
    let (factor, offset) = (rounded(a.scale / b.scale), rounded((a.offset - b.offset) / b.scale));
    let shift = (-40..=40).find(|power| format!("1e{power}").parse() == Ok(factor));
    let inverse = rounded(1.0 / factor);
    let scaled = match shift {
        Some(power) => shifted(number, power).ok_or(Relation::Unknown)?,
        None if inverse.fract() == 0.0 => value / inverse,
        None => value * factor,
    };
    Ok(scaled + offset)
}

/// The decimal number of 12 digits that differs from `x` by rounding only, if there is one; otherwise `x`.
fn rounded(x: f64) -> f64 {
    let short = format!("{x:.11e}").parse().unwrap_or(x);
    if (short - x).abs() <= 8.0 * f64::EPSILON * x.abs() { short } else { x }
}

/// A decimal number times a power of ten.
fn shifted(number: &str, power: i32) -> Option<f64> {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent = exponent.parse::<i32>().ok()?.checked_add(power)?;
    format!("{digits}e{exponent}").parse().ok()
}

/// Replaces superscript digits and signs by plain ones.
fn superscripts(text: &str) -> String {
    let plain = |c| match "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|s| s == c) {
        Some(digit) => char::from(b'0' + digit as u8),
        None if c == '⁻' || c == '−' => '-',
        None => c,
    };
    text.chars().map(plain).collect()
}

/// A number at the start of a text, as a unit, with the power 1 and its length.
fn number(text: &str) -> Option<(Unit, i32, usize)> {
    let longest = text.find(|c: char| !(c.is_ascii_digit() || "eE+-.".contains(c))).unwrap_or(text.len());
    let length = (1..=longest).rev().find(|&n| text.is_char_boundary(n) && text[..n].parse::<f64>().is_ok())?;
    Some((Unit { scale: text[..length].parse().ok()?, ..ONE }, 1, length))
}

/// A named unit at the start of a text, its power (`m2`, `s-1`, `m^3`) and the length of both.
fn word(text: &str) -> Option<(Unit, i32, usize)> {
    let is_name = |c: char| c.is_alphabetic() || "_%°".contains(c);
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let unit = named(&text[..end])?;
    let after = text[end..].strip_prefix('^').unwrap_or(&text[end..]);
    let digits = after.strip_prefix(['-', '+']).unwrap_or(after);
    let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if count == 0 {
        // A sign or ^ without digits is no power.
        return (after.len() == text.len() - end && digits.len() == after.len()).then_some((unit, 1, end));
    }
    let length = text.len() - digits.len() + count;
    let power = after[..after.len() - digits.len() + count].parse::<i32>().ok().filter(|p| p.abs() < 20)?;
    Some((unit, power, length))
}

/// The unit of this name, with a prefix or in the plural too.
fn named(name: &str) -> Option<Unit> {
    let known = |name: &str| {
        let is = |known: &&str| *known == name || (known.len() > 2 && known.eq_ignore_ascii_case(name));
        let found = UNITS.iter().find(|(names, ..)| names.iter().any(is))?;
        Some(Unit { powers: found.1, scale: found.2, offset: found.3 })
    };
    let singular = |name: &str| known(name).or_else(|| known(name.strip_suffix('s').filter(|stem| stem.len() > 2)?));
    singular(name).or_else(|| {
        let stem = |(symbol, prefix, scale): &(&str, &str, f64)| {
            let long = name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix));
            let rest = long.map(|_| &name[prefix.len()..]).or_else(|| name.strip_prefix(symbol))?;
            let unit = singular(rest).filter(|unit| unit.offset == 0.0)?;
            Some(Unit { scale: unit.scale * scale, ..unit })
        };
        PREFIXES.iter().find_map(stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notations_of_the_same_unit_are_the_same() {
        for (a, b) in [
            ("m s-1", "m/s"),
            ("m s**-1", "meters second^-1"),
            ("m² s⁻¹", "m2 s-1"),
            ("kelvin", "K"),
            ("degrees_C", "degC"),
            ("meters", "m"),
            ("hPa", "mbar"),
            ("millibars", "mb"),
            ("kg.m-3", "g L-1"),
            ("km h-1", "1000 m/3600/s"),
            ("J kg-1 K-1", "m2 s-2 K-1"),
            ("1", "1"),
            ("psu", "psu"),
        ] {
            assert_eq!(relation(a, b), Relation::Same, "{a}, {b}");
        }
    }

    #[test]
    fn conversions_are_factors_and_offsets() {
        for (a, b, factor, offset) in [
            ("km", "m", 1000.0, 0.0),
            ("m", "km", 0.001, 0.0),
            ("mm", "m", 0.001, 0.0),
            ("degC", "K", 1.0, 273.15),
            ("K", "celsius", 1.0, -273.15),
            ("hPa", "Pa", 100.0, 0.0),
            ("cm/s", "m s-1", 0.01, 0.0),
            ("%", "1", 0.01, 0.0),
            ("g kg-1", "1", 0.001, 0.0),
            ("mm d-1", "m s-1", 1.157_407_407_407e-8, 0.0),
        ] {
            assert_eq!(relation(a, b), Relation::Differs { factor, offset }, "{a}, {b}");
        }
    }

    #[test]
    fn converted_numbers_are_those_that_one_would_write() {
        for (number, of, to, expected) in [
            ("2", "cm2/s", "m²/s", 2e-4),
            ("1.1", "cm2/s", "m2 s-1", 1.1e-4),
            ("3", "cm²/s", "m²/s", 3e-4),
            ("1.1e1", "km", "m", 11_000.0),
            ("0.1", "ms", "s", 1e-4),
            ("5", "min", "s", 300.0),
            ("90", "min", "h", 1.5),
            ("36", "km/h", "m s-1", 10.0),
            ("7", "m", "metre", 7.0),
            ("20", "degC", "K", 293.15),
            ("-40", "degF", "degC", -40.0),
            ("180", "degrees", "rad", PI),
            ("1", "eV", "J", 1.602_176_634e-19),
            ("1", "V·m", "V m", 1.0),
            ("2", "kΩ", "V A-1", 2000.0),
            ("3", "psu", "psu", 3.0),
            ("3", "%", "1", 0.03),
            ("1", "week", "day", 7.0),
        ] {
            let got = converted(number, of, to).unwrap();
            let rounds = of.starts_with("deg") || of == "km/h";
            assert!(if rounds { (got - expected).abs() < 1e-12 } else { got == expected }, "{number} {of}: {got}");
        }
        assert_eq!(converted("1", "K", "m²/s"), Err(Relation::Incompatible));
        assert_eq!(converted("1", "furlong", "m"), Err(Relation::Unknown));
        assert_eq!(converted("x", "m", "m"), Err(Relation::Unknown));
    }

    proptest! {
        #[test]
        fn powers_of_ten_move_the_decimal_point(digits in -1_000_000i64..1_000_000, power in -9i32..9) {
            let of = ["km", "m", "cm", "mm", "um"];
            for (unit, shift) in of.iter().zip([3, 0, -2, -3, -6]) {
                let expected: f64 = format!("{digits}e{}", power + shift).parse().unwrap();
                prop_assert_eq!(converted(&format!("{digits}e{power}"), unit, "m"), Ok(expected));
            }
        }

        #[test]
        fn a_conversion_and_its_inverse_cancel(value in -1e6..1e6f64) {
            for (a, b) in [("mile", "km"), ("degF", "K"), ("mm d-1", "m s-1"), ("knot", "m/s"), ("hPa", "atm")] {
                let there = converted(&value.to_string(), a, b).unwrap();
                let back = converted(&there.to_string(), b, a).unwrap();
                prop_assert!((back - value).abs() <= 1e-12 * value.abs().max(1e3), "{} {}: {}", value, a, back);
            }
        }
    }

    #[test]
    fn other_units_are_incompatible_or_unknown() {
        assert_eq!(relation("K", "m"), Relation::Incompatible);
        assert_eq!(relation("degC", "degC m-1"), Relation::Incompatible);
        for text in ["", "psu", "days since 2000-01-01", "m s-", "m^", "furlong", "/", "m99"] {
            assert_eq!(relation(text, "m"), Relation::Unknown, "{text}");
        }
        assert_eq!(Unit::parse("km").and_then(Unit::metres), Some(1000.0));
        assert!(Unit::parse("degrees").is_some_and(Unit::is_angle));
        assert_eq!(Unit::parse("Pa").and_then(Unit::metres), None);
    }
}
