//! [`Stations`]: the values of fields at positions, interpolated on the rank that owns the first cell around each position.
use super::column::Column;
use crate::base::hyperslab::Selection;
use crate::base::{Region, Result};
use crate::comm::{Comm, Link};
use crate::engine::{Fields, extract};
use crate::model::interpolation::weights;
use std::collections::BTreeMap;

/// A cell of this rank: column, patch and index.
struct Cell {
    column: usize,
    patch: usize,
    cell: Region,
}

/// Where the value of a cell around a station is.
enum Place {
    Here(Cell),
    /// In the message of a peer: number of the peer, number of the value.
    Sent(usize, usize),
}

/// The weights and places of the values around a station, in the order of cells.
type Terms = Vec<(f64, Place)>;

/// Stations of this rank with consecutive numbers.
struct Run {
    first: usize,
    stations: Vec<Terms>,
}

/// The stations of this rank, and the messages that bring it the values of other ranks around them.
pub struct Stations {
    /// The number of stations on all ranks.
    pub count: usize,
    /// By column, the stations of this rank.
    columns: Vec<Vec<Run>>,
    /// By peer to which this rank sends, the cells whose values it sends.
    sent: Vec<Vec<Cell>>,
    /// The number of peers from which this rank receives values.
    peers: usize,
    link: Option<Box<dyn Link>>,
}

impl Stations {
    /// Finds the cells around positions (z, y, x in m) for every column. Collective.
    ///
    /// # Errors
    /// If a position is outside the grid.
    pub fn new(comm: &Comm, store: &Fields, columns: &[Column], positions: &[[f64; 3]]) -> Result<Stations> {
        let (me, mut all) = (comm.rank(), vec![]);
        let mut sent: BTreeMap<usize, Vec<Cell>> = BTreeMap::new();
        let mut received: BTreeMap<usize, usize> = BTreeMap::new();
        for (c, column) in columns.iter().enumerate() {
            let (grid, domain) = (store.grid_of(column.field), store.domain_of(column.field));
            let location = store.declared().fields[column.field].location;
            let mut own: Vec<Run> = vec![];
            for (number, position) in positions.iter().enumerate() {
                let around = weights(grid, 0, location, *position)?.into_iter().map(|w| {
                    let cell = Region::of([1; 3]).shift(w.index.map(|i| i as isize));
                    let (rank, patch, _) = domain.owners(w.block, &cell)[0];
                    (w.weight, rank, Cell { column: c, patch, cell })
                });
                let around: Vec<_> = around.collect();
                let home = around[0].1;
                let mut terms = vec![];
                for (weight, rank, cell) in around {
                    match (home == me, rank == me) {
                        (true, true) => terms.push((weight, Place::Here(cell))),
                        (true, false) => {
                            let count = received.entry(rank).or_default();
                            terms.push((weight, Place::Sent(rank, *count)));
                            *count += 1;
                        }
                        (false, true) => sent.entry(home).or_default().push(cell),
                        (false, false) => {}
                    }
                }
                if home == me {
                    match own.last_mut().filter(|run| run.first + run.stations.len() == number) {
                        Some(run) => run.stations.push(terms),
                        None => own.push(Run { first: number, stations: vec![terms] }),
                    }
                }
            }
            all.push(own);
        }
        let peers: Vec<usize> = received.keys().copied().collect();
        for (_, place) in all.iter_mut().flatten().flat_map(|run| &mut run.stations).flatten() {
            if let Place::Sent(peer, _) = place {
                *peer = peers.partition_point(|rank| rank < peer);
            }
        }
        const BYTES: usize = size_of::<f64>();
        let tag = comm.new_tag();
        let sends: Vec<_> = sent.iter().map(|(rank, cells)| (*rank, BYTES * cells.len())).collect();
        let receives: Vec<_> = received.iter().map(|(rank, count)| (*rank, BYTES * count)).collect();
        let link = (!sends.is_empty() || !receives.is_empty()).then(|| comm.link(tag, &sends, &receives));
        Ok(Stations {
            count: positions.len(),
            columns: all,
            sent: sent.into_values().collect(),
            peers: peers.len(),
            link,
        })
    }

    /// The boxes of this rank's stations for a column: the number of the first station, and how many there are.
    pub fn boxes(&self, column: usize) -> impl Iterator<Item = Selection> {
        self.columns[column].iter().map(|run| (vec![run.first], vec![run.stations.len()]))
    }

    /// Returns the values at this rank's stations, by column and box. Collective.
    pub fn sample(&mut self, store: &Fields, columns: &[Column]) -> Vec<Vec<Vec<f64>>> {
        let value = |at: &Cell| {
            let column = &columns[at.column];
            extract::values(&store.arrays(column.field)[at.patch], &at.cell, column.part)[0]
        };
        let mut arrived: Vec<Vec<f64>> = vec![];
        if let Some(link) = &mut self.link {
            for (peer, cells) in self.sent.iter().enumerate() {
                let bytes = link.outgoing(peer).as_chunks_mut().0.iter_mut();
                bytes.zip(cells).for_each(|(bytes, cell)| *bytes = value(cell).to_ne_bytes());
            }
            link.start();
            link.finish();
            let numbers =
                |peer: usize| link.incoming(peer).as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect();
            arrived = (0..self.peers).map(numbers).collect();
        }
        let term = |(weight, place): &(f64, Place)| {
            weight
                * match place {
                    Place::Here(cell) => value(cell),
                    Place::Sent(peer, number) => arrived[*peer][*number],
                }
        };
        // In the order of cells, and without a zero to begin with, which would turn −0 into 0.
        let sum = |terms: &Terms| terms.iter().map(term).reduce(|sum, term| sum + term).unwrap_or(f64::NAN);
        let values = |run: &Run| run.stations.iter().map(sum).collect();
        self.columns.iter().map(|runs| runs.iter().map(values).collect()).collect()
    }
}
