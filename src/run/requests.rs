//! [`Requests`]: what users and the batch system ask of a run in progress.
use crate::base::message::message;

/// The requests of one block of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// A checkpoint.
    pub checkpoint: bool,
    /// A replica of the state in the memory of the nodes.
    pub replica: bool,
    /// An instant of all output streams.
    pub output: bool,
    /// A clean stop.
    pub stop: bool,
    /// A clean stop, because the batch system will end the run soon.
    pub time_up: bool,
    /// A clean stop, because the run directory was moved or removed.
    pub moved: bool,
    /// A clean stop, to continue with this number of ranks; 0 if not requested.
    pub ranks: u32,
}

impl Requests {
    /// Packs the requests into one number, for a reduction.
    pub fn bits(self) -> i64 {
        i64::from(self.checkpoint)
            | i64::from(self.output) << 1
            | i64::from(self.stop) << 2
            | i64::from(self.replica) << 3
            | i64::from(self.time_up) << 4
            | i64::from(self.moved) << 5
            | i64::from(self.ranks) << 6
    }

    /// Unpacks a number of [`Requests::bits`].
    pub fn from_bits(bits: i64) -> Requests {
        let bit = |i: u32| bits >> i & 1 != 0;
        let ranks = (bits >> 6) as u32;
        Requests {
            checkpoint: bit(0),
            output: bit(1),
            stop: bit(2),
            replica: bit(3),
            time_up: bit(4),
            moved: bit(5),
            ranks,
        }
    }

    /// Adds the request in a line of the control file. An unknown request is a warning on stderr.
    pub fn add_line(&mut self, line: &str) {
        match line.trim() {
            "checkpoint_now" => self.checkpoint = true,
            "output_now" => self.output = true,
            "stop" => self.stop = true,
            "" => {}
            other => match other.split_once('=').map(|(key, n)| (key.trim(), n.trim().parse())) {
                Some(("ranks", Ok(n @ 1..))) => self.ranks = n,
                _ => message!(
                    "warning: control file: unknown request `{other}`; known are checkpoint_now, output_now, stop, ranks = N"
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_unpack_to_the_same_requests() {
        for bits in 0..256 {
            assert_eq!(Requests::from_bits(bits).bits(), bits);
        }
    }
}
