//! The acoustic wave equation at constant density, ∂²p/∂t² = c² ∇²p, with a point source, two layers and sponges at the walls.
//!
//! Leapfrog in time, order 2 to 8 in space. Receivers are an output stream with `points`.
use halocline::config::groups::{TimeStep, position};
use halocline::model::Direction;
use halocline::prelude::*;
use halocline_kernels::wave::{ricker, stable_step, taper};

/// The acoustic job. Its fields are the pressure, the rate of change of the pressure, and the speed of sound.
pub struct Acoustic;

/// The `[parameters]` of the acoustic job.
#[parameters]
pub struct Parameters {
    /// speed of sound
    #[parameter(default = 1500.0, unit = "m/s", above = 0.0)]
    speed: f64,
    /// speed of sound beyond the interface; by default there is one layer
    #[parameter(unit = "m/s", above = 0.0)]
    deep_speed: Option<f64>,
    /// position of the interface along the first axis that is not flat; by default the middle
    #[parameter(unit = "m")]
    interface: Option<f64>,
    /// order of accuracy in space: 2, 4, 6 or 8
    #[parameter(default = 8, min = 2, max = 8)]
    order: usize,
    #[parameter(flatten)]
    step: TimeStep,
    /// position of the source, as in `grid.origin`; by default the middle
    #[parameter(default = [], unit = "m")]
    source: Vec<f64>,
    /// peak frequency of the source, a Ricker wavelet
    #[parameter(default = 25.0, unit = "Hz", above = 0.0)]
    frequency: f64,
    /// amplitude of the source: peak pressure of the direct wave at a distance of 1 m, in three dimensions
    #[parameter(default = 1000.0, unit = "Pa·m")]
    amplitude: f64,
    /// width of the sponge at each wall; 0 for none
    #[parameter(default = 20, unit = "cells")]
    sponge: usize,
    /// strength of the sponge: each step multiplies cells at the wall by exp(−strength²)
    #[parameter(default = 0.3, min = 0.0)]
    sponge_strength: f64,
}

impl Job for Acoustic {
    const NAME: &'static str = "acoustic";
    const SUMMARY: &'static str =
        "acoustic waves, ∂²p/∂t² = c² ∇²p, of order 2 to 8, point source, layers, absorbing sponge";
    type Parameters = Parameters;

    fn build<R: Real>(p: &Parameters, model: &mut Model) -> Result<()> {
        match p.order {
            2 => build::<R, 2>(p, model),
            4 => build::<R, 4>(p, model),
            6 => build::<R, 6>(p, model),
            8 => build::<R, 8>(p, model),
            order => Err(Error::input(format!("`parameters.order` = {order}: there is no such scheme"))
                .remedy("orders are 2, 4, 6 and 8")),
        }
    }
}

fn build<R: Real, const ORDER: usize>(p: &Parameters, model: &mut Model) -> Result<()> {
    let grid = model.grid().clone();
    let speed = layers(p, &grid)?;
    let fastest = p.speed.max(p.deep_speed.unwrap_or(p.speed));
    let why = format!("Δt ≤ 2 / (c √(λ Σ 1/h²)) at order {} with c = {fastest} m/s", p.order);
    let limit = stable_step(ORDER / 2, fastest, grid.spacing());
    let dt = model.fixed_step(p.step.within(limit, &why)?);
    check_resolution(p, &grid)?;
    let place = position("source", &p.source, &grid)?;

    model.axis(Z).direction(Direction::Down).standard_name("depth").long_name("depth");
    let pressure = field!(model, pressure: R).unit("Pa").boundary(Boundary::Value(0.0)).at(Center)?;
    let rate = field!(model, rate: R).long_name("rate of change of the pressure").unit("Pa s-1").hidden().at(Center)?;
    let c = field!(model, speed: R).long_name("speed of sound").unit("m s-1").hidden().initial(speed).at(Center)?;

    // A source s(t) in one cell of volume V radiates s(t − r/c) V / (4π c² r) into free space. A source between cell centres is
    // shared out over the cells around it.
    let source = model.point_source(rate, place)?;
    let volume: f64 = (0..3).map(|a| grid.block(0).cell_length(a)).product();
    let there = layer_speed(p, &grid, place);
    let (kick, f) = (dt * p.amplitude * 4.0 * math::PI * there * there / volume, p.frequency);
    let send = move |time: f64| kick * ricker(time - 1.5 / f, f);

    // The leapfrog of `halocline_kernels::wave`: the rate is half a step behind the pressure. Δt is the scalar of the model, which
    // multiplies c², not c.
    let dt = model.dt();
    let later = rate + dt * (c * c) * laplacian_of_order::<ORDER, _>(pressure);
    model.every_step(|s| _ = s.inject("source", &source, send));
    let walls = (0..3).filter(|&a| grid.is_bounded(a)).collect::<Vec<_>>();
    if p.sponge > 0 && !walls.is_empty() {
        check_sponge(p, &grid, &walls)?;
        let sponge = |axis: usize| sponge(p, &grid, axis);
        let g = model.profile::<0>(sponge(0)) * model.profile::<1>(sponge(1)) * model.profile::<2>(sponge(2));
        model.every_step(|s| _ = s.set((pressure, rate), (g * pressure + dt * (g * later), g * later)));
    } else {
        model.every_step(|s| _ = s.set((pressure, rate), (pressure + dt * later, later)));
    }
    model.record("max_abs(pressure)", max_abs(pressure)).unit("Pa");
    model.diagnose("max_abs(pressure)", max_abs(pressure));
    // Conserved without source and sponge: see `halocline_kernels::wave::Energy`.
    let motion = (rate / c) * (rate / c);
    let density = 0.5 * (motion - (pressure - dt * rate) * laplacian_of_order::<ORDER, _>(pressure));
    model.output("energy_density", density).unit("Pa2 m-2").long_name("energy density").hidden();
    let energy = sum(density);
    model.record("energy", energy.clone()).unit("Pa2 m-2");
    model.diagnose("energy", energy);
    Ok(())
}

