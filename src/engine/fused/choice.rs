//! How many steps are fused, and on tiles of how many rows: measured on the first steps of the run, since any choice gives
//! the same bits.

/// Times that each candidate is tried, and those that come close to the best.
const TRIES: usize = 2;
const FINAL_TRIES: usize = 4;
/// How close, as a ratio of times.
const CLOSE: f64 = 1.1;

/// A number of steps, 1 for stage by stage, and rows of a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub steps: usize,
    pub rows: usize,
    tries: usize,
    /// The least seconds a step.
    best: f64,
}

/// Candidates, and what is known of them.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    all: Vec<Candidate>,
}

impl Choice {
    /// Between numbers of steps and rows; all but one are to be measured.
    pub fn between(candidates: impl IntoIterator<Item = (usize, usize)>) -> Choice {
        let candidate = |(steps, rows)| Candidate { steps, rows, tries: 0, best: f64::INFINITY };
        Choice { all: candidates.into_iter().map(candidate).collect() }
    }

    fn best(&self) -> usize {
        let order = |a: &usize, b: &usize| self.all[*a].best.total_cmp(&self.all[*b].best);
        (0..self.all.len()).min_by(order).unwrap_or(0)
    }

    /// The candidate to be tried next, if it is not settled.
    fn untried(&self) -> Option<usize> {
        if self.all.len() < 2 {
            return None;
        }
        let few = |tries: usize| move |c: &Candidate| c.tries < tries;
        let limit = self.all[self.best()].best * CLOSE;
        let close = |c: &Candidate| c.best <= limit && few(FINAL_TRIES)(c);
        self.all.iter().position(few(TRIES)).or_else(|| self.all.iter().position(close))
    }

    /// True once there is nothing more to measure.
    pub fn is_settled(&self) -> bool {
        self.untried().is_none()
    }

    /// What to do next, and its number.
    pub fn next(&self) -> (usize, Candidate) {
        let next = self.untried().unwrap_or_else(|| self.best());
        (next, self.all[next])
    }

    /// The best so far.
    pub fn settled(&self) -> Candidate {
        self.all[self.best()]
    }

    /// Takes note of the seconds that a step of a candidate took, on the slowest rank.
    pub fn measured(&mut self, candidate: usize, seconds: f64) {
        let c = &mut self.all[candidate];
        c.tries += 1;
        c.best = c.best.min(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_is_found_though_first_tries_are_slow() {
        let mut choice = Choice::between([(1, 0), (2, 64), (4, 64), (4, 32)]);
        let mut tried = 0;
        while !choice.is_settled() {
            let (number, c) = choice.next();
            let warm = if c.tries == 0 { 9.0 } else { 0.0 };
            choice.measured(number, 1.0 / c.steps as f64 + c.rows as f64 / 1e3 + warm);
            tried += 1;
        }
        assert_eq!((choice.settled().steps, choice.settled().rows), (4, 32));
        assert_eq!(tried, 4 * TRIES + 2 * (FINAL_TRIES - TRIES), "two came close");
        assert!(Choice::between([(3, 9)]).is_settled());
    }
}
