//! Access to the state of a simulation: its hash, and whole fields.
use crate::base::{Region, Result};
use crate::engine::simulation::Simulation;
use crate::engine::state_hash::{FieldHash, state_hash};
use crate::model::handle::Field;
use halocline_kernels::Element;
use ndarray::Array3;
use xxhash_rust::xxh3::Xxh3;

impl Simulation {
    /// The hash of all fields, scalars and records, without diagnostic scalars: the same on any number of ranks. Collective.
    ///
    /// # Errors
    /// If records cannot be hashed.
    pub fn state(&self) -> Result<String> {
        let declared = self.core.fields.declared();
        let fields = declared.fields.iter().enumerate().filter(|(_, d)| !d.derived);
        let fields: Vec<_> = fields.map(|(f, d)| (d.name.as_str(), self.field_hash(f))).collect();
        let scalars = self.core.fields.scalars.iter().enumerate();
        let scalars = scalars.filter(|(s, _)| !declared.diagnostic_scalars.contains(s));
        let mut more: Vec<u64> = scalars.map(|(_, value)| value.to_bits()).collect();
        more.extend(self.records.hash(&self.core.comm));
        let mut digest = Xxh3::new();
        digest.update(state_hash(&self.core.comm, &fields).as_bytes());
        more.iter().for_each(|word| digest.update(&word.to_le_bytes()));
        Ok(format!("{:032x}", digest.digest128()))
    }

    /// The hash of this rank's cells of a field.
    pub(super) fn field_hash(&self, f: usize) -> FieldHash {
        let (element, grid) = (self.core.fields.declared().fields[f].element, self.core.fields.grid_of(f));
        let mut hash = FieldHash::new(element);
        for (array, patch) in self.core.fields.now[f].iter().zip(self.core.fields.patches(f)) {
            let owned = patch.region;
            let [nz, ny, nx] = owned.size();
            let planes = self.core.comm.threads().map(nz, |z| {
                let mut hash = FieldHash::new(element);
                for y in 0..ny {
                    let index = [owned.low[0] + z as isize, owned.low[1] + y as isize, owned.low[2]];
                    hash.add_row(grid.key(patch.block, index), array.row(index, nx));
                }
                hash
            });
            planes.iter().for_each(|plane| hash.merge(plane));
        }
        hash
    }

    /// Gathers a whole field on every rank, one array `[z, y, x]` per block. For tests and small grids. Collective.
    ///
    /// # Panics
    /// If the handle belongs to another model.
    pub fn gather<T: Element>(&self, field: Field<T>) -> Vec<Array3<T>> {
        assert!(self.program().declared.owns(field.into()), "the field was declared by another model");
        self.gather_field(field.id)
    }

    /// Gathers a whole field, whose element type has been checked, on every rank. Collective.
    pub(super) fn gather_field<T: Element>(&self, field: usize) -> Vec<Array3<T>> {
        let mut mine = vec![];
        for array in &self.core.fields.now[field] {
            for value in array.view::<T>(&array.owned()) {
                value.parts().iter().for_each(|p| mine.extend(p.to_le_bytes()));
            }
        }
        let blocks = self.core.fields.grid_of(field).all_blocks();
        let mut whole: Vec<Array3<T>> = blocks.iter().map(|b| Array3::from_elem(b.cells, T::default())).collect();
        for (rank, bytes) in self.core.comm.all_gather(&mine).iter().enumerate() {
            let mut numbers = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")));
            for patch in self.core.fields.domain_of(field).patches(rank) {
                let Region { low, high } = patch.region;
                let range = |a: usize| low[a] as usize..high[a] as usize;
                let mut part = whole[patch.block].slice_mut(ndarray::s![range(0), range(1), range(2)]);
                for value in &mut part {
                    let mut next = || numbers.next().expect("as many numbers as the rank owns");
                    *value = T::from_parts([next(), next()]);
                }
            }
        }
        whole
    }
}
