//! Maxwell's equations in vacuum with c = 1 on Yee's grid (IEEE Trans. Antennas Propag. 14, 1966): the electric field lies on
//! edges, the magnetic field on faces. At bounded axes the walls are perfect conductors.
use halocline::prelude::*;

pub fn maxwell(dt: f64, model: &mut Model, ez0: impl Fn(At) -> f64 + Send + Sync + 'static) -> Result<()> {
    let dt = model.fixed_step(dt);
    let (ex, ey) = (field!(model, ex: f64).at(EdgeX)?, field!(model, ey: f64).at(EdgeY)?);
    let ez = field!(model, ez: f64).initial(ez0).at(EdgeZ)?;
    let (hx, hy, hz) =
        (field!(model, hx: f64).at(FaceX)?, field!(model, hy: f64).at(FaceY)?, field!(model, hz: f64).at(FaceZ)?);
    model.every_step(|s| {
        let (rot_x, rot_y, rot_z) = curl((hx, hy, hz));
        s.set((ex, ey, ez), (ex + dt * rot_x, ey + dt * rot_y, ez + dt * rot_z));
        let (rot_x, rot_y, rot_z) = curl((ex, ey, ez));
        s.set((hx, hy, hz), (hx - dt * rot_x, hy - dt * rot_y, hz - dt * rot_z));
    });
    model.diagnose("largest ez", max(ez));
    Ok(())
}
