//! Instruction sets that kernels are compiled for.

/// A set of vector instructions. Results are the same bits in all of them: a kernel's operations are done as written,
/// several cells at a time, and Rust never contracts `a * b + c` by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// The instructions of every CPU of this architecture.
    Baseline,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

impl InstructionSet {
    /// All of them, narrowest first.
    pub const ALL: [InstructionSet; 3] = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];

    /// The widest instruction set of this machine.
    pub fn best() -> InstructionSet {
        Self::ALL.into_iter().rev().find(|i| i.is_available()).unwrap_or(InstructionSet::Baseline)
    }

    /// True if this machine has the instruction set.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            InstructionSet::Baseline => true,
            InstructionSet::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            InstructionSet::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("fma")
            }
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == InstructionSet::Baseline;
    }

    /// The name in a job file: `baseline`, `avx2`, `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Baseline => "baseline",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
        }
    }
}
