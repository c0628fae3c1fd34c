//! `engine.element`: the real [`ElementType`] of the fields, as a key of the job file.
use halocline_kernels::ElementType;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// The element types that a job file may name, with the text that `halocline describe` prints for each.
const CHOICES: [(ElementType, &str); 2] =
    [(ElementType::F64, "double precision"), (ElementType::F32, "single precision")];

pub(super) fn serialize<S: Serializer>(element: &ElementType, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(element.name())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ElementType, D::Error> {
    let name = String::deserialize(from)?;
    let known = CHOICES.iter().find(|(element, _)| element.name() == name);
    known.map(|(element, _)| *element).ok_or_else(|| D::Error::custom(format!("`{name}` is neither f64 nor f32")))
}

pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    let choice = |(element, description): &(ElementType, &str)| json_schema!({"type": "string", "const": element.name(), "description": description});
    json_schema!({"oneOf": CHOICES.iter().map(choice).collect::<Vec<_>>()})
}
