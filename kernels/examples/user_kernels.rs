//! Kernels as a user writes them, and the kernels of this crate, for `scripts/vectorised`, which looks at the machine code that
//! becomes of them.
use halocline_kernels::diffusion::{Ftcs, Ftcs4};
use halocline_kernels::gray_scott::{self, Rates};
use halocline_kernels::linear::{Axpy, Descend, NegativeLaplacian};
use halocline_kernels::prelude::*;
use halocline_kernels::row::erase;
use halocline_kernels::wave::{AbsorbingLeapfrog, Energy, Leapfrog};
use std::sync::Arc;

/// Sum of the six neighbours less six times the cell: a helper, as users have them.
#[inline(always)]
fn laplacian<R: Real>(t: &halocline_kernels::cell::Cell<'_, R, Star<1>>) -> R {
    let six = (t.x::<-1>() + t.x::<1>()) + (t.y::<-1>() + t.y::<1>()) + (t.z::<-1>() + t.z::<1>());
    six - R::of(6.0) * t.here()
}

/// Heat: T ← T + α ∇²T.
struct Heat<R>(R);
impl<R: Real> Kernel<R> for Heat<R> {
    type Reads = (Star<1>,);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, R, Self>) -> [R; 1] {
        [t.here() + self.0 * laplacian(&t)]
    }
}

/// Gray–Scott: two fields from two fields.
struct GrayScott<R> {
    diffusion: [R; 2],
    feed: R,
    kill: R,
    dt: R,
}
impl<R: Real> Kernel<R> for GrayScott<R> {
    type Reads = (Star<1>, Star<1>);
    type Writes = [R; 2];
    #[inline(always)]
    fn cell(&self, (u, v): Near<'_, R, Self>) -> [R; 2] {
        let GrayScott { diffusion: [du, dv], feed, kill, dt } = *self;
        let reaction = u.here() * v.here() * v.here();
        let rate_u = du * laplacian(&u) - reaction + feed * (R::of(1.0) - u.here());
        let rate_v = dv * laplacian(&v) + reaction - (feed + kill) * v.here();
        [u.here() + dt * rate_u, v.here() + dt * rate_v]
    }
}

/// Schrödinger: ψ ← p (ψ + c ∂²ψ) with a complex constant c, a real potential's phase p (a complex field) and real weights.
struct Schroedinger<R> {
    step: Complex<R>,
    weights: [R; 2],
}
macro_rules! schroedinger {
    ($R:ident) => {
        impl Kernel<Complex<$R>> for Schroedinger<$R> {
            type Reads = (Star<1>, Pointwise);
            type Writes = [Complex<$R>; 1];
            #[inline(always)]
            fn cell(&self, (psi, phase): Near<'_, Complex<$R>, Self>) -> [Complex<$R>; 1] {
                let [near, own] = self.weights;
                let around = (psi.x::<-1>() + psi.x::<1>()) + (psi.y::<-1>() + psi.y::<1>());
                let curvature = (around + (psi.z::<-1>() + psi.z::<1>())) * near + psi.here() * own;
                [phase.here() * (psi.here() + self.step * curvature)]
            }
        }
    };
}
schroedinger!(f32);
schroedinger!(f64);

/// Staggered acoustics, the velocities: u ← u − Δt ∂p/∂x, v ← v − Δt ∂p/∂y on faces from p in the middle.
struct Velocities<R>(R);
impl<R: Real> Kernel<R> for Velocities<R> {
    type Reads = (Pointwise, Pointwise, Backward<1>);
    type Writes = [R; 2];
    #[inline(always)]
    fn cell(&self, (u, v, p): Near<'_, R, Self>) -> [R; 2] {
        [u.here() - self.0 * (p.here() - p.x::<-1>()), v.here() - self.0 * (p.here() - p.y::<-1>())]
    }
}

/// Staggered acoustics, the pressure, with a damping along x and a time step that the model computes.
struct Pressure;
impl<R: Real> Kernel<R> for Pressure {
    type Reads = (Pointwise, Forward<1>, Forward<1>, Along<2>, Uniform);
    type Writes = [R; 1];
    #[inline(always)]
    fn cell(&self, (p, u, v, damping, dt): Near<'_, R, Self>) -> [R; 1] {
        let divergence = (u.x::<1>() - u.here()) + (v.y::<1>() - v.here());
        [damping.here() * (p.here() - dt * divergence)]
    }
}

/// What must not be taken for vectorised: a helper left out of line.
struct OutOfLine;
impl Kernel<f64> for OutOfLine {
    type Reads = (Star<1>,);
    type Writes = [f64; 1];
    #[inline(always)]
    fn cell(&self, (t,): Near<'_, f64, Self>) -> [f64; 1] {
        #[inline(never)]
        fn limited(a: f64, b: f64) -> f64 {
            if a * b > 0.0 { (a * b) / (a + b) } else { 0.0 }
        }
        [t.here() + limited(t.x::<1>() - t.here(), t.here() - t.x::<-1>())]
    }
}

fn main() {
    fn rows<T: Element, K: Kernel<T>>(kernel: K) {
        let kernel = Arc::new(kernel);
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            std::hint::black_box(erase::<T, K>(&kernel, set));
        }
    }
    rows::<f64, _>(Heat(0.1));
    rows::<f32, _>(Heat(0.1));
    rows::<f64, _>(GrayScott { diffusion: [0.2, 0.1], feed: 0.04, kill: 0.06, dt: 0.5 });
    rows::<f32, _>(GrayScott { diffusion: [0.2, 0.1], feed: 0.04, kill: 0.06, dt: 0.5 });
    rows::<Complex<f64>, _>(Schroedinger { step: Complex::new(0.0, 0.1), weights: [1.0, -6.0] });
    rows::<Complex<f32>, _>(Schroedinger { step: Complex::new(0.0, 0.1), weights: [1.0, -6.0] });
    rows::<f64, _>(Velocities(0.1));
    rows::<f32, _>(Velocities(0.1));
    rows::<f64, _>(Pressure);
    rows::<f32, _>(Pressure);
    rows::<f64, _>(OutOfLine);

    let (h, rates) = ([1.0; 3], Rates { diffusion_u: 0.2, diffusion_v: 0.1, feed: 0.04, kill: 0.06 });
    macro_rules! of_this_crate {
        ($($R:ident),+) => { $(
            rows::<$R, _>(Ftcs::<$R>::new(1.0, 0.1, h));
            rows::<$R, _>(Ftcs4::<$R>::new(1.0, 0.1, h));
            rows::<$R, _>(Leapfrog::<$R, 4>::new(0.1, h));
            rows::<$R, _>(AbsorbingLeapfrog::<$R, 4>::new(0.1, h));
            rows::<$R, _>(gray_scott::GrayScott::<$R>::new(rates, 0.1, h));
            rows::<$R, _>(NegativeLaplacian::<$R>::new(h));
            rows::<$R, _>(Descend);
            rows::<Complex<$R>, _>(Axpy);
        )+ };
    }
    of_this_crate!(f64, f32);
    rows::<f64, _>(Energy::<f64, 4>::new(0.1, h));
}
