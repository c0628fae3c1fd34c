//! Pictures of planes of values, with axes and a colour bar, as PNG files.
mod colours;
mod decoration;
mod png;
mod resample;
mod ticks;

pub use png::png;
