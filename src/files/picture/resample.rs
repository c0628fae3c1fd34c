//! The plane in pixels: its size, and a value for each pixel.
use ndarray::{Array2, ArrayView2};

/// Width and height of the plane in pixels: true to scale within limits of the aspect ratio, with 800 to 1600 pixels on the
/// longer side. `x` and `y` are the label and the edges of each axis.
pub(super) fn size((ny, nx): (usize, usize), x: (&str, f64, f64), y: (&str, f64, f64)) -> (usize, usize) {
    let aspect = ((x.2 - x.1) / (y.2 - y.1)).abs();
    let aspect = if aspect.is_finite() && aspect > 0.0 { aspect.clamp(1.0 / 3.0, 4.0) } else { 1.0 };
    let long = nx.max(ny).clamp(800, 1600) as f64;
    let (width, height) = if aspect > 1.0 { (long, long / aspect) } else { (long * aspect, long) };
    (width as usize, height as usize)
}

/// The mean of the finite values under each pixel, NaN if there is none; the nearest value where there are more pixels than
/// values. `[row, column]`, from the lowest y.
pub(super) fn resample(values: ArrayView2<f64>, (width, height): (usize, usize)) -> Array2<f64> {
    let cells = |pixel: usize, pixels: usize, n: usize| {
        let first = pixel * n / pixels;
        first..((pixel + 1) * n / pixels).max(first + 1)
    };
    Array2::from_shape_fn((height, width), |(row, column)| {
        let (rows, columns) = (cells(row, height, values.nrows()), cells(column, width, values.ncols()));
        let all = || rows.clone().flat_map(|j| columns.clone().map(move |i| values[[j, i]])).filter(|v| v.is_finite());
        let count = all().count() as f64;
        let mean = all().sum::<f64>() / count;
        // A sum of the largest doubles overflows.
        if mean.is_infinite() { all().map(|v| v / count).sum() } else { mean }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_planes_are_averaged() {
        let values = Array2::from_shape_fn((10, 8000), |(_, i)| (i % 5) as f64);
        let plane = resample(values.view(), size(values.dim(), ("", 0.0, 4.0), ("", 0.0, 1.0)));
        assert_eq!(plane.dim(), (400, 1600));
        assert!(plane.iter().all(|&v| v == 2.0));
    }
}
