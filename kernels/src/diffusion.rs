//! Diffusion: ∂T/∂t = κ ∇²T.
use crate::prelude::*;

/// 1 / h² of an axis; zero for a flat one, whose spacing is infinite.
fn inverse_square(h: f64) -> f64 {
    1.0 / (h * h)
}

/// Forward in time, centred in space, second order in space: Tⁿ⁺¹ = Tⁿ + κ Δt Σₐ (T₋ − 2T + T₊) / hₐ².
///
/// LeVeque, *Finite Difference Methods for Ordinary and Partial Differential Equations*, SIAM 2007, §9.1.
#[derive(Clone, Copy, Debug)]
pub struct Ftcs<R> {
    /// κ Δt / h² for z, y, x.
    alpha: [R; 3],
}

impl<R: Real> Ftcs<R> {
    /// Diffusivity κ in m²/s, time step in s, spacing (z, y, x) in m; a flat axis has an infinite spacing.
    pub fn new(kappa: f64, dt: f64, spacing: [f64; 3]) -> Ftcs<R> {
        Ftcs { alpha: spacing.map(|h| R::of(kappa * dt * inverse_square(h))) }
    }

    /// The largest stable time step in s: 1 / (2 κ Σₐ 1/hₐ²).
    ///
    /// ```
    /// use halocline_kernels::diffusion::Ftcs;
    /// assert_eq!(Ftcs::<f64>::stable_step(2.0, [f64::INFINITY, 0.5, 0.5]), 0.03125);
    /// ```
    pub fn stable_step(kappa: f64, spacing: [f64; 3]) -> f64 {
        0.5 / (kappa * spacing.map(inverse_square).iter().sum::<f64>())
    }
}

impl<R: Real> Kernel<R> for Ftcs<R> {
    type Reads = (Star<1>,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, R, Self>) -> [R; 1] {
        let [az, ay, ax] = self.alpha;
        let twice = t.here() + t.here();
        let along_x = t.x::<-1>() + t.x::<1>() - twice;
        let along_y = t.y::<-1>() + t.y::<1>() - twice;
        let along_z = t.z::<-1>() + t.z::<1>() - twice;
        [t.here() + (ax * along_x + ay * along_y + az * along_z)]
    }
}
