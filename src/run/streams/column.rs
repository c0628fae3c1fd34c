//! [`Column`]: the values behind one variable of a stream's file.
use halocline_kernels::ElementType;

/// The values behind one variable of the file.
#[derive(Clone, Copy)]
pub struct Column {
    pub field: usize,
    /// 0 for the real part, 1 for the imaginary part.
    pub part: usize,
    /// The element type in the file.
    pub element: ElementType,
}
