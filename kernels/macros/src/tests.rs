//! Declarations that are refused, each with its message, and the forms of defaults.
use super::expand;
use proc_macro2::TokenStream;
use quote::quote;

fn error(item: TokenStream) -> String {
    expand(TokenStream::new(), item).expect_err("an error").to_string()
}

#[test]
fn what_is_missing_or_wrong_is_an_error_with_its_remedy() {
    let field = |settings: TokenStream, ty: TokenStream| {
        error(quote! { struct P { #[doc = " a"] #[parameter(#settings)] a: #ty } })
    };
    assert!(
        error(quote!(
            struct P {
                #[parameter(default = 1.0)]
                a: f64,
            }
        ))
        .contains("needs a doc comment")
    );
    assert!(
        error(quote!(
            struct P {
                #[doc = " a"]
                a: f64,
            }
        ))
        .contains("needs a default")
    );
    assert!(
        error(quote!(
            struct P(f64);
        ))
        .contains("parameters have names")
    );
    assert!(
        error(quote!(
            struct P<T> {
                a: T,
            }
        ))
        .contains("no generics")
    );
    assert!(
        error(quote!(
            fn f() {}
        ))
        .contains("a struct or an enum")
    );
    assert!(
        error(quote!(
            enum E {
                #[doc = " a"]
                A(f64),
            }
        ))
        .contains("a name has no fields")
    );
    assert!(
        error(quote!(
            enum E {
                A,
            }
        ))
        .contains("this name needs a doc comment")
    );
    assert!(field(quote!(defualt = 1.0), quote!(f64)).starts_with("not a setting: there are default, unit, min, max"));
    assert!(field(quote!(default = 0, above = 0.0), quote!(f64)).ends_with("must be above 0"));
    assert!(field(quote!(default = -1.5, min = -1), quote!(f64)).ends_with("must be at least -1"));
    assert!(field(quote!(default = 3, max = 2), quote!(usize)).ends_with("must be at most 2"));
    assert!(field(quote!(default = 1, unit = "[m]"), quote!(f64)).contains("no brackets"));
    assert!(field(quote!(default = 1, unit = 3), quote!(f64)).contains("a unit is a string"));
    assert!(field(quote!(flatten, unit = "m"), quote!(G)).contains("the keys of a group have units"));
    assert!(
        expand(
            quote!(x),
            quote!(
                struct P {}
            )
        )
        .unwrap_err()
        .to_string()
        .contains("no arguments")
    );
}

#[test]
fn defaults_take_the_type_of_their_field() {
    let item = quote! {
        struct P {
            #[doc = " a"] #[parameter(default = -1)] a: f64,
            #[doc = " b"] #[parameter(default = 1)] b: usize,
            #[doc = " c"] #[parameter(default = "x")] c: String,
            #[doc = " d"] #[parameter(default = [1, [2]])] d: Vec<f64>,
            #[doc = " e"] e: Option<f64>,
            #[parameter(flatten)] f: G,
        }
    };
    let text = expand(TokenStream::new(), item).unwrap().to_string();
    let default = quote! {
        Self {
            a: -1.0, b: 1, c: ::std::string::String::from("x"), d: ::std::vec![1.0, [2]],
            e: ::core::option::Option::None, f: ::core::default::Default::default()
        }
    };
    assert!(text.contains(&default.to_string()), "{text}");
}
