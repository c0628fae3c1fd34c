//! `halocline supervise`: finds the run in the command of an attempt. All words before the run belong to the launcher.
use super::arguments::{Arguments, Command, RunArguments, SuperviseArguments};
use super::start::default_directory;
use crate::base::{Error, Result};
use crate::config::WallTime;
use crate::launch::supervise::{HOSTS, Hosts, RANKS, Supervisor};
use clap::Parser;
use std::num::NonZeroUsize;

/// The supervisor that the arguments describe.
///
/// # Errors
/// If no run directory is given, two are, the run would overwrite its directory, or `--nodes` exceeds the hosts.
pub(super) fn supervisor(arguments: SuperviseArguments) -> Result<Supervisor> {
    let SuperviseArguments { dir, ranks, hosts, nodes, probe, patience: WallTime(patience), mut command } = arguments;
    let found = run_of(&command);
    let (mut output, mut default) = (None, None);
    if let Some((at, run)) = found {
        if run.force {
            return Err(Error::input("the command of `supervise` holds --force: each attempt would begin anew")
                .remedy(
                    "leave --force away, and remove the earlier run or choose another directory with --output DIR",
                ));
        }
        default = Some(default_directory(&run.job.file));
        output = run.output;
        without_options(&mut command, at);
    }
    let output = match (dir, output) {
        (Some(dir), Some(output)) if dir != output => {
            let what = format!("two run directories: {} and --output {}", dir.display(), output.display());
            return Err(Error::input(what).remedy("leave one away"));
        }
        (dir, output) => dir.or(output).or(default),
    };
    let Some(output) = output else {
        return Err(Error::input("no run directory is given").remedy("name it: halocline supervise DIR …"));
    };
    let hosts = NonZeroUsize::new(hosts.len()).map(|all| Hosts { names: hosts, used: nodes.unwrap_or(all), probe });
    if let Some(Hosts { names, used, .. }) = &hosts
        && used.get() > names.len()
    {
        return Err(Error::input(format!("--nodes {used}, but --hosts names only {}", names.len())));
    }
    Ok(Supervisor { output, ranks, hosts, patience, command })
}

/// The last part of a command that is a valid `run FILE …`: the index of the word `run`, and its arguments.
fn run_of(command: &[String]) -> Option<(usize, RunArguments)> {
    let filled = |word: &String| word.replace(RANKS, "1").replace(HOSTS, "host");
    // Launchers have words and options of their own, some of the same names: `flux run --output log.txt halocline run FILE`.
    command.iter().enumerate().rev().filter(|(_, word)| *word == "run").find_map(|(at, _)| {
        let words = std::iter::once("halocline".into()).chain(command[at..].iter().map(filled));
        match Arguments::try_parse_from(words).ok()?.command {
            Command::Run(run) => Some((at, run)),
            _ => None,
        }
    })
}

/// Removes `--output` and `--resume` after the word `at`: the supervisor adds its own.
fn without_options(command: &mut Vec<String>, at: usize) {
    let mut i = at;
    while i < command.len() {
        let words = match command[i].as_str() {
            "--output" => 2,
            "--resume" => 1,
            word if word.starts_with("--output=") => 1,
            _ => 0,
        };
        command.drain(i..(i + words).min(command.len()));
        i += usize::from(words == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Result<Supervisor> {
        let all = ["halocline", "supervise"].into_iter().chain(words.split(' '));
        match Arguments::try_parse_from(all).unwrap().command {
            Command::Supervise(arguments) => supervisor(arguments),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn the_options_of_a_launcher_stay_with_it() {
        for (words, output, command) in [
            ("-- halocline run a.toml", "runs/a", "halocline run a.toml"),
            ("-- halocline run --threads 1 a.toml", "runs/a", "halocline run --threads 1 a.toml"),
            ("-- halocline run --output=X a.toml", "X", "halocline run a.toml"),
            ("-- halocline run a.toml --output X --resume --trace", "X", "halocline run a.toml --trace"),
            ("D -- halocline run a.toml --output D", "D", "halocline run a.toml"),
            (
                "-- srun --output log.txt halocline run a.toml time.end=3",
                "runs/a",
                "srun --output log.txt halocline run a.toml time.end=3",
            ),
            ("-- srun --output=log h run a.toml --output X", "X", "srun --output=log h run a.toml"),
            ("-- flux run --output log h run a.toml", "runs/a", "flux run --output log h run a.toml"),
            ("-- mpirun -n {ranks} h run b/run --output run", "run", "mpirun -n {ranks} h run b/run"),
            ("-- h run --ranks {ranks} run", "runs/run", "h run --ranks {ranks} run"),
            ("D -- ./start --output log", "D", "./start --output log"),
        ] {
            let supervisor = of(words).unwrap();
            assert_eq!((supervisor.output, supervisor.command.join(" ")), (output.into(), command.into()), "{words}");
        }
    }

    #[test]
    fn commands_without_a_run_or_with_two_directories_are_refused() {
        for (words, why) in [
            ("-- ./start --output log", "no run directory is given"),
            (
                "-- halocline run a.toml --force",
                "the command of `supervise` holds --force: each attempt would begin anew",
            ),
            ("D -- h run a.toml --output=X", "two run directories: D and --output X"),
            ("--nodes 2 --hosts a -- h run a.toml", "--nodes 2, but --hosts names only 1"),
        ] {
            let error = of(words).unwrap_err();
            assert_eq!((error.what(), error.exit_code()), (why, 2), "{words}");
        }
    }
}
