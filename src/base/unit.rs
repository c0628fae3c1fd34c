//! Units as UDUNITS and CF spell them.

/// Returns a unit in the ASCII spelling of UDUNITS: `m² s⁻¹` becomes `m2 s-1`, `µm` becomes `um`, `°C` becomes
/// `degree_Celsius`. An empty unit becomes `1`. Names of units are not checked.
///
/// # Errors
/// If the unit has a character that UDUNITS does not know; the error says which, and what to write instead.
pub fn udunits(unit: &str) -> Result<String, String> {
    const SUPERSCRIPTS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
    let mut text = String::new();
    for c in unit.trim().chars() {
        match c {
            '⁻' | '−' | '‐' | '‑' => text.push('-'),
            '⁺' => {}
            '·' | '⋅' | '×' | '∙' | '\u{a0}' | '\u{202f}' | '\u{2009}' => text.push(' '),
            'µ' | 'μ' => text.push('u'),
            'Ω' | '\u{2126}' => text.push_str("ohm"),
            'Å' | '\u{212b}' => text.push_str("angstrom"),
            '℃' => text.push_str("degree_Celsius"),
            '℉' => text.push_str("degree_Fahrenheit"),
            '°' => text.push_str("degree"),
            '‰' => text.push_str("1e-3"),
            c if c.is_ascii_alphanumeric() || " ./*^+-()%_:".contains(c) => text.push(c),
            c => match SUPERSCRIPTS.chars().position(|digit| digit == c) {
                Some(digit) => text.push_str(&digit.to_string()),
                None => {
                    return Err(format!(
                        "the unit `{unit}` has the character {c:?}: write it as UDUNITS does, such as `m2 s-1`, `K` or `1`"
                    ));
                }
            },
        }
    }
    for (short, long) in [("degreeC", "degree_Celsius"), ("degreeF", "degree_Fahrenheit")] {
        if text == short {
            text = long.into();
        }
    }
    Ok(if text.is_empty() { "1".into() } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_spelled_in_ascii() {
        for (unit, ascii) in [
            ("", "1"),
            ("1", "1"),
            (" K ", "K"),
            ("m² s⁻¹", "m2 s-1"),
            ("kg·m⁻³", "kg m-3"),
            ("W/m²", "W/m2"),
            ("µm", "um"),
            ("°C", "degree_Celsius"),
            ("degrees_north", "degrees_north"),
            ("10⁻¹² Pa", "10-12 Pa"),
            ("kΩ", "kohm"),
            ("%", "%"),
        ] {
            assert_eq!(udunits(unit).as_deref(), Ok(ascii), "{unit}");
        }
        for unit in ["m\"", "P\na", "[K]", "€", "m\0"] {
            assert!(udunits(unit).is_err_and(|why| why.contains("UDUNITS")), "{unit:?}");
        }
    }
}
