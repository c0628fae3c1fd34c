//! Search for the first value that is NaN or infinite.
use crate::engine::simulation::Simulation;
use crate::engine::with_element;
use halocline_kernels::Element;

/// A value that is NaN or infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The field's name.
    pub field: String,
    /// Block of the grid.
    pub block: usize,
    /// Index z, y, x in the block.
    pub index: [usize; 3],
    /// The value, as text.
    pub value: String,
}

impl Simulation {
    /// The first value (in global order) that is NaN or infinite, on this rank.
    pub fn not_finite(&self) -> Option<NonFinite> {
        for (f, d) in self.core.fields.declared().fields.iter().enumerate() {
            // Patches of one block may lie side by side, so that the first patch need not hold the first cell.
            let mut first: Option<(u64, NonFinite)> = None;
            for (array, patch) in self.core.fields.now[f].iter().zip(self.core.fields.patches(f)) {
                let owned = patch.region;
                let [nz, ny, _] = owned.size();
                let found = with_element!(d.element, T => self.core.comm.threads().map(nz, |z| {
                    let plane = owned.low[0] + z as isize;
                    for y in 0..ny as isize {
                        let row = owned.with(0, plane, plane + 1).with(1, owned.low[1] + y, owned.low[1] + y + 1);
                        let cells = array.view::<T>(&row);
                        // Without a branch a value, so that the common case is one vectorised pass.
                        if !cells.iter().fold(true, |all, v| all & v.is_finite()) {
                            let (x, v) = cells.iter().enumerate().find(|(_, v)| !v.is_finite())?;
                            let [re, im] = v.parts();
                            let value = if T::TYPE.parts() == 2 { format!("{re} + {im}i") } else { format!("{re}") };
                            return Some(([plane, row.low[1], owned.low[2] + x as isize], value));
                        }
                    }
                    None
                }));
                if let Some((index, value)) = found.into_iter().flatten().next() {
                    let key = self.core.fields.grid_of(f).key(patch.block, index);
                    if first.as_ref().is_none_or(|(least, _)| key < *least) {
                        let index = index.map(|i| i as usize);
                        first = Some((key, NonFinite { field: d.name.clone(), block: patch.block, index, value }));
                    }
                }
            }
            if let Some((_, found)) = first {
                return Some(found);
            }
        }
        None
    }

    /// The first non-finite value of all ranks, by step, then field, then cell. The same on every rank. Collective.
    pub fn first_non_finite(&self, mine: Option<(u64, NonFinite)>) -> Option<(u64, NonFinite)> {
        let order = |f: &NonFinite| {
            let field = self.core.fields.declared().fields.iter().position(|d| d.name == f.field).unwrap_or(0);
            (field, self.core.fields.grid_of(field).key(f.block, f.index.map(|i| i as isize)))
        };
        let all = self.core.comm.all_gather(
            &mine
                .map(|(step, f)| {
                    let (field, key) = order(&f);
                    let mut bytes: Vec<u8> = [step, field as u64, key].iter().flat_map(|w| w.to_le_bytes()).collect();
                    bytes.extend(f.value.as_bytes());
                    bytes
                })
                .unwrap_or_default(),
        );
        let word = |b: &[u8], i: usize| u64::from_le_bytes(b[8 * i..8 * i + 8].try_into().expect("eight bytes"));
        let found = all.iter().filter(|b| b.len() > 24).min_by_key(|b| [0, 1, 2].map(|i| word(b, i)))?;
        let (step, field) = (word(found, 0), word(found, 1) as usize);
        let (block, index) = self.core.fields.grid_of(field).cell_of(word(found, 2));
        let value = String::from_utf8_lossy(&found[24..]).into_owned();
        Some((step, NonFinite { field: self.core.fields.declared().fields[field].name.clone(), block, index, value }))
    }
}
