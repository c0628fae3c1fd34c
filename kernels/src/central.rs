//! Central second differences on a star of radius 1 to 4: second to eighth order of accuracy.
//!
//! ∂²f/∂x² ≈ 1/h² Σₖ wₖ (f₋ₖ − 2f₀ + f₊ₖ), k = 1 … radius. On a Fourier mode of phase θ per cell this is multiplication
//! by −λ(θ)/h² with the *symbol* λ(θ) = Σₖ 2wₖ (1 − cos kθ). Differences are taken from the center value, so a constant field
//! gives exactly zero.
//!
//! Weights: Fornberg, *Generation of finite difference formulas on arbitrarily spaced grids*, Math. Comp. 51 (1988), table 1.
use crate::cell::Cell;
use crate::element::Real;
use crate::extent::Star;

/// Returns the weights w₁, w₂, … of a star of this radius; the order of accuracy is twice the radius.
///
/// # Panics
/// If the radius is not 1, 2, 3 or 4.
pub const fn weights(radius: usize) -> &'static [f64] {
    match radius {
        1 => &[1.0],
        2 => &[4.0 / 3.0, -1.0 / 12.0],
        3 => &[3.0 / 2.0, -3.0 / 20.0, 1.0 / 90.0],
        4 => &[8.0 / 5.0, -1.0 / 5.0, 8.0 / 315.0, -1.0 / 560.0],
        _ => panic!("central second differences have a radius of 1 to 4"),
    }
}

/// Returns the largest value of the symbol, λ(π). It belongs to the wave of two cells, which becomes unstable first.
///
/// ```
/// use halocline_kernels::central::largest_symbol;
/// assert_eq!(largest_symbol(1), 4.0);
/// assert!((largest_symbol(4) - 2048.0 / 315.0).abs() < 1e-14);
/// ```
pub fn largest_symbol(radius: usize) -> f64 {
    4.0 * weights(radius).iter().step_by(2).sum::<f64>() // 1 − cos kπ is 2 for odd k, else 0
}

/// Returns 1 / h² of the axes z, y, x; it is zero for a flat axis, whose spacing is infinite.
///
/// ```
/// use halocline_kernels::central::inverse_squares;
/// assert_eq!(inverse_squares([f64::INFINITY, 0.5, 2.0]), [0.0, 4.0, 0.25]);
/// ```
pub fn inverse_squares(spacing: [f64; 3]) -> [f64; 3] {
    spacing.map(|h| 1.0 / (h * h))
}

/// A star stencil with central second differences.
pub trait Central<R>: Sized {
    /// Returns the second differences along z, y, x, not divided by h².
    fn second(cell: &Cell<'_, R, Self>) -> [R; 3];

    /// Returns the sum of the second differences along all axes, or along y and x, not divided by h².
    fn sum_of_seconds<const AXES: usize>(cell: &Cell<'_, R, Self>) -> R;

    /// Returns the Laplacian for the given 1/h² along z, y, x.
    ///
    /// Arithmetic limits the speed of stencils in cache, and equal spacings need a third less of it. The branch is the same for
    /// all cells, so the compiler makes one loop for each case.
    #[inline(always)]
    fn laplacian(cell: &Cell<'_, R, Self>, [az, ay, ax]: [R; 3]) -> R
    where
        R: Real,
    {
        if az == ay && ay == ax {
            return ax * Self::sum_of_seconds::<3>(cell);
        }
        if az == R::of(0.0) && ay == ax {
            return ax * Self::sum_of_seconds::<2>(cell);
        }
        let [z, y, x] = Self::second(cell);
        az.mul_add(z, ay.mul_add(y, ax * x))
    }
}

/// Returns the sum of two neighbours along each axis, or along y and x.
macro_rules! neighbours {
    ($cell:ident, $AXES:ident, $k:literal) => {{
        let flat = $cell.x::<{ -$k }>() + $cell.x::<$k>() + ($cell.y::<{ -$k }>() + $cell.y::<$k>());
        if $AXES == 3 { flat + ($cell.z::<{ -$k }>() + $cell.z::<$k>()) } else { flat }
    }};
}
macro_rules! central {
    ($radius:literal: $($k:literal)*) => {
        impl<R: Real> Central<R> for Star<$radius> {
            #[inline(always)]
            fn second(cell: &Cell<'_, R, Self>) -> [R; 3] {
                const W: &[f64] = weights($radius);
                let twice = cell.here() + cell.here();
                let z = R::of(W[0]) * (cell.z::<-1>() + cell.z::<1>() - twice);
                let y = R::of(W[0]) * (cell.y::<-1>() + cell.y::<1>() - twice);
                let x = R::of(W[0]) * (cell.x::<-1>() + cell.x::<1>() - twice);
                $(
                    let z = R::of(W[$k - 1]).mul_add(cell.z::<{ -$k }>() + cell.z::<$k>() - twice, z);
                    let y = R::of(W[$k - 1]).mul_add(cell.y::<{ -$k }>() + cell.y::<$k>() - twice, y);
                    let x = R::of(W[$k - 1]).mul_add(cell.x::<{ -$k }>() + cell.x::<$k>() - twice, x);
                )*
                [z, y, x]
            }

            #[inline(always)]
            fn sum_of_seconds<const AXES: usize>(cell: &Cell<'_, R, Self>) -> R {
                const W: &[f64] = weights($radius);
                // Rounded in the same way as the sum of equal neighbours, so a constant field gives exactly zero.
                let all = R::of((2 * AXES) as f64) * cell.here();
                let sum = R::of(W[0]) * (neighbours!(cell, AXES, 1) - all);
                $(let sum = R::of(W[$k - 1]).mul_add(neighbours!(cell, AXES, $k) - all, sum);)*
                sum
            }
        }
    };
}
central!(1:);
central!(2: 2);
central!(3: 2 3);
central!(4: 2 3 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_exact_for_polynomials() {
        // Σ 2wₖ k^(2m) is the second difference of x^(2m) at 0: 2 for m = 1, 0 for 1 < m ≤ radius.
        for radius in 1..=4 {
            for m in 1..=radius {
                let moment: f64 = weights(radius)
                    .iter()
                    .enumerate()
                    .map(|(i, w)| 2.0 * w * crate::math::powi(i as f64 + 1.0, 2 * m as i32))
                    .sum();
                let exact = if m == 1 { 2.0 } else { 0.0 };
                assert!((moment - exact).abs() < 1e-11, "radius {radius}, degree {}: {moment}", 2 * m);
            }
        }
    }
}
