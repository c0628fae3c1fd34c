//! The acoustic wave equation at constant density, ∂²p/∂t² = c² ∇²p, with p in Pa and the speed of sound c in m/s.
//!
//! Leapfrog in time (second order), central differences of order 2 × `RADIUS` in space. The state is the pressure p and its rate
//! of change q, half a step earlier:
//!
//! ```text
//! qⁿ⁺¹ᐟ² = qⁿ⁻¹ᐟ² + Δt c² ∇²pⁿ        pⁿ⁺¹ = pⁿ + Δt qⁿ⁺¹ᐟ²
//! ```
//!
//! This is pⁿ⁺¹ = 2pⁿ − pⁿ⁻¹ + (cΔt)² ∇²pⁿ with the difference pⁿ − pⁿ⁻¹ stored separately, so that single precision does not
//! lose it in the rounding of p. A plane wave of phase θ per cell obeys 4 sin²(ωΔt/2) = (cΔt)² Σₐ λ(θₐ)/hₐ² (see [`crate::central`]).
//!
//! Alford, Kelly, Boore, *Accuracy of finite-difference modeling of the acoustic wave equation*, Geophysics 39 (1974).
use crate::central::{Central, inverse_squares, largest_symbol};
use crate::prelude::*;

/// The coefficients of the scheme: the time step, and 1/h² for z, y, x.
#[derive(Clone, Copy, Debug)]
struct Numbers<R> {
    dt: R,
    inverse_squares: [R; 3],
}

impl<R: Real> Numbers<R> {
    fn new(dt: f64, spacing: [f64; 3]) -> Numbers<R> {
        Numbers { dt: R::of(dt), inverse_squares: inverse_squares(spacing).map(R::of) }
    }
}

/// Returns the largest stable time step in s for the largest speed of sound c in m/s and the spacing (z, y, x) in m, with a star
/// of this radius: 2 / (c √(λ(π) Σₐ 1/hₐ²)).
///
/// ```
/// use halocline_kernels::wave::stable_step;
/// assert_eq!(stable_step(1, 2.0, [f64::INFINITY, f64::INFINITY, 1.0]), 0.5); // a wave crosses one cell a step
/// ```
pub fn stable_step(radius: usize, speed: f64, spacing: [f64; 3]) -> f64 {
    2.0 / (speed * (largest_symbol(radius) * inverse_squares(spacing).iter().sum::<f64>()).sqrt())
}

/// A time step, from (p, q, c) to (p, q).
///
/// ```
/// use halocline_kernels::{apply, wave::Leapfrog};
/// use ndarray::Array3;
///
/// // One-dimensional, c Δt = h: the scheme is exact. A pulse at rest splits into two halves that move apart, one cell per step.
/// let c = Array3::from_elem((1, 1, 16), 1.0);
/// let (mut p, mut q) = (Array3::zeros((1, 1, 16)), Array3::zeros((1, 1, 16)));
/// p[[0, 0, 8]] = 1.0;
/// q.slice_mut(ndarray::s![0, 0, 7..10]).assign(&ndarray::aview1(&[-0.5, 1.0, -0.5])); // as at rest at time 0
/// for _ in 0..4 {
///     let (mut next, mut rate) = (p.clone(), q.clone());
///     let kernel = Leapfrog::<f64, 1>::new(1.0, [f64::INFINITY, f64::INFINITY, 1.0]);
///     apply(kernel, (p.view(), q.view(), c.view()), [next.view_mut(), rate.view_mut()]);
///     (p, q) = (next, rate);
/// }
/// assert_eq!((p[[0, 0, 4]], p[[0, 0, 8]], p[[0, 0, 12]]), (0.5, 0.0, 0.5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Leapfrog<R, const RADIUS: usize>(Numbers<R>);

impl<R: Real, const RADIUS: usize> Leapfrog<R, RADIUS> {
    /// Makes the kernel for a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(dt: f64, spacing: [f64; 3]) -> Self {
        Leapfrog(Numbers::new(dt, spacing))
    }
}

impl<R: Real, const RADIUS: usize> Kernel<R> for Leapfrog<R, RADIUS>
where
    Star<RADIUS>: Central<R>,
{
    type Reads = (Star<RADIUS>, Pointwise, Pointwise);
    type Writes = [R; 2];
    #[inline(always)]
    fn cell(&self, (p, q, c): Near<'_, R, Self>) -> [R; 2] {
        let Numbers { dt, inverse_squares } = self.0;
        let rate = (dt * (c.here() * c.here())).mul_add(Star::laplacian(&p, inverse_squares), q.here());
        [dt.mul_add(rate, p.here()), rate]
    }
}

