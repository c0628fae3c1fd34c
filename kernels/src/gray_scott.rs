//! The Gray–Scott reaction u + 2v → 3v, v → inert product, with a feed of u; concentrations u and v are between 0 and 1.
//!
//! ```text
//! ∂u/∂t = Dᵤ ∇²u − uv² + F (1 − u)        ∂v/∂t = Dᵥ ∇²v + uv² − (F + k) v
//! ```
//!
//! Pearson, *Complex patterns in a simple system*, Science 261 (1993): Dᵤ = 2·10⁻⁵, Dᵥ = 10⁻⁵ on a square of side 2.5.
use crate::central::{Central, inverse_squares, largest_symbol};
use crate::prelude::*;

/// The coefficients of the model.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Diffusivity of u in m²/s.
    pub diffusion_u: f64,
    /// Diffusivity of v in m²/s.
    pub diffusion_v: f64,
    /// Feed rate F in 1/s.
    pub feed: f64,
    /// Kill rate k in 1/s.
    pub kill: f64,
}

/// A time step, from (u, v) to (u, v): forward in time, second order in space.
///
/// ```
/// use halocline_kernels::{apply, gray_scott::{GrayScott, Rates}};
/// use ndarray::Array3;
///
/// let rates = Rates { diffusion_u: 2e-5, diffusion_v: 1e-5, feed: 0.5, kill: 0.25 };
/// let (u, v) = (Array3::from_elem((3, 3, 3), 0.5), Array3::from_elem((3, 3, 3), 0.25));
/// let (mut next_u, mut next_v) = (u.clone(), v.clone());
/// let kernel = GrayScott::new(rates, 1.0, [0.01; 3]);
/// apply(kernel, (u.view(), v.view()), [next_u.view_mut(), next_v.view_mut()]);
/// assert_eq!(next_u[[1, 1, 1]], 0.5 - 0.5 * 0.0625 + 0.5 * 0.5);
/// assert_eq!(next_v[[1, 1, 1]], 0.25 + 0.5 * 0.0625 - 0.75 * 0.25);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GrayScott<R> {
    alpha_u: [R; 3],
    alpha_v: [R; 3],
    dt: R,
    feed: R,
    loss: R,
}

impl<R: Real> GrayScott<R> {
    /// Makes the kernel for a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(rates: Rates, dt: f64, spacing: [f64; 3]) -> GrayScott<R> {
        let Rates { diffusion_u, diffusion_v, feed, kill } = rates;
        let alpha = |d: f64| inverse_squares(spacing).map(|a| R::of(d * dt * a));
        let (alpha_u, alpha_v) = (alpha(diffusion_u), alpha(diffusion_v));
        GrayScott { alpha_u, alpha_v, dt: R::of(dt), feed: R::of(feed), loss: R::of(feed + kill) }
    }

    /// Returns the largest time step in s for which diffusion, feed and loss do not oscillate for u and v in \[0, 1\]:
    /// 2 / (4 D Σₐ 1/hₐ² + F + max(k, 1)), with the larger diffusivity D.
    pub fn stable_step(rates: Rates, spacing: [f64; 3]) -> f64 {
        let diffusion = rates.diffusion_u.max(rates.diffusion_v) * inverse_squares(spacing).iter().sum::<f64>();
        2.0 / (largest_symbol(1) * diffusion + rates.feed + rates.kill.max(1.0))
    }
}

impl<R: Real> Kernel<R> for GrayScott<R> {
    type Reads = (Star<1>, Star<1>);
    type Writes = [R; 2];
    #[inline(always)]
    fn cell(&self, (u, v): Near<'_, R, Self>) -> [R; 2] {
        let (here_u, here_v) = (u.here(), v.here());
        let reaction = here_u * (here_v * here_v);
        let gain_u = self.feed.mul_add(R::of(1.0) - here_u, -reaction);
        let gain_v = (-self.loss).mul_add(here_v, reaction);
        [
            here_u + self.dt.mul_add(gain_u, Star::laplacian(&u, self.alpha_u)),
            here_v + self.dt.mul_add(gain_v, Star::laplacian(&v, self.alpha_v)),
        ]
    }
}
