//! A struct whose fields are the keys of a table of a job file.
use crate::settings::{Settings, missing_default};
use crate::value::{is_option, value};
use crate::{derives, documentation};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Field, Fields, Ident, ItemStruct, Result, parse_quote};

/// Adds default, conversions and schema to a struct.
pub fn expand(mut item: ItemStruct) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "parameters are plain numbers and strings: no generics"));
    }
    let Fields::Named(fields) = &mut item.fields else {
        return Err(Error::new_spanned(&item, "parameters have names: `struct Parameters { … }`"));
    };
    let (mut defaults, mut groups) = (vec![], vec![]);
    for field in &mut fields.named {
        let settings = Settings::take(field)?;
        let name = field.ident.clone().expect("a named field");
        let default = default(field, &settings, &name)?;
        defaults.push(quote!(#name: #default));
        if settings.flatten {
            flatten(field, &settings, &name, &item.ident, &default, &mut groups);
        } else {
            describe(field, &settings, &name)?;
        }
    }
    let (ident, is_flat) = (&item.ident, groups.is_empty());
    // serde cannot refuse unknown keys of a struct with groups; the check against the schema does.
    let derives = derives(if is_flat { quote!(default, deny_unknown_fields) } else { quote!(default) });
    let transforms = groups.iter().filter_map(|group| group.transform.as_ref());
    let readers: Vec<&TokenStream> = groups.iter().filter_map(|group| group.reader.as_ref()).collect();
    let readers = if readers.is_empty() { quote!() } else { quote!(#[doc(hidden)] impl #ident { #(#readers)* }) };
    Ok(quote! {
        #derives
        #(#[schemars(transform = #transforms)])*
        #item
        impl ::core::default::Default for #ident {
            fn default() -> Self {
                Self { #(#defaults),* }
            }
        }
        #readers
    })
}

/// What a flattened group adds to its struct, if it has a default of its own.
struct Group {
    /// Writes the defaults into the schema.
    transform: Option<TokenStream>,
    /// Reads the group over its defaults.
    reader: Option<TokenStream>,
}

/// The value of a field without a key in the job file.
fn default(field: &Field, settings: &Settings, name: &Ident) -> Result<TokenStream> {
    match &settings.default {
        Some(default) => Ok(value(default, &field.ty)),
        None if is_option(&field.ty) => Ok(quote!(::core::option::Option::None)),
        None if settings.flatten => Ok(quote!(::core::default::Default::default())),
        None => Err(missing_default(name.span())),
    }
}

/// Describes a key: its doc comment, its unit and its limits become its schema, and a line of the documentation.
fn describe(field: &mut Field, settings: &Settings, name: &Ident) -> Result<()> {
    let mut description = documentation(&field.attrs);
    if description.is_empty() {
        return Err(Error::new(name.span(), "this parameter needs a doc comment, its description"));
    }
    let summary = settings.summary();
    if !summary.is_empty() {
        let line = format!(" ({summary})");
        field.attrs.push(parse_quote!(#[doc = ""]));
        field.attrs.push(parse_quote!(#[doc = #line]));
    }
    if !settings.unit.is_empty() {
        description = format!("{description} [{}]", settings.unit);
    }
    field.attrs.push(parse_quote!(#[schemars(description = #description)]));
    for (_, keyword, limit) in &settings.limits {
        field.attrs.push(parse_quote! {
            #[schemars(transform = |schema: &mut ::halocline::config::generated::schemars::Schema| {
                ::halocline::config::generated::limit(schema, #keyword, #limit)
            })]
        });
    }
    if is_option(&field.ty) {
        field.attrs.push(parse_quote!(#[serde(skip_serializing_if = "::core::option::Option::is_none")]));
    }
    Ok(())
}

/// Makes the keys of a group keys of the struct.
fn flatten(
    field: &mut Field,
    settings: &Settings,
    name: &Ident,
    of: &Ident,
    default: &TokenStream,
    groups: &mut Vec<Group>,
) {
    if settings.default.is_none() {
        field.attrs.push(parse_quote!(#[serde(flatten)]));
        groups.push(Group { transform: None, reader: None });
        return;
    }
    let (function, ty) = (format_ident!("read_{name}_over_its_defaults"), &field.ty);
    let path = format!("{of}::{function}");
    groups.push(Group {
        transform: Some(quote! {
            |schema: &mut ::halocline::config::generated::schemars::Schema| {
                let defaults: #ty = #default;
                ::halocline::config::generated::set_defaults(schema, &defaults)
            }
        }),
        reader: Some(quote! {
            fn #function<'de, D: ::halocline::config::generated::serde::Deserializer<'de>>(
                from: D,
            ) -> ::core::result::Result<#ty, D::Error> {
                ::halocline::config::generated::read_over(from, #default)
            }
        }),
    });
    field.attrs.push(parse_quote!(#[serde(flatten, deserialize_with = #path)]));
}
