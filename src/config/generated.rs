//! What the code that `#[parameters]` generates calls. Nothing here is meant for other code.
use schemars::{JsonSchema, Schema};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

pub use schemars;
pub use serde;

/// Sets a limit of a schema: of its items if it is a list, except limits of the length.
pub fn limit(schema: &mut Schema, keyword: &str, value: impl Into<Json>) {
    fn set(schema: &mut Map<String, Json>, keyword: &str, value: Json) {
        match schema.get_mut("items") {
            Some(Json::Object(items)) if !keyword.ends_with("Items") => set(items, keyword, value),
            _ => _ = schema.insert(keyword.to_owned(), value),
        }
    }
    set(schema.ensure_object(), keyword, value.into());
}

/// Sets the defaults of the keys of a group to those of a value.
pub fn set_defaults(schema: &mut Schema, defaults: &impl Serialize) {
    let (Some(Json::Object(keys)), Ok(Json::Object(defaults))) =
        (schema.ensure_object().get_mut("properties"), serde_json::to_value(defaults))
    else {
        return;
    };
    for (name, default) in defaults {
        if let Some(Json::Object(key)) = keys.get_mut(&name) {
            key.insert("default".into(), default);
        }
    }
}

/// Reads a flattened group whose missing keys have the values of `defaults`. Keys of other groups are left out.
///
/// # Errors
/// If a key of the group has a value that does not fit.
pub fn read_over<'de, D: Deserializer<'de>, G>(from: D, defaults: G) -> Result<G, D::Error>
where
    G: Serialize + DeserializeOwned + JsonSchema,
{
    #[derive(Deserialize)]
    struct Flat<G> {
        #[serde(flatten)]
        group: G,
    }
    let mut keys = toml::Table::try_from(defaults).map_err(D::Error::custom)?;
    keys.extend(toml::Table::deserialize(from)?);
    keys.try_into().map(|flat: Flat<G>| flat.group).map_err(D::Error::custom)
}
