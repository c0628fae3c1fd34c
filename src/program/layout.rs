//! Layouts: the splits of grids that fields live in.
use crate::model::field::FieldDeclaration;
use crate::program::domain::Domain;
use std::collections::BTreeMap;

/// A split of one of the grids: the grid, and which axes are whole.
pub(crate) type Layout = (usize, [bool; 3]);

/// The layout of a field.
pub(crate) fn layout_of(field: &FieldDeclaration) -> Layout {
    (field.grid, field.whole)
}

/// The layout that leaves an axis whole: the field's own, where it already does.
pub(crate) fn line_layout(domains: &BTreeMap<Layout, Domain>, field: &FieldDeclaration, axis: usize) -> Layout {
    let own = layout_of(field);
    if domains[&own].dims[axis] == 1 {
        return own;
    }
    let mut whole = [false; 3];
    whole[axis] = true;
    (field.grid, whole)
}
