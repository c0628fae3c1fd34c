//! What is wrong with a text that was meant as a number but is none in TOML, and how to write it.
use toml::Value;

/// The fault of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberFault {
    /// The fault, such as `` `.5` is not a number: it begins with the decimal point ``.
    pub why: String,
    /// The remedy, such as `write 0.5`.
    pub remedy: String,
    /// The number in TOML, if the fault leaves no doubt about it.
    pub number: Option<String>,
}

impl NumberFault {
    /// Returns the fault of `text` if it begins like a number and is none in TOML.
    pub fn of(text: &str) -> Option<NumberFault> {
        let text = text.trim();
        if text.parse::<Value>().is_ok() {
            return None;
        }
        let ascii: String = text.chars().map(ascii).collect();
        let digits = ascii.trim_start_matches(['+', '-']);
        if ["nan", "inf", "infinity"].contains(&digits.to_lowercase().as_str()) {
            return Some(NumberFault {
                why: format!("`{text}` is not a finite number"),
                remedy: "write a finite number".into(),
                number: None,
            });
        }
        let first = digits.strip_prefix('.').unwrap_or(digits);
        if !first.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let fault = |why: &str, remedy: &str, number: Option<String>| {
            let why = format!("`{text}` is not a number: {why}");
            Some(NumberFault { why, remedy: remedy.into(), number })
        };
        let repaired = repaired(&ascii);
        let write = repaired.as_ref().map(|number| format!("write {number}")).unwrap_or_default();
        if let Some(why) = spelling(text, &ascii) {
            return fault(&why, &write, repaired);
        }
        let is_calculation = |c: char| c.is_ascii_digit() || "+-*/^(). eE".contains(c);
        if ascii.contains(['*', '/', '^']) && ascii.chars().all(is_calculation) {
            return fault("it is a calculation", "write its result", None);
        }
        let commas: Vec<&str> = ascii.split(',').collect();
        if let ([whole, fraction], true) = (&commas[..], commas.iter().all(|part| is_number(part))) {
            let thousands = format!("{whole}{fraction}");
            return match fraction.len() == 3 {
                true => fault("it has a comma", &format!("write {whole}.{fraction} or {thousands}"), None),
                false => {
                    let number = format!("{whole}.{fraction}");
                    fault("it has a decimal comma", &format!("write {number}"), Some(number))
                }
            };
        }
        if commas.len() > 2 && ascii.chars().all(|c| c.is_ascii_digit() || c == ',') {
            let number = commas.concat();
            return fault("it has commas between digits", &format!("write {number}"), Some(number));
        }
        let exact = repaired.as_deref().unwrap_or(&ascii);
        let (digits, float) = (exact.trim_start_matches(['+', '-']), exact.parse::<f64>());
        if digits.bytes().all(|c| c.is_ascii_digit()) {
            let remedy = format!("write a smaller number or, if it need not be whole, {:e}", float.unwrap_or(0.0));
            return fault("whole numbers go from -2^63 to 2^63 - 1 = 9223372036854775807", &remedy, None);
        }
        if float.is_ok_and(f64::is_infinite) {
            return fault("numbers go up to 1.8e308", "write a smaller number", None);
        }
        let number: String = ascii.chars().take_while(|c| c.is_ascii_digit() || "+-.eE".contains(*c)).collect();
        let number = number.trim_end_matches(['e', 'E', '+', '-']);
        let unit = ascii[number.len()..].trim_start();
        if number.parse::<f64>().is_ok() && unit.starts_with(|c: char| c.is_alphabetic() || c == '%' || c == '°') {
            let remedy =
                "give the number alone, or in quotes with its unit if `halocline describe` names one for the key";
            return fault(&format!("the unit `{unit}` follows it"), remedy, None);
        }
        fault("it has characters that no number has", "", None)
    }

