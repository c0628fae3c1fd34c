//! Layouts: decompositions of grids, by grid id and uncut axes.
use crate::model::field::FieldDeclaration;
use crate::program::domain::Domain;
use std::collections::BTreeMap;

/// The id of a decomposition: the grid id, and for each axis whether it must not be cut.
pub(crate) type Layout = (usize, [bool; 3]);

/// Returns the layout of a field.
pub(crate) fn layout_of(field: &FieldDeclaration) -> Layout {
    (field.grid, field.whole)
}

/// Returns a layout that does not cut `axis`: the layout of the field if it has this property.
pub(crate) fn line_layout(domains: &BTreeMap<Layout, Domain>, field: &FieldDeclaration, axis: usize) -> Layout {
    let own = layout_of(field);
    if domains[&own].dims[axis] == 1 {
        return own;
    }
    let mut whole = [false; 3];
    whole[axis] = true;
    (field.grid, whole)
}
