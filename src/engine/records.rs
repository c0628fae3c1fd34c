//! The records of a rank, and the stages that work on them.
use crate::comm::{Comm, Reduce};
use crate::engine::sums::{ExactSum, all_sum};
use crate::model::handle::{ModelId, Records};
use crate::model::records::{ErasedRecords, Record, RecordDeclaration, RecordWork, typed};

/// All sets of records of a rank.
pub struct RecordStore {
    model: ModelId,
    sets: Vec<(ErasedRecords, RecordDeclaration)>,
}

impl RecordStore {
    pub(crate) fn new(comm: &Comm, model: ModelId, declared: &[RecordDeclaration]) -> RecordStore {
        let sets = declared.iter().map(|d| ((d.initial)(comm.rank(), comm.size()), d.clone()));
        RecordStore { model, sets: sets.collect() }
    }

    /// This rank's records of a set.
    ///
    /// # Panics
    /// If the handle belongs to another model.
    pub fn get<R: Record>(&self, records: Records<R>) -> &Vec<R> {
        assert!(records.model == self.model, "these records were declared by another model");
        typed(&self.sets[records.id].0)
    }

    /// Runs a stage on a set of records. Returns the sum for a sum, else 0. Collective.
    pub(super) fn run(&mut self, comm: &Comm, records: usize, work: &RecordWork) -> f64 {
        let (mine, declared) = &mut self.sets[records];
        match work {
            RecordWork::Scatter(by_rank) => {
                let arrived = comm.all_to_all(by_rank(mine, comm.size()));
                arrived.iter().for_each(|bytes| (declared.append)(mine, bytes));
                0.0
            }
            RecordWork::Update(update) => {
                update(mine);
                0.0
            }
            RecordWork::Sum(numbers) => {
                let mut sum = [ExactSum::new()];
                numbers(mine, &mut |number| sum[0].add(number));
                all_sum(comm, &mut sum);
                sum[0].value()
            }
        }
    }

    /// By set, this rank's records: how many, and their bytes.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        self.sets.iter().map(|(mine, declared)| (declared.write)(mine))
    }

    /// Replaces the records of a set on this rank.
    pub(crate) fn replace(&mut self, records: usize, bytes: &[u8]) {
        let (mine, declared) = &mut self.sets[records];
        *mine = (declared.empty)();
        (declared.append)(mine, bytes);
    }

    /// By set, a hash of all records that depends neither on their order nor on the ranks that hold them. Collective.
    pub(crate) fn hash(&self, comm: &Comm) -> Vec<u64> {
        let mut sums: Vec<i64> = self.sets.iter().map(|(mine, declared)| (declared.hash)(mine)).collect();
        comm.reduce(Reduce::Sum, &mut sums);
        sums.into_iter().map(|s| s as u64).collect()
    }
}
