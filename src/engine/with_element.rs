//! Generic work for the element type of a field.

/// Evaluates an expression with the type `$T` set to the element type of a field.
macro_rules! with_element {
    ($element:expr, $T:ident => $work:expr) => {
        match $element {
            halocline_kernels::ElementType::F32 => {
                type $T = f32;
                $work
            }
            halocline_kernels::ElementType::F64 => {
                type $T = f64;
                $work
            }
            halocline_kernels::ElementType::C32 => {
                type $T = num_complex::Complex<f32>;
                $work
            }
            halocline_kernels::ElementType::C64 => {
                type $T = num_complex::Complex<f64>;
                $work
            }
            _ => unreachable!("fields hold real or complex floating-point numbers"),
        }
    };
}
pub(crate) use with_element;
