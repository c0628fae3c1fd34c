//! Compilation of one function for each instruction set. The choice affects only the speed: the functions use only
//! operations whose results are defined bit by bit (IEEE 754 add, subtract, multiply; integers), which the compiler
//! neither reorders nor contracts.

/// Defines a function that is compiled for each instruction set. `fn name(set; arguments) -> result = body;` defines
/// `name(set, arguments…)`, which runs the `#[inline(always)]` function `body` compiled for the
/// [`halocline_kernels::InstructionSet`] `set`. The function panics if the machine does not support `set`.
macro_rules! compiled_for_each_set {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($set:ident; $($arg:ident: $type:ty),*) -> $result:ty = $body:path;) => {
        $(#[$doc])*
        $vis fn $name($set: halocline_kernels::InstructionSet, $($arg: $type),*) -> $result {
            use halocline_kernels::InstructionSet;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
            #[inline(never)]
            fn avx512($($arg: $type),*) -> $result {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[inline(never)]
            fn avx2($($arg: $type),*) -> $result {
                $body($($arg),*)
            }
            assert!($set.is_available(), "this machine has no {}", $set.name());
            match $set {
                // SAFETY: the machine has these features, as was just asserted.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: the machine has these features, as was just asserted.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => unsafe { avx512($($arg),*) },
                _ => $body($($arg),*),
            }
        }
    };
}
pub(crate) use compiled_for_each_set;
