//! An enum whose variants are the names that a parameter can have.
use crate::{derives, documentation};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, ItemEnum, Result};

/// Adds conversions and schema to an enum of names.
pub fn expand(item: ItemEnum) -> Result<TokenStream> {
    for variant in &item.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a name has no fields: `#[parameters]` takes enums of names only"));
        }
        if documentation(&variant.attrs).is_empty() {
            return Err(Error::new_spanned(variant, "this name needs a doc comment, its description"));
        }
    }
    let derives = derives(quote!(rename_all = "snake_case"));
    Ok(quote!(#derives #item))
}