    /// Returns the fault of the first number in a list or table that is none; texts in quotes are left out.
    pub fn within(text: &str) -> Option<NumberFault> {
        let mut quote = None;
        let unquoted: String = text
            .chars()
            .map(|c| {
                let inside = quote.is_some();
                quote = match quote {
                    None if c == '"' || c == '\'' => Some(c),
                    Some(open) if open == c => None,
                    other => other,
                };
                if inside || quote.is_some() { ' ' } else { c }
            })
            .collect();
        unquoted.split(|c: char| c.is_whitespace() || "[]{},=".contains(c)).find_map(NumberFault::of)
    }
}

/// Returns true if a positive or negative number is too small for double precision, which would silently make it zero.
pub(super) fn underflows(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.bytes().any(|c| (b'1'..=b'9').contains(&c)) && text.replace('_', "").parse() == Ok(0.0)
}

/// Returns true if a text begins like a number, but is not spelled as one.
pub(super) fn is_misspelt(text: &str) -> bool {
    spelling(text, &text.chars().map(ascii).collect::<String>()).is_some()
}

/// The first fault in spelling. `ascii` is `text` with ASCII digits and signs.
fn spelling(text: &str, ascii: &str) -> Option<String> {
    if let Some((wrong, right)) = text.chars().zip(ascii.chars()).find(|(wrong, right)| wrong != right) {
        return Some(format!("`{wrong}` (U+{:04X}) is not the ASCII character `{right}`", u32::from(wrong)));
    }
    let digits = ascii.trim_start_matches(['+', '-']);
    let next = |at: usize| digits.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let separated = |separator: char| {
        let parts: Vec<&str> = digits.split(separator).collect();
        parts.len() > 1 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
    };
    let why = if digits.starts_with('.') {
        "it begins with the decimal point"
    } else if digits.starts_with(['0', '1']) && digits[1..].starts_with(['X', 'O', 'B']) && digits.len() > 2 {
        "its prefix has a capital letter"
    } else if separated(' ') {
        "it has spaces between digits"
    } else if separated('\'') {
        "it has apostrophes between digits"
    } else if digits.contains('_') {
        "an underscore stands between two digits only"
    } else if digits.starts_with('0') && (next(1) || digits[1..].starts_with('_')) {
        "it begins with a zero"
    } else if digits.match_indices('.').any(|(at, _)| !next(at + 1)) && digits.matches('.').count() == 1 {
        "no digit follows the decimal point"
    } else if digits.contains(['d', 'D']) && is_number(&digits.replace(['d', 'D'], "e")) {
        "its exponent begins with `d`"
    } else {
        return None;
    };
    Some(why.into())
}

/// Returns the number in TOML that is meant by `text`, if that is a number.
fn repaired(text: &str) -> Option<String> {
    let (sign, digits) = text.split_at(text.len() - text.trim_start_matches(['+', '-']).len());
    let mut digits = digits.replace([' ', '_', '\''], "");
    if digits.starts_with("0X") || digits.starts_with("0O") || digits.starts_with("0B") {
        digits = digits.to_lowercase();
        return digits.parse::<Value>().is_ok().then_some(digits);
    }
    digits = digits.replace(['d', 'D'], "e");
    let zeros = digits.bytes().take_while(|&c| c == b'0').count();
    digits.drain(..zeros);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        digits.insert(0, '0');
    }
    if let Some(point) = digits.find('.')
        && !digits.as_bytes().get(point + 1).is_some_and(u8::is_ascii_digit)
    {
        digits.insert(point + 1, '0');
    }
    let number = format!("{}{digits}", sign.trim_start_matches('+'));
    is_number(&number).then_some(number)
}

fn is_number(text: &str) -> bool {
    matches!(text.parse(), Ok(Value::Integer(_) | Value::Float(_)))
}

