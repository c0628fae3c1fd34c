//! Pictures as PNG files: planes of values with axes and a colour bar, and graphs of numbers over time.
mod canvas;
mod colours;
mod decoration;
mod graph;
mod pixels;
mod png;
mod resample;
mod ticks;

pub use graph::draw_series;
pub use png::png;
