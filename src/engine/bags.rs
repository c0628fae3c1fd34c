//! Bags of records: data with no grid at all, moved between ranks by key.
use crate::base::Result;
use crate::comm::{Comm, Reduce};
use crate::engine::sums::{ExactSum, all_sum};
use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

/// A bag of records: a handle.
#[derive(Debug)]
pub struct Records<R> {
    id: usize,
    of: PhantomData<fn() -> R>,
}
impl<R> Clone for Records<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Records<R> {}
impl<R> Records<R> {
    pub(crate) fn handle(id: usize) -> Records<R> {
        Records { id, of: PhantomData }
    }
}

/// Something that can travel as bytes.
pub trait Record: Clone + Send + Sync + 'static {
    /// Appends its bytes; always the same number.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes it from the front of the bytes.
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

type Held = Box<dyn Any + Send + Sync>;

/// How a bag is filled at the start, its state hashed, and its records turned into bytes and back.
#[derive(Clone)]
pub struct RecordType {
    fill: Arc<dyn Fn(usize, usize) -> Held + Send + Sync>,
    hash: fn(&Held) -> i64,
    write: fn(&Held) -> (usize, Vec<u8>),
    read: fn(&[u8]) -> Held,
}
impl RecordType {
    pub(crate) fn new<R: Record>(filling: impl Fn(usize, usize) -> Vec<R> + Send + Sync + 'static) -> RecordType {
        RecordType {
            fill: Arc::new(move |rank, size| Box::new(filling(rank, size))),
            hash: |held| {
                let (mut bytes, mut sum) = (vec![], 0_i64);
                for record in held.downcast_ref::<Vec<R>>().expect("a bag of its own type") {
                    bytes.clear();
                    record.write(&mut bytes);
                    sum = sum.wrapping_add(xxhash_rust::xxh3::xxh3_64(&bytes) as i64);
                }
                sum
            },
            write: |held| {
                let (mut bytes, records) = (vec![], held.downcast_ref::<Vec<R>>().expect("a bag of its own type"));
                records.iter().for_each(|record| record.write(&mut bytes));
                (records.len(), bytes)
            },
            read: |mut bytes| {
                let mut records = vec![];
                while !bytes.is_empty() {
                    records.push(R::read(&mut bytes));
                }
                Box::new(records)
            },
        }
    }
}

/// The bags of a rank.
pub struct RecordStore {
    held: Vec<(Held, RecordType)>,
    /// What the last sum gave.
    pub(crate) result: f64,
}

impl RecordStore {
    pub(crate) fn new(comm: &Comm, fillings: &[(String, RecordType)]) -> RecordStore {
        let held = fillings.iter().map(|(_, f)| ((f.fill)(comm.rank(), comm.size()), f.clone()));
        RecordStore { held: held.collect(), result: 0.0 }
    }

    /// This rank's records.
    pub fn get<R: Record>(&self, bag: Records<R>) -> &Vec<R> {
        self.held[bag.id].0.downcast_ref().expect("a bag of its own type")
    }

    /// This rank's records, to be changed.
    pub fn get_mut<R: Record>(&mut self, bag: Records<R>) -> &mut Vec<R> {
        self.held[bag.id].0.downcast_mut().expect("a bag of its own type")
    }

    /// Sends every record to the rank `key modulo ranks`.
    pub(crate) fn scatter<R: Record>(&mut self, comm: &Comm, bag: Records<R>, key: &dyn Fn(&R) -> u64) -> Result<()> {
        let mut to = vec![vec![]; comm.size()];
        for record in self.get_mut(bag).drain(..) {
            record.write(&mut to[(key(&record) % comm.size() as u64) as usize]);
        }
        let records = self.get_mut(bag);
        for bytes in comm.all_to_all(to) {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                records.push(R::read(&mut rest));
            }
        }
        Ok(())
    }

    pub(crate) fn sum<R: Record>(&mut self, comm: &Comm, bag: Records<R>, f: &dyn Fn(&R) -> f64) {
        let mut sum = [ExactSum::new()];
        self.get(bag).iter().for_each(|r| sum[0].add(f(r)));
        all_sum(comm, &mut sum);
        self.result = sum[0].value();
    }

    /// Each bag's records on this rank: how many, and their bytes.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        self.held.iter().map(|(held, filling)| (filling.write)(held))
    }

    /// Fills a bag of this rank anew.
    pub(crate) fn refill(&mut self, bag: usize, bytes: &[u8]) {
        let (held, filling) = &mut self.held[bag];
        *held = (filling.read)(bytes);
    }

    /// An order-free hash of every bag's records, whatever rank holds them.
    pub(crate) fn hash(&self, comm: &Comm) -> Vec<u64> {
        let mut sums: Vec<i64> = self.held.iter().map(|(held, filling)| (filling.hash)(held)).collect();
        comm.reduce(Reduce::Sum, &mut sums);
        sums.into_iter().map(|s| s as u64).collect()
    }
}
