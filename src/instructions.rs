//! Which vector instructions this CPU has, and how one body of code is compiled for each of them.
//!
//! Only the speed may depend on the choice. The bodies keep to operations whose result is defined bit by bit (IEEE 754
//! add, subtract, multiply; integers), which the compiler neither reorders nor contracts.

/// A set of vector instructions that this CPU has: the bigger ones can only be had by asking the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstructionSet(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl InstructionSet {
    /// The widest one that this CPU has.
    pub(crate) fn best() -> InstructionSet {
        #[cfg(target_arch = "x86_64")]
        {
            // Detection is cached by the standard library: a load and a test.
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return InstructionSet(Level::Avx512);
            }
            if is_x86_feature_detected!("avx2") {
                return InstructionSet(Level::Avx2);
            }
        }
        InstructionSet(Level::Baseline)
    }

    /// All that this CPU has, narrowest first.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<InstructionSet> {
        #[allow(unused_mut)]
        let mut all = vec![InstructionSet(Level::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            let best = InstructionSet::best();
            if best.0 == Level::Avx512 && is_x86_feature_detected!("avx2") {
                all.push(InstructionSet(Level::Avx2));
            }
            if best.0 != Level::Baseline {
                all.push(best);
            }
        }
        all
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

/// `fn name(set; arguments) -> result = body;` makes `name(set, arguments…)`, which runs the `#[inline(always)]` function
/// `body` as compiled for `set`.
macro_rules! compiled_for_each_set {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($set:ident; $($arg:ident: $type:ty),*) -> $result:ty = $body:path;) => {
        $(#[$doc])*
        $vis fn $name($set: $crate::instructions::InstructionSet, $($arg: $type),*) -> $result {
            use $crate::instructions::Level;
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
            match $set.level() {
                Level::Baseline => $body($($arg),*),
                // SAFETY: only `InstructionSet` makes such a level, after it has seen these features on this CPU.
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: the same.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(crate) use compiled_for_each_set;
