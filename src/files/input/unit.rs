//! Units of files, in the notation of UDUNITS: `m s-1`, `km/h`, `degC`, `kg m-3`.
use std::f64::consts::PI;

/// A unit as powers of base units: a value `v` of it is `v · scale + offset` in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    /// Powers of m, kg, s, K, A, mol, cd, rad.
    powers: [i32; 8],
    scale: f64,
    offset: f64,
}

/// How values of one unit relate to values of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relation {
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
    (&["T", "tesla"],                                  [0, 1, -2, 0, -1, 0, 0, 0], 1.0, 0.0),
    (&["bar"],                                         [-1, 1, -2, 0, 0, 0, 0, 0], 1e5, 0.0),
    (&["mb"],                                          [-1, 1, -2, 0, 0, 0, 0, 0], 100.0, 0.0),
    (&["atm", "atmosphere"],                           [-1, 1, -2, 0, 0, 0, 0, 0], 101_325.0, 0.0),
    (&["min", "minute"],                               [0, 0, 1, 0, 0, 0, 0, 0], 60.0, 0.0),
    (&["h", "hr", "hour"],                             [0, 0, 1, 0, 0, 0, 0, 0], 3600.0, 0.0),
    (&["d", "day"],                                    [0, 0, 1, 0, 0, 0, 0, 0], 86_400.0, 0.0),
    (&["year", "yr"],                                  [0, 0, 1, 0, 0, 0, 0, 0], 31_557_600.0, 0.0),
    (&["L", "l", "liter", "litre"],                    [3, 0, 0, 0, 0, 0, 0, 0], 1e-3, 0.0),
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
    pub(super) fn parse(text: &str) -> Option<Unit> {
        let text = superscripts(text.trim()).replace("**", "^");
        if let Some(unit) = named(&text) {
            return Some(unit);
        }
        let (mut unit, mut rest, mut divides) = (ONE, text.as_str(), false);
        while let Some(c) = rest.chars().next() {
            match c {
                ' ' | '*' | '·' | '.' => rest = &rest[c.len_utf8()..],
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
    pub(super) fn metres(self) -> Option<f64> {
        (self.powers == [1, 0, 0, 0, 0, 0, 0, 0]).then_some(self.scale)
    }

    /// True for degrees and radians.
    pub(super) fn is_angle(self) -> bool {
        self.powers == [0, 0, 0, 0, 0, 0, 0, 1]
    }
}

/// How values in the unit `of` relate to values in the unit `to`.
pub(super) fn relation(of: &str, to: &str) -> Relation {
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
