//! The diffusion equation ∂T/∂t = κ ∇²T, forward in time and centered in space (FTCS).
//!
//! LeVeque, *Finite Difference Methods for Ordinary and Partial Differential Equations*, SIAM 2007, §9.1.
use crate::central::{Central, inverse_squares, largest_symbol};
use crate::prelude::*;

/// κ Δt / h² for z, y, x.
fn alpha<R: Real>(kappa: f64, dt: f64, spacing: [f64; 3]) -> [R; 3] {
    inverse_squares(spacing).map(|a| R::of(kappa * dt * a))
}

/// Returns the largest stable time step, which is limited by the shortest wave: 2 / (κ λ(π) Σₐ 1/hₐ²).
fn stable_step(radius: usize, kappa: f64, spacing: [f64; 3]) -> f64 {
    2.0 / largest_symbol(radius) / (kappa * inverse_squares(spacing).iter().sum::<f64>())
}

/// An FTCS step, second order in space: Tⁿ⁺¹ = Tⁿ + κ Δt Σₐ (T₋ − 2T + T₊) / hₐ².
#[derive(Clone, Copy, Debug)]
pub struct Ftcs<R> {
    alpha: [R; 3],
}

impl<R: Real> Ftcs<R> {
    /// Makes the kernel for a diffusivity κ in m²/s, a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(kappa: f64, dt: f64, spacing: [f64; 3]) -> Ftcs<R> {
        Ftcs { alpha: alpha(kappa, dt, spacing) }
    }

    /// Returns the largest stable time step in s, 1 / (2 κ Σₐ 1/hₐ²), for the diffusivity κ in m²/s and the spacing in m.
    ///
    /// ```
    /// use halocline_kernels::diffusion::Ftcs;
    /// assert_eq!(Ftcs::<f64>::stable_step(2.0, [f64::INFINITY, 0.5, 0.5]), 0.03125);
    /// ```
    pub fn stable_step(kappa: f64, spacing: [f64; 3]) -> f64 {
        stable_step(1, kappa, spacing)
    }
}

impl<R: Real> Kernel<R> for Ftcs<R> {
    type Reads = (Star<1>,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, R, Self>) -> [R; 1] {
        // The branch is the same for all cells, so the compiler makes one loop for each case (see `Central::laplacian`).
        let [az, ay, ax] = self.alpha;
        if az == ay && ay == ax {
            return [ax.mul_add(Star::sum_of_seconds::<3>(&t), t.here())];
        }
        if az == R::of(0.0) && ay == ax {
            return [ax.mul_add(Star::sum_of_seconds::<2>(&t), t.here())];
        }
        [t.here() + Star::laplacian(&t, self.alpha)]
    }
}

/// An FTCS step, fourth order in space, first order in time:
/// Tⁿ⁺¹ = Tⁿ + κ Δt Σₐ (4/3 δ₁²T − 1/12 δ₂²T) / hₐ², where δₖ²T = T₋ₖ − 2T + T₊ₖ.
#[derive(Clone, Copy, Debug)]
pub struct Ftcs4<R> {
    alpha: [R; 3],
}

impl<R: Real> Ftcs4<R> {
    /// Makes the kernel for a diffusivity κ in m²/s, a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(kappa: f64, dt: f64, spacing: [f64; 3]) -> Ftcs4<R> {
        Ftcs4 { alpha: alpha(kappa, dt, spacing) }
    }

    /// Returns the largest stable time step in s, 3 / (8 κ Σₐ 1/hₐ²), for the diffusivity κ in m²/s and the spacing in m.
    ///
    /// ```
    /// use halocline_kernels::diffusion::Ftcs4;
    /// assert_eq!(Ftcs4::<f64>::stable_step(2.0, [f64::INFINITY, 0.5, 0.5]), 0.0234375);
    /// ```
    pub fn stable_step(kappa: f64, spacing: [f64; 3]) -> f64 {
        stable_step(2, kappa, spacing)
    }
}

impl<R: Real> Kernel<R> for Ftcs4<R> {
    type Reads = (Star<2>,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, R, Self>) -> [R; 1] {
        [t.here() + Star::laplacian(&t, self.alpha)]
    }
}
