//! Checks output streams against the fields of a model.
use super::layout::layout;
use crate::base::Result;
use crate::config::{JobFile, suggestion};
use crate::model::Model;
use crate::model::interpolation;

/// Checks the output streams of a job file against the fields and the grid of its model.
///
/// # Errors
/// If a stream names an unknown field or a field on another grid, or a point outside of the grid.
pub fn check_streams(file: &JobFile, model: &Model) -> Result<()> {
    let known: Vec<&str> = model.fields().iter().map(|d| d.name.as_str()).collect();
    let grid = model.grid();
    for (name, stream) in &file.output {
        let names = layout(file, name, &model.declared, &[]).0.check();
        names.map_err(|e| file.origins.error(&format!("output.{name}"), e, ""))?;
        for field in stream.fields.iter().flatten() {
            if !known.contains(&field.as_str()) {
                let key = format!("output.{name}.fields");
                let remedy = suggestion(field, &known, "its fields are");
                return Err(file.origins.error(&key, format!("the job has no field `{field}`"), &remedy));
            }
            if model.fields().iter().any(|d| d.name == *field && d.grid != 0) {
                let what = format!("the field `{field}` is on a grid of the job's own");
                return Err(file.origins.error(
                    &format!("output.{name}.fields"),
                    what,
                    "only fields on `[grid]` can be written",
                ));
            }
        }
        for (i, point) in stream.points.iter().flatten().enumerate() {
            let inside = interpolation::check(grid, 0, *point);
            inside.map_err(|e| file.origins.error(&format!("output.{name}.points[{i}]"), e, ""))?;
        }
    }
    Ok(())
}