/// Returns the axis of depth, the first that is not flat.
fn depth_axis(grid: &Grid) -> usize {
    (0..3).find(|&a| !grid.is_flat(a)).unwrap_or(2)
}

fn interface(p: &Parameters, grid: &Grid) -> f64 {
    let (axis, block) = (depth_axis(grid), grid.block(0));
    p.interface.unwrap_or(block.origin[axis] + 0.5 * block.length[axis])
}

fn layer_speed(p: &Parameters, grid: &Grid, place: [f64; 3]) -> f64 {
    let deep = place[depth_axis(grid)] >= interface(p, grid);
    p.deep_speed.filter(|_| deep).unwrap_or(p.speed)
}

/// Returns the speed of sound in m/s at the center of a cell.
fn layers(p: &Parameters, grid: &Grid) -> Result<impl Fn(At) -> f64 + Send + Sync + 'static> {
    let (axis, depth, block) = (depth_axis(grid), interface(p, grid), grid.block(0));
    let (low, high) = (block.origin[axis], block.origin[axis] + block.length[axis]);
    if !(low..=high).contains(&depth) {
        let axis = halocline::model::grid::AXES[axis];
        return Err(Error::input(format!("`parameters.interface` = {depth} m lies outside the grid along {axis}"))
            .remedy(format!("{axis} goes from {low} to {high} m")));
    }
    if p.interface.is_some() && p.deep_speed.is_none() {
        return Err(Error::input("`parameters.interface` is given, but not the speed of sound below it")
            .remedy("set parameters.deep_speed too"));
    }
    let (shallow, deep) = (p.speed, p.deep_speed.unwrap_or(p.speed));
    Ok(move |at: At| if [at.z, at.y, at.x][axis] >= depth { deep } else { shallow })
}

/// A Ricker wavelet has frequencies up to about 2.5 times its peak; a grid cannot represent waves shorter than two cells.
fn check_resolution(p: &Parameters, grid: &Grid) -> Result<()> {
    let slowest = p.speed.min(p.deep_speed.unwrap_or(p.speed));
    let coarsest = grid.spacing().into_iter().filter(|h| h.is_finite()).fold(0.0, f64::max);
    let highest = slowest / (2.0 * coarsest) / 2.5;
    if p.frequency > highest {
        return Err(Error::input(format!(
            "`parameters.frequency` = {} Hz: cells of {coarsest} m carry at most {highest:.4} Hz at {slowest} m/s",
            p.frequency
        ))
        .remedy("lower the frequency or use smaller cells: a Ricker wavelet needs two cells for a wave of 2.5 times its peak frequency"));
    }
    Ok(())
}

fn check_sponge(p: &Parameters, grid: &Grid, walls: &[usize]) -> Result<()> {
    match walls.iter().find(|&&a| 2 * p.sponge >= grid.cells()[a]) {
        None => Ok(()),
        Some(&a) => {
            let (n, axis) = (grid.cells()[a], halocline::model::grid::AXES[a]);
            Err(Error::input(format!(
                "`parameters.sponge` = {} cells at both walls leaves nothing of {n} along {axis}",
                p.sponge
            ))
            .remedy(format!("it can be at most {} cells wide, or 0 for none", n.saturating_sub(1) / 2)))
        }
    }
}

/// Returns the taper along an axis as a function of position; it is 1 if the axis has no walls.
fn sponge(p: &Parameters, grid: &Grid, axis: usize) -> impl Fn(f64) -> f64 + Send + Sync + 'static {
    let block = grid.block(0);
    let (low, high, h) = (block.origin[axis], block.origin[axis] + block.length[axis], block.cell_length(axis));
    let (width, strength, bounded) = (p.sponge as f64, p.sponge_strength, grid.is_bounded(axis));
    move |x| if bounded { taper((x - low).min(high - x) / h, width, strength) } else { 1.0 }
}
