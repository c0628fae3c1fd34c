//! Chooses how many steps to fuse, and the number of rows of a tile, by measuring the first steps of the run: every choice
//! gives the same bits.

/// Measurements of each candidate, and of candidates close to the best.
const TRIES: usize = 2;
const FINAL_TRIES: usize = 6;
/// The ratio of times up to which a candidate is close to the best.
const CLOSE: f64 = 1.2;

/// A number of steps, 1 for stage by stage, and rows of a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine) struct Candidate {
    pub steps: usize,
    pub rows: usize,
    tries: usize,
    /// The least seconds per step measured so far.
    best: f64,
}

/// The candidates and their measurements.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    all: Vec<Candidate>,
}

impl Choice {
    /// A choice between numbers of steps and rows, none measured yet.
    pub fn between(candidates: impl IntoIterator<Item = (usize, usize)>) -> Choice {
        let candidate = |(steps, rows)| Candidate { steps, rows, tries: 0, best: f64::INFINITY };
        Choice { all: candidates.into_iter().map(candidate).collect() }
    }

    /// The fastest so far of the candidates that `may` accepts.
    fn best(&self, may: impl Fn(&Candidate) -> bool) -> Option<usize> {
        let order = |a: &usize, b: &usize| self.all[*a].best.total_cmp(&self.all[*b].best);
        (0..self.all.len()).filter(|&i| may(&self.all[i])).min_by(order)
    }

    /// The `open` candidate with the fewest measurements: candidates take turns, so that a temporary load on the machine affects
    /// all of them.
    fn least_tried(&self, open: impl Fn(&Candidate) -> bool) -> Option<usize> {
        (0..self.all.len()).filter(|&i| open(&self.all[i])).min_by_key(|&i| self.all[i].tries)
    }

    /// The next candidate to run, of at most `most` steps: its index, the candidate, and whether to measure it.
    pub fn next(&self, most: usize) -> (usize, Candidate, bool) {
        let fits = |c: &Candidate| c.steps <= most;
        let best = self.best(fits).unwrap_or(0);
        let limit = self.all[best].best * CLOSE;
        let untried = |c: &Candidate| fits(c) && c.tries < TRIES;
        let close = |c: &Candidate| fits(c) && c.best <= limit && c.tries < FINAL_TRIES;
        let open = self.least_tried(untried).or_else(|| self.least_tried(close));
        let alone = self.all.iter().filter(|c| fits(c)).count() < 2;
        let next = open.filter(|_| !alone).unwrap_or(best);
        (next, self.all[next], open.is_some() && !alone)
    }

    /// True once nothing is left to measure.
    pub fn is_settled(&self) -> bool {
        !self.next(usize::MAX).2
    }

    /// The fastest so far, if any was measured or there is only one.
    pub fn settled(&self) -> Option<Candidate> {
        match self.all.as_slice() {
            [only] => Some(*only),
            all => self.best(|c| c.tries > 0).map(|i| all[i]),
        }
    }

    /// Records the seconds that a step of a candidate took on the slowest rank.
    pub fn measured(&mut self, candidate: usize, seconds: f64) {
        let c = &mut self.all[candidate];
        c.tries += 1;
        c.best = c.best.min(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measures until the choice is settled, with a slow first measurement of each candidate. Returns the number of
    /// measurements.
    fn measure(choice: &mut Choice, most: usize) -> usize {
        let mut tried = 0;
        while let (number, c, true) = choice.next(most) {
            let warm = if c.tries == 0 { 9.0 } else { 0.0 };
            choice.measured(number, 1.0 / c.steps as f64 + c.rows as f64 / 1e3 + warm);
            tried += 1;
        }
        tried
    }

    #[test]
    fn slow_first_measurements_do_not_hide_the_fastest() {
        let mut choice = Choice::between([(1, 8), (2, 64), (4, 40), (4, 32)]);
        assert_eq!(choice.settled(), None);
        let tries = 4 * TRIES + 2 * (FINAL_TRIES - TRIES);
        assert_eq!(measure(&mut choice, 9), tries, "two came close");
        assert_eq!(choice.settled().map(|c| (c.steps, c.rows)), Some((4, 32)));
    }

    #[test]
    fn candidates_with_too_many_steps_are_skipped() {
        let mut choice = Choice::between([(1, 8), (2, 64), (4, 64)]);
        measure(&mut choice, 3);
        assert_eq!(choice.next(3).1.steps, 2);
        assert!(choice.next(4).2, "more steps are tried once they fit");
        assert!(!Choice::between([(3, 9)]).next(9).2, "there is nothing to choose");
    }
}
