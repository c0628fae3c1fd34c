//! Records: data without a grid, moved between ranks by key.
use std::any::Any;
use std::any::TypeId;
use std::sync::Arc;

/// A value that can be serialised to a fixed number of bytes, to be sent to another rank or written to a checkpoint.
pub trait Record: Clone + Send + Sync + 'static {
    /// Appends the bytes of the record. All records of a type have the same number of bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Reads a record from the beginning of `bytes` and advances `bytes` past it.
    fn read(bytes: &mut &[u8]) -> Self;
}
macro_rules! records {
    ($($t:ty),+) => { $(
        impl Record for $t {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn read(bytes: &mut &[u8]) -> $t {
                let (head, rest) = bytes.split_at(size_of::<$t>());
                *bytes = rest;
                <$t>::from_le_bytes(head.try_into().expect("the slice has the size of the number"))
            }
        }
    )+ };
}
records!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);
impl<A: Record, B: Record> Record for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Self {
        (A::read(bytes), B::read(bytes))
    }
}
impl<R: Record, const N: usize> Record for [R; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.iter().for_each(|r| r.write(bytes));
    }
    fn read(bytes: &mut &[u8]) -> Self {
        std::array::from_fn(|_| R::read(bytes))
    }
}

/// The records of a set on one rank: a `Vec<R>` whose type is erased.
pub(crate) type ErasedRecords = Box<dyn Any + Send + Sync>;

/// Returns the records as a vector of their own type.
pub(crate) fn typed<R: Record>(records: &ErasedRecords) -> &Vec<R> {
    records.downcast_ref().expect("programs check the type of records")
}

/// Returns the records as a mutable vector of their own type.
pub(crate) fn typed_mut<R: Record>(records: &mut ErasedRecords) -> &mut Vec<R> {
    records.downcast_mut().expect("programs check the type of records")
}

/// The declaration of a set of records, with functions that are specialised to the record type.
#[derive(Clone)]
pub(crate) struct RecordDeclaration {
    pub name: String,
    pub record: TypeId,
    /// Returns the initial records of a rank, from the rank and the number of ranks.
    pub initial: Arc<dyn Fn(usize, usize) -> ErasedRecords + Send + Sync>,
    /// Returns the sum of the hashes of all records, which does not depend on their order.
    pub hash: fn(&ErasedRecords) -> i64,
    /// Returns the number of records, and their bytes.
    pub write: fn(&ErasedRecords) -> (usize, Vec<u8>),
    /// Appends records, read from their bytes.
    pub append: fn(&mut ErasedRecords, &[u8]),
    /// Returns an empty set.
    pub empty: fn() -> ErasedRecords,
}

impl RecordDeclaration {
    pub fn new<R: Record>(
        name: &str,
        initial: impl Fn(usize, usize) -> Vec<R> + Send + Sync + 'static,
    ) -> RecordDeclaration {
        RecordDeclaration {
            name: name.into(),
            record: TypeId::of::<R>(),
            initial: Arc::new(move |rank, size| Box::new(initial(rank, size))),
            hash: |records| {
                let (mut bytes, mut sum) = (vec![], 0_i64);
                for record in typed::<R>(records) {
                    bytes.clear();
                    record.write(&mut bytes);
                    sum = sum.wrapping_add(xxhash_rust::xxh3::xxh3_64(&bytes) as i64);
                }
                sum
            },
            write: |records| {
                let (mut bytes, records) = (vec![], typed::<R>(records));
                records.iter().for_each(|record| record.write(&mut bytes));
                (records.len(), bytes)
            },
            append: |records, mut bytes| {
                let records = typed_mut::<R>(records);
                while !bytes.is_empty() {
                    records.push(R::read(&mut bytes));
                }
            },
            empty: || Box::new(Vec::<R>::new()),
        }
    }
}

/// Removes all records of a rank and returns their bytes by target rank; the second argument is the number of ranks.
pub(crate) type ScatterFn = Arc<dyn Fn(&mut ErasedRecords, usize) -> Vec<Vec<u8>> + Send + Sync>;

/// Passes a number of every record to the second argument, which sums them.
pub(crate) type SumFn = Arc<dyn Fn(&ErasedRecords, &mut dyn FnMut(f64)) + Send + Sync>;

/// The work of a stage on a set of records.
#[derive(Clone)]
pub(crate) enum RecordWork {
    /// Moves records to the rank that each belongs to.
    Scatter(ScatterFn),
    /// Changes a rank's own records.
    Update(Arc<dyn Fn(&mut ErasedRecords) + Send + Sync>),
    /// Sums a number of every record over all ranks.
    Sum(SumFn),
}
