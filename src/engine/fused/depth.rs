//! How deep halos have to be so that steps can be fused, and what that takes: known before anything is allocated.
use super::STEPS;
use super::levels::Block;
use crate::domain::Domain;
use crate::engine::Layout;
use crate::field::Array;
use crate::model::Design;
use halocline_kernels::Reach;
use std::collections::BTreeMap;

/// How much larger deep halos may make the fields, where nobody asks for a number of steps.
const LARGER: f64 = 1.15;

/// What is needed to fuse steps: as much as the halos allow.
pub(in crate::engine) struct Depth {
    /// The most steps of a block; 0 where stages are done one by one.
    pub most: usize,
    /// Why not.
    pub refused: Option<String>,
    /// How far around its own cells a rank holds each field.
    pub halo: Vec<Reach>,
    /// Fields that need two arrays: what some tile still reads, another writes.
    pub double: Vec<bool>,
}

impl Depth {
    /// From the whole design, the same on every rank. `reach` and `double` are what single steps need.
    pub fn of(design: &Design, domains: &BTreeMap<Layout, Domain>, reach: &[Reach], double: &[bool]) -> Depth {
        let none = |refused| Depth { most: 0, refused, halo: reach.to_vec(), double: double.to_vec() };
        let wanted: Vec<usize> = match design.fuse {
            Some(0) => return none(None),
            Some(steps) => vec![steps],
            None => {
                let mut all = STEPS.to_vec();
                all.sort_by_key(|steps| std::cmp::Reverse(*steps));
                all
            }
        };
        let mut why = None;
        let size = |halo: &[Reach], double: &[bool]| bytes(design, domains, halo, double, 0) as f64;
        for steps in wanted {
            match Block::of(design, domains, steps) {
                Err(refused) => why = Some(refused),
                Ok(block) => {
                    let mut deep = Depth { most: steps, ..none(None) };
                    for (f, halo) in &block.halo {
                        let with_corners = deep.halo[*f].corners;
                        deep.halo[*f] = deep.halo[*f].union(halo);
                        deep.halo[*f].corners = with_corners;
                        deep.double[*f] |= block.last[*f].is_some();
                    }
                    if design.fuse.is_some() || size(&deep.halo, &deep.double) <= LARGER * size(reach, double) {
                        return deep;
                    }
                    why = Some("halos for it would take too much memory".into());
                }
            }
        }
        none(why)
    }
}

/// Bytes of fields on a rank.
pub(in crate::engine) fn bytes(
    design: &Design,
    domains: &BTreeMap<Layout, Domain>,
    halo: &[Reach],
    double: &[bool],
    rank: usize,
) -> u64 {
    let fields = design.declarations.iter().enumerate().map(|(f, d)| {
        let flat = [0, 1, 2].map(|a| design.grids[d.grid].is_flat(a));
        let patches = domains[&(d.grid, d.whole)].patches(rank);
        let (below, above) = (halo[f].below, halo[f].above);
        let one: usize = patches.iter().map(|p| Array::bytes_for(d.element, p.region, below, above, flat)).sum();
        (if double[f] { 2 * one } else { one }) as u64
    });
    fields.sum()
}