/// Returns the ASCII digit or sign that looks like `c`, or `c` itself.
fn ascii(c: char) -> char {
    // Full-width, Arabic-Indic, Persian and Devanagari digits.
    for zero in ['\u{ff10}', '\u{660}', '\u{6f0}', '\u{966}'] {
        if let Some(digit) = u32::from(c).checked_sub(u32::from(zero)).filter(|&digit| digit < 10) {
            return char::from_digit(digit, 10).unwrap_or(c);
        }
    }
    match c {
        '\u{2212}' | '\u{2010}' | '\u{2011}' | '\u{2013}' | '\u{ff0d}' => '-',
        '\u{ff0b}' => '+',
        '\u{ff0e}' => '.',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named_with_the_number_that_is_meant() {
        for (text, why, number) in [
            (".5", "it begins with the decimal point", Some("0.5")),
            ("+.5", "it begins with the decimal point", Some("0.5")),
            ("-.5e3", "it begins with the decimal point", Some("-0.5e3")),
            ("1.", "no digit follows the decimal point", Some("1.0")),
            ("5.e3", "no digit follows the decimal point", Some("5.0e3")),
            ("01", "it begins with a zero", Some("1")),
            ("-007.5", "it begins with a zero", Some("-7.5")),
            ("00", "it begins with a zero", Some("0")),
            ("1e400", "numbers go up to 1.8e308", None),
            ("9223372036854775808", "whole numbers go from -2^63", None),
            ("-9223372036854775809", "whole numbers go from -2^63", None),
            ("1,5", "it has a decimal comma", Some("1.5")),
            ("1,500", "it has a comma", None),
            ("1,000,000", "it has commas between digits", Some("1000000")),
            ("１", "`１` (U+FF11) is not the ASCII character `1`", Some("1")),
            ("−5", "`−` (U+2212) is not the ASCII character `-`", Some("-5")),
            ("1__0", "an underscore stands between two digits only", Some("10")),
            ("1_", "an underscore stands between two digits only", Some("1")),
            ("1 000", "it has spaces between digits", Some("1000")),
            ("1'000", "it has apostrophes between digits", Some("1000")),
            ("1d3", "its exponent begins with `d`", Some("1e3")),
            ("0X10", "its prefix has a capital letter", Some("0x10")),
            ("1/3", "it is a calculation", None),
            ("2*10^-3", "it is a calculation", None),
            ("5 m", "the unit `m` follows it", None),
            ("1e-4 m²/s", "the unit `m²/s` follows it", None),
            ("50%", "the unit `%` follows it", None),
            ("1.5.2", "it has characters that no number has", None),
            ("1e5.5", "it has characters that no number has", None),
        ] {
            let fault = NumberFault::of(text).unwrap_or_else(|| panic!("{text} has no fault"));
            assert!(fault.why.starts_with(&format!("`{text}` is not a number: {why}")), "{text}: {fault:?}");
            assert_eq!(fault.number.as_deref(), number, "{text}: {fault:?}");
            if let Some(number) = number {
                assert!(is_number(number) && fault.remedy == format!("write {number}"), "{fault:?}");
            }
        }
        for text in ["NaN", "Infinity", "-Inf"] {
            assert!(NumberFault::of(text).unwrap().why.ends_with("is not a finite number"));
        }
    }

    #[test]
    fn numbers_and_words_have_no_fault() {
        for text in ["1_000", "0x10", "1e3", "-0.5", "+5", "nan", "inf", "1979-05-27", "fast", "", "-", "e5", "[01]"] {
            assert_eq!(NumberFault::of(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_faulty_number_of_a_list_is_found() {
        let fault = |text: &str| NumberFault::within(text).map(|fault| fault.remedy);
        assert_eq!(fault("[8, 01, .5]").as_deref(), Some("write 1"));
        assert_eq!(fault("{x = [.5, 1], y = 2}").as_deref(), Some("write 0.5"));
        assert_eq!(fault("[\"01\", 'a 02', 3]"), None);
        assert_eq!(fault("[8 8 8]"), None);
    }

    #[test]
    fn numbers_that_become_zero_are_found() {
        for (text, underflow) in
            [("1e-400", true), ("-0.1e-999", true), ("0.0", false), ("0e-400", false), ("5", false)]
        {
            assert_eq!(underflows(text), underflow, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in "[-+.0-9eE_,xX' １²µm/*^]{0,12}") {
            if let Some(NumberFault { number: Some(number), .. }) = NumberFault::of(&text) {
                proptest::prop_assert!(is_number(&number), "{} -> {}", text, number);
            }
        }
    }
}
