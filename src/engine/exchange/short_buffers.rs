//! A transport, written in safe code, whose links have buffers of a wrong length: an exchange panics instead of writing or reading
//! past their end.
use super::*;
use crate::comm::{Direct, Pending, RawComm, Reduce, Threads, Transport, ranks};
use crate::model::grid::Grid;
use crate::program::copies;
use crate::program::domain::{Domain, Patch};
use halocline_kernels::{ElementType, Extent};
use std::rc::Rc;

struct ShortLink {
    sends: Vec<Vec<u8>>,
    receives: Vec<Vec<u8>>,
}

impl Link for ShortLink {
    fn outgoing(&mut self, i: usize) -> &mut [u8] {
        &mut self.sends[i]
    }
    fn start(&mut self) {}
    fn poll(&mut self) -> bool {
        true
    }
    fn finish(&mut self) {}
    fn incoming(&self, i: usize) -> &[u8] {
        &self.receives[i]
    }
}

struct ShortTransport {
    comm: Comm,
    /// Whether the buffers of sends, and not those of receives, are too short.
    short_sends: bool,
}

#[rustfmt::skip]
impl Transport for ShortTransport {
    fn rank(&self) -> usize { self.comm.rank() }
    fn size(&self) -> usize { self.comm.size() }
    fn kind(&self) -> &'static str { "short" }
    fn barrier(&self) { self.comm.barrier() }
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> { self.comm.all_gather(mine) }
    fn gather(&self, root: usize, mine: &[u8]) -> Option<Vec<Vec<u8>>> { self.comm.gather(root, mine) }
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) { self.comm.broadcast(root, bytes) }
    fn all_to_all(&self, to: Vec<Vec<u8>>) -> Vec<Vec<u8>> { self.comm.all_to_all(to) }
    fn reduce(&self, op: Reduce, values: &mut [i64]) { self.comm.reduce(op, values) }
    fn begin_reduce(&self, op: Reduce, values: Vec<i64>) -> Box<dyn Pending> { self.comm.begin_reduce(op, values) }
    fn link(&self, _: u32, sends: &[(usize, usize)], receives: &[(usize, usize)]) -> Box<dyn Link> {
        let buffers = |messages: &[(usize, usize)], short: bool| -> Vec<Vec<u8>> {
            messages.iter().map(|&(_, bytes)| vec![0; if short { 1 } else { bytes }]).collect()
        };
        Box::new(ShortLink { sends: buffers(sends, self.short_sends), receives: buffers(receives, !self.short_sends) })
    }
    fn direct(&self, tag: u32) -> Box<dyn Direct> { self.comm.direct(tag) }
    fn split(&self, colour: usize) -> Rc<dyn Transport> { unreachable!("the test does not split, by colour {colour}") }
    fn raw(&self) -> Option<RawComm> { None }
    fn abort(&self, code: i32) -> ! { self.comm.abort(code) }
}

#[test]
fn link_buffers_of_a_wrong_length_cause_a_panic() {
    for (short_sends, expected) in [(true, "length of send buffer 0"), (false, "length of receive buffer 0")] {
        let aborted = ranks(2, 1, |comm| {
            let transport = Rc::new(ShortTransport { comm, short_sends });
            let comm = Comm::new(transport, Rc::new(Threads::new(1)));
            let (grid, extent, me) = (Grid::new([8, 4, 4]), Extent::star(1), comm.rank());
            let domain = Domain::new(&grid, 2, None, [3; 3]).unwrap();
            let wanted = |rank: usize| -> Vec<Transfer> {
                let packed = |copy| Transfer {
                    copy,
                    from: 0,
                    to: 0,
                    negate: false,
                    element: ElementType::F64,
                    contiguous: false,
                };
                copies::halo(&grid, &domain, rank, &extent).into_iter().map(packed).collect()
            };
            let peers = copies::neighbours(&grid, &domain, me, &extent);
            let mut exchange = Exchange::new(&comm, ExchangePlan::new(me, &peers, wanted));
            let make = |patch: &Patch| Array::new(ElementType::F64, patch.region, [1; 3], [1; 3], [false; 3]);
            let arrays = [domain.patches(me).iter().map(make).collect::<Vec<_>>()];
            exchange.start(&comm, &arrays, &arrays);
            exchange.finish(&comm, &arrays);
        });
        let message = aborted.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
