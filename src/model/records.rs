//! Records: data without a grid, moved between ranks by key.
use std::any::Any;
use std::any::TypeId;
use std::sync::Arc;

/// A value that can travel as bytes.
pub trait Record: Clone + Send + Sync + 'static {
    /// Appends the bytes of the record; always the same number.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes a record from the front of the bytes.
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
                <$t>::from_le_bytes(head.try_into().expect("as many bytes as the number has"))
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

/// The records as a vector of their own type.
pub(crate) fn typed<R: Record>(records: &ErasedRecords) -> &Vec<R> {
    records.downcast_ref().expect("programs check the type of records")
}

/// The same, to be changed.
pub(crate) fn typed_mut<R: Record>(records: &mut ErasedRecords) -> &mut Vec<R> {
    records.downcast_mut().expect("programs check the type of records")
}

/// A set of records as declared, with the functions that know their type.
#[derive(Clone)]
pub(crate) struct RecordDeclaration {
    pub name: String,
    pub record: TypeId,
    /// The first records of rank `.0` of `.1`.
    pub initial: Arc<dyn Fn(usize, usize) -> ErasedRecords + Send + Sync>,
    /// The sum of the hashes of all records, which does not depend on their order.
    pub hash: fn(&ErasedRecords) -> i64,
    /// How many there are, and their bytes.
    pub write: fn(&ErasedRecords) -> (usize, Vec<u8>),
    /// Appends the records of some bytes.
    pub append: fn(&mut ErasedRecords, &[u8]),
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

/// What a stage does with a set of records.
#[derive(Clone)]
pub(crate) enum RecordWork {
    /// Takes all records out, as bytes by the rank that each belongs to, out of so many.
    Scatter(Arc<dyn Fn(&mut ErasedRecords, usize) -> Vec<Vec<u8>> + Send + Sync>),
    /// Changes a rank's own records.
    Update(Arc<dyn Fn(&mut ErasedRecords) + Send + Sync>),
    /// Gives a number of every record, to be summed.
    Sum(Arc<dyn Fn(&ErasedRecords, &mut dyn FnMut(f64)) + Send + Sync>),
}
