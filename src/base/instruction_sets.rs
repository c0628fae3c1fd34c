//! How one body of code is compiled for each instruction set. Only the speed may depend on the choice: the bodies keep to
//! operations whose result is defined bit by bit (IEEE 754 add, subtract, multiply; integers), which the compiler neither
//! reorders nor contracts.

/// `fn name(set; arguments) -> result = body;` makes `name(set, arguments…)`, which runs the `#[inline(always)]` function
/// `body` as compiled for the [`halocline_kernels::InstructionSet`] `set`. Panics if this machine does not have it.
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
                // SAFETY: the same.
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => unsafe { avx512($($arg),*) },
                _ => $body($($arg),*),
            }
        }
    };
}
pub(crate) use compiled_for_each_set;
