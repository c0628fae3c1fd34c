//! The attribute macro `#[parameters]` of halocline. Use it as `halocline::parameters`, or from halocline's prelude: the code
//! that it generates refers to that crate.
mod choice;
mod settings;
mod table;
mod value;

use proc_macro2::TokenStream;
use syn::{Error, Item, Result};

/// Makes a struct the `[parameters]` of a job, or a group of them, and an enum the names that a parameter can have.
///
/// Each field has a doc comment, which is its description, and an attribute `#[parameter(…)]` with
///
/// | | |
/// |---|---|
/// | `default = 1.0` | its value in a job file without it; an `Option` has the default `None` |
/// | `unit = "m2 s-1"` | its unit; a job file gives a number in this unit, or a string with another unit of the same dimension |
/// | `min = 0.0`, `max = 1.0` | the smallest and the largest allowed number |
/// | `above = 0.0`, `below = 1.0` | numbers that all values are above or below |
/// | `one_of = [2, 4]` | all allowed numbers or strings |
/// | `min_length = 1`, `max_length = 3` | how many items a list may have; `min`, `max`, `above`, `below` and `one_of` then limit each item |
/// | `flatten` | the field is a group of parameters: its keys are keys of this table, too; with `default`, they have these defaults |
///
/// The struct gets implementations of `Default`, `serde::{Serialize, Deserialize}` and `schemars::JsonSchema`, an enum all but
/// `Default`. In a job file, the name of a variant is in lower case, with `_` between words, and its doc comment is its
/// description.
#[proc_macro_attribute]
pub fn parameters(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`#[parameters]` has no arguments"));
    }
    match syn::parse2(item)? {
        Item::Struct(item) => table::expand(item),
        Item::Enum(item) => choice::expand(item),
        other => Err(Error::new_spanned(other, "`#[parameters]` stands before a struct or an enum")),
    }
}

/// The text of doc comments, line by line.
fn documentation(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The derives and attributes of an item whose schema and conversions are generated.
fn derives(options: TokenStream) -> TokenStream {
    quote::quote! {
        #[derive(
            ::halocline::config::generated::serde::Serialize,
            ::halocline::config::generated::serde::Deserialize,
            ::halocline::config::generated::schemars::JsonSchema,
        )]
        #[serde(crate = "::halocline::config::generated::serde", #options)]
        #[schemars(crate = "::halocline::config::generated::schemars")]
    }
}

#[cfg(test)]
mod tests;
