//! Defaults as values of the type of their field: `default = 2` is also a float, `default = [1.0]` also a vector.
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, GenericArgument, Lit, PathArguments, Type, UnOp};

/// The last name of the path of a type, such as `Option`, and its first argument.
pub fn name_and_argument(of: &Type) -> Option<(String, Option<&Type>)> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(argument) => Some(argument),
            _ => None,
        }),
        _ => None,
    };
    Some((last.ident.to_string(), argument))
}

/// True for an `Option`.
pub fn is_option(of: &Type) -> bool {
    name_and_argument(of).is_some_and(|(name, _)| name == "Option")
}

/// The expression as a value of the type `of`.
pub fn value(expression: &Expr, of: &Type) -> TokenStream {
    let (name, argument) = name_and_argument(of).unwrap_or_default();
    let span = expression.span();
    match (expression, &*name) {
        (Expr::Lit(ExprLit { lit: Lit::Str(_), .. }), "String") => {
            quote_spanned!(span=> ::std::string::String::from(#expression))
        }
        (Expr::Lit(ExprLit { lit: Lit::Int(whole), .. }), "f64" | "f32") if whole.suffix().is_empty() => {
            let float = syn::LitFloat::new(&format!("{}.0", whole.base10_digits()), whole.span());
            quote!(#float)
        }
        (Expr::Unary(minus), "f64" | "f32") if matches!(minus.op, UnOp::Neg(_)) => {
            let inner = value(&minus.expr, of);
            quote!(-#inner)
        }
        (Expr::Array(array), "Vec") => {
            let items = array.elems.iter().map(|item| argument.map_or(quote!(#item), |of| value(item, of)));
            quote_spanned!(span=> ::std::vec![#(#items),*])
        }
        _ => quote!(#expression),
    }
}

/// The number that an expression is, if it is a literal.
pub fn number(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(whole), .. }) => whole.base10_digits().parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_digits().parse().ok(),
        Expr::Unary(minus) if matches!(minus.op, UnOp::Neg(_)) => number(&minus.expr).map(|number| -number),
        _ => None,
    }
}