/// A time step with a sponge, from (p, q, c) and tapers gz, gy, gx along the axes to (p, q). After each step, both time levels of
/// the leapfrog are multiplied by gz·gy·gx, which is 1 outside the sponge (see [`taper`]).
#[derive(Clone, Copy, Debug)]
pub struct AbsorbingLeapfrog<R, const RADIUS: usize>(Numbers<R>);

impl<R: Real, const RADIUS: usize> AbsorbingLeapfrog<R, RADIUS> {
    /// Makes the kernel for a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(dt: f64, spacing: [f64; 3]) -> Self {
        AbsorbingLeapfrog(Numbers::new(dt, spacing))
    }
}

impl<R: Real, const RADIUS: usize> Kernel<R> for AbsorbingLeapfrog<R, RADIUS>
where
    Star<RADIUS>: Central<R>,
{
    type Reads = (Star<RADIUS>, Pointwise, Pointwise, Along<0>, Along<1>, Along<2>);
    type Writes = [R; 2];
    #[inline(always)]
    fn cell(&self, (p, q, c, gz, gy, gx): Near<'_, R, Self>) -> [R; 2] {
        let Numbers { dt, inverse_squares } = self.0;
        let g = gz.here() * gy.here() * gx.here();
        let rate = g * (dt * (c.here() * c.here())).mul_add(Star::laplacian(&p, inverse_squares), q.here());
        [dt.mul_add(rate, g * p.here()), rate]
    }
}

/// The energy density of the leapfrog. Without sponge and source, its sum is conserved except for rounding:
/// Σ ½ [ (qⁿ⁺¹ᐟ²/c)² − pⁿ ∇²pⁿ⁺¹ ], in Pa²/m². From (p, q, c) after a step; times the volume of a cell and 1/ρ it is
/// the acoustic energy of the time derivative's field.
#[derive(Clone, Copy, Debug)]
pub struct Energy<R, const RADIUS: usize>(Numbers<R>);

impl<R: Real, const RADIUS: usize> Energy<R, RADIUS> {
    /// Makes the kernel for a time step in s and a spacing (z, y, x) in m, infinite along flat axes.
    pub fn new(dt: f64, spacing: [f64; 3]) -> Self {
        Energy(Numbers::new(dt, spacing))
    }
}

impl<R: Real, const RADIUS: usize> Kernel<R> for Energy<R, RADIUS>
where
    Star<RADIUS>: Central<R>,
{
    type Reads = (Star<RADIUS>, Pointwise, Pointwise);
    type Writes = (f64,);
    #[inline(always)]
    fn cell(&self, (p, q, c): Near<'_, R, Self>) -> (f64,) {
        let Numbers { dt, inverse_squares } = self.0;
        let motion = q.here() / c.here();
        let before = p.here() - dt * q.here();
        let twice = motion * motion - before * Star::laplacian(&p, inverse_squares);
        (0.5 * twice.f64(),)
    }
}

/// Returns the taper of a sponge of strength s at a distance from the boundary, in the unit of `width`:
/// exp(−(s·(1 − distance/width))²), and 1 from `width` on.
/// Cerjan, Kosloff, Kosloff, Reshef, *A nonreflecting boundary condition for discrete acoustic and elastic wave equations*,
/// Geophysics 50 (1985), have s = 0.3 over 20 cells.
///
/// ```
/// use halocline_kernels::{math, wave::taper};
/// assert_eq!((taper(20.0, 20.0, 0.3), taper(99.0, 20.0, 0.3)), (1.0, 1.0));
/// assert_eq!(taper(0.0, 20.0, 0.3), math::exp(-0.09));
/// assert_eq!(taper(0.0, 0.0, 0.3), 1.0); // no sponge at all
/// ```
pub fn taper(distance: f64, width: f64, strength: f64) -> f64 {
    if distance >= width {
        return 1.0;
    }
    let depth = strength * (1.0 - distance.max(0.0) / width);
    math::exp(-depth * depth)
}

/// Returns the Ricker wavelet of peak frequency f in Hz at the time t in s after its peak: (1 − 2a) e⁻ᵃ with a = (πft)².
///
/// ```
/// use halocline_kernels::wave::ricker;
/// assert_eq!(ricker(0.0, 25.0), 1.0);
/// assert!(ricker(1.5 / 25.0, 25.0).abs() < 1e-7);
/// ```
pub fn ricker(t: f64, frequency: f64) -> f64 {
    let phase = math::PI * frequency * t;
    let a = phase * phase;
    (1.0 - 2.0 * a) * math::exp(-a)
}
