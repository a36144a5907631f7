//! `#[gort::main]`, `#[gort::test]` and `gort::go!`. Documented where they are re-exported, in the
//! crate `gort`.

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ItemFn, LitInt, LitStr, ReturnType, parse_macro_input};

/// What `#[gort::main(…)]` can be given.
struct Options {
    maxprocs: Tokens,
    crash: Tokens,
}

impl Options {
    fn parse(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("maxprocs") {
            let count: LitInt = meta.value()?.parse()?;
            if count.base10_parse::<usize>()? == 0 {
                return Err(Error::new(count.span(), "maxprocs must be at least 1"));
            }
            self.maxprocs = quote!(::core::option::Option::Some(#count));
        } else if meta.path.is_ident("panic") {
            let policy: LitStr = meta.value()?.parse()?;
            let crash = match policy.value().as_str() {
                "contain" => false,
                "crash" => true,
                _ => return Err(Error::new(policy.span(), "panic is \"contain\" or \"crash\"")),
            };
            self.crash = quote!(::core::option::Option::Some(#crash));
        } else {
            return Err(meta.error("expected `maxprocs = N` or `panic = \"contain\" | \"crash\"`"));
        }
        Ok(())
    }
}

/// Runs `main` as the main goroutine.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut options = Options {
        maxprocs: quote!(::core::option::Option::None),
        crash: quote!(::core::option::Option::None),
    };
    let parser = syn::meta::parser(|meta| options.parse(&meta));
    parse_macro_input!(args with parser);
    let function = parse_macro_input!(item as ItemFn);
    wrap(&function, "main", &options).unwrap_or_else(Error::into_compile_error).into()
}

/// A test whose body is a goroutine.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    if !args.is_empty() {
        let error = Error::new(Span::call_site(), "gort::test takes no arguments");
        return error.into_compile_error().into();
    }
    let function = parse_macro_input!(item as ItemFn);
    check(&function, "a test")
        .map_or_else(Error::into_compile_error, |()| {
            let ItemFn { attrs, vis, sig, block } = &function;
            let (name, output) = (&sig.ident, &sig.output);
            // `#[should_panic]` takes none but `()`.
            let (result, report) = match output {
                ReturnType::Default => (quote!(), quote!(body())),
                ReturnType::Type(..) => (
                    quote!(-> ::std::process::ExitCode),
                    quote!(::std::process::Termination::report(body())),
                ),
            };
            quote! {
                #[::core::prelude::v1::test]
                #(#attrs)*
                #vis fn #name() #result {
                    fn body() #output #block
                    ::gort::run(|| #report)
                }
            }
        })
        .into()
}

fn check(function: &ItemFn, what: &str) -> syn::Result<()> {
    let sig = &function.sig;
    if let Some(asyncness) = &sig.asyncness {
        return Err(Error::new(
            asyncness.span(),
            format!("{what} is plain code: drop the `async`"),
        ));
    }
    if !sig.inputs.is_empty() {
        return Err(Error::new(sig.inputs.span(), format!("{what} takes no arguments")));
    }
    Ok(())
}

fn wrap(function: &ItemFn, what: &str, options: &Options) -> syn::Result<Tokens> {
    check(function, what)?;
    let ItemFn { attrs, vis, sig, block } = function;
    let (name, output) = (&sig.ident, &sig.output);
    let Options { maxprocs, crash } = options;
    Ok(quote! {
        #(#attrs)*
        #vis fn #name() -> ::std::process::ExitCode {
            fn body() #output #block
            ::gort::__main(#maxprocs, #crash, || ::std::process::Termination::report(body()))
        }
    })
}

/// Starts a goroutine that nobody joins.
#[proc_macro]
pub fn go(input: TokenStream) -> TokenStream {
    let input = Tokens::from(input);
    let body = match syn::parse2::<Expr>(input.clone()) {
        Ok(Expr::Call(call)) => {
            let callee = &call.func;
            called(quote!(#callee), &call.args, |callee, args| quote!(#callee(#(#args),*)))
        }
        Ok(Expr::MethodCall(call)) => {
            let (receiver, method, turbofish) = (&call.receiver, &call.method, &call.turbofish);
            called(
                quote!(#receiver),
                &call.args,
                |receiver, args| quote!(#receiver.#method #turbofish(#(#args),*)),
            )
        }
        // A block's statements, with or without braces of its own.
        _ => quote!(::core::mem::drop(::gort::go(move || { #input; }))),
    };
    quote!({ #body }).into()
}

/// Evaluates the callee (or receiver) and the arguments here, and makes the call there.
fn called(
    head: Tokens,
    args: &syn::punctuated::Punctuated<Expr, syn::Token![,]>,
    call: impl Fn(&syn::Ident, &[syn::Ident]) -> Tokens,
) -> Tokens {
    let callee = format_ident!("__gort_callee");
    let names: Vec<_> = (0..args.len()).map(|i| format_ident!("__gort_arg{i}")).collect();
    let args = args.iter();
    let call = call(&callee, &names);
    quote! {
        let (#callee, #(#names,)*) = (#head, #(#args,)*);
        ::core::mem::drop(::gort::go(move || { #call; }));
    }
}
