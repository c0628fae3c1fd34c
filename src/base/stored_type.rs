//! Element types in JSON, under their names: `"f64"`. For `#[serde(with = "…")]`.
use halocline_kernels::ElementType;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

/// The types of arrays in files. Complex numbers are stored as pairs of floats.
pub(crate) const STORED_TYPES: [ElementType; 4] =
    [ElementType::F32, ElementType::F64, ElementType::I64, ElementType::U8];

/// Writes the name of a type.
pub(crate) fn serialize<S: Serializer>(element: &ElementType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(element.name())
}

/// Reads the name of one of the [`STORED_TYPES`].
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ElementType, D::Error> {
    let name = String::deserialize(deserializer)?;
    let found = STORED_TYPES.into_iter().find(|element| element.name() == name);
    found.ok_or_else(|| D::Error::unknown_variant(&name, &["f32", "f64", "i64", "u8"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_under_their_names() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Array(#[serde(with = "super")] ElementType);
        for element in STORED_TYPES {
            let text = serde_json::to_string(&Array(element)).unwrap();
            assert_eq!(text, format!("{:?}", element.name()));
            assert_eq!(serde_json::from_str::<Array>(&text).unwrap().0, element);
        }
        assert!(serde_json::from_str::<Array>("\"c64\"").is_err());
    }
}
