//! The options of the command line.
use crate::cases::{CASES, Case};

pub struct Ask {
    cases: Vec<String>,
    rivals: Vec<String>,
    sizes: Vec<(String, usize)>,
    pub quick: bool,
    pub threads: usize,
    pub rounds: usize,
    /// The minimum duration of a measurement in seconds.
    pub least: f64,
    /// Name of the machine in the results.
    pub machine: Option<String>,
    /// The folder of the results.
    pub out: Option<String>,
}

pub const USAGE: &str = "cargo bench --bench suite -- [CASE…] [N | CASE=N…] [quick] [rounds=9] [least=0.25] [threads=ALL] \
                         [only=RIVAL,…] [machine=NAME] [out=FOLDER]";

impl Ask {
    pub fn read() -> Result<Ask, String> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
        let quick = words.iter().any(|w| w == "quick");
        let (rounds, least) = if quick { (7, 0.03) } else { (9, 0.25) };
        let (cases, rivals, sizes) = (vec![], vec![], vec![]);
        let mut ask = Ask { cases, rivals, sizes, quick, threads: cores, rounds, least, machine: None, out: None };
        for word in words {
            let number = |v: &str| v.parse::<usize>().ok().filter(|&n| n > 0).ok_or(format!("`{word}`: not a number"));
            match word.split_once('=') {
                Some(("rounds", v)) => ask.rounds = number(v)?,
                Some(("threads", v)) => ask.threads = number(v)?,
                Some(("least", v)) => {
                    ask.least = v.parse().map_err(|_| format!("`{word}`: not a number of seconds"))?
                }
                Some(("only", v)) => ask.rivals = v.split(',').map(str::to_lowercase).collect(),
                Some(("machine", v)) => ask.machine = Some(v.into()),
                Some(("out", v)) => ask.out = Some(v.into()),
                Some((case, v)) if CASES.iter().any(|c| c.name == case) => {
                    ask.sizes.push((case.into(), number(v)?));
                    ask.cases.push(case.into());
                }
                None if word == "quick" => (),
                None if CASES.iter().any(|c| c.name == word) => ask.cases.push(word),
                None if word.parse::<usize>().is_ok_and(|n| n > 0) => ask.sizes.push((String::new(), number(&word)?)),
                _ => return Err(format!("`{word}`: no such word")),
            }
        }
        Ok(ask)
    }

    pub fn wants(&self, case: &Case) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|c| c == case.name)
    }

    /// True if `only=` names the program or its first word, as in `only=halocline,c`; the copies always take part.
    pub fn wants_rival(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let first = name.split([' ', ',']).next().expect("a name");
        self.rivals.is_empty() || self.rivals.iter().any(|r| *r == name || r == first)
    }

    /// The size given on the command line, if any.
    pub fn given(&self, case: &Case) -> Option<usize> {
        let given = |name: &str| self.sizes.iter().rev().find(|(c, _)| c == name).map(|&(_, n)| n);
        given(case.name).or_else(|| given(""))
    }
}
