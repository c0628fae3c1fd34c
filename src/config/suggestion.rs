//! Suggestions for misspelt names.

/// The name in `known` that is most similar to `name`, if one is similar enough for a typing error.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let (distance, best) = known.into_iter().map(|k| (distance(k), k)).min_by_key(|&(d, _)| d)?;
    (distance <= 1 + best.chars().count() / 4).then_some(best)
}

/// A remedy for the unknown `name`: `did you mean …?`, or `what` followed by all known names.
pub fn suggestion(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("{what} {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_similar() {
        assert_eq!(nearest("cels", ["cells", "length"]), Some("cells"));
        assert_eq!(nearest("KAPPA", ["kappa"]), Some("kappa"));
        assert_eq!(nearest("temperature", ["cells", "length"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
