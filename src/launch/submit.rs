//! `halocline submit`: writes a Slurm batch script from the template `scripts/slurm/run.sbatch` and submits it.
use crate::base::{Error, Result};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The template of all batch scripts.
const TEMPLATE: &str = include_str!("../../scripts/slurm/run.sbatch");

/// A Slurm batch job.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The name of the job.
    pub name: String,
    /// Nodes that the run uses.
    pub nodes: usize,
    /// Additional nodes, used when another node fails.
    pub spare: usize,
    /// Ranks on each node.
    pub ranks_per_node: usize,
    /// CPUs of each rank. `None`: nodes are not shared, and their ranks divide all CPUs.
    pub cores_per_rank: Option<usize>,
    /// The time limit as Slurm writes it: `01:30:00`.
    pub time: String,
    /// Seconds before the time limit at which the run receives the signal to save its state.
    pub margin: u32,
    /// The arguments of `halocline run`, without `--output`.
    pub arguments: Vec<String>,
    /// The run directory.
    pub output: PathBuf,
    /// For a job array: a key of the job file, and its value in each job.
    pub array: Option<(String, Vec<String>)>,
    /// Further options of `sbatch`, each as one `#SBATCH` line.
    pub site: Vec<String>,
}

impl Batch {
    /// The batch script, which starts the executable `program`.
    pub fn script(&self, program: &Path) -> String {
        let directory = quoted(&self.output.display().to_string());
        let mut text = String::from(
            "#!/bin/bash\n# Written by `halocline submit`. It can be edited and submitted again with `sbatch`.\n",
        );
        let log = self.log(if self.array.is_some() { "%A_%a" } else { "%j" });
        let (nodes, ranks) = (self.nodes, self.ranks_per_node);
        let ours: [(&str, String); 6] = [
            ("job-name", quoted(&self.name)),
            ("nodes", (nodes + self.spare).to_string()),
            ("ntasks-per-node", ranks.to_string()),
            ("time", quoted(&self.time)),
            ("signal", format!("B:USR1@{}", self.margin)),
            ("output", quoted(&log)),
        ];
        let directives = TEMPLATE.lines().filter_map(|line| line.strip_prefix("#SBATCH --"));
        for directive in directives {
            let (name, value) =
                directive.split_once('=').map_or((directive, None), |(name, value)| (name, Some(value)));
            if let ("exclusive", Some(cores)) = (name, self.cores_per_rank) {
                let _ = writeln!(text, "#SBATCH --cpus-per-task={cores}");
                continue;
            }
            let value = ours.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).or(value);
            let _ = writeln!(text, "#SBATCH --{name}{}", value.map_or(String::new(), |value| format!("={value}")));
        }
        if let Some((_, values)) = &self.array {
            let _ = writeln!(text, "#SBATCH --array=0-{}", values.len() - 1);
        }
        if self.spare > 0 {
            text += "#SBATCH --no-kill\n";
        }
        self.site.iter().for_each(|option| _ = writeln!(text, "#SBATCH {}", directive_of(option)));
        text.push('\n');
        let arguments: Vec<String> = self.arguments.iter().map(|a| quoted(a)).collect();
        match &self.array {
            None => _ = writeln!(text, "arguments=({} --output {directory})", arguments.join(" ")),
            Some((key, values)) => {
                let values: Vec<String> = values.iter().map(|v| quoted(v)).collect();
                let _ = writeln!(text, "values=({})", values.join(" "));
                let _ = writeln!(text, "value=${{values[$SLURM_ARRAY_TASK_ID]}}");
                let key = quoted(key);
                let own = format!("{directory}/{key}=\"${{value//\\//_}}\"");
                let _ = writeln!(text, "arguments=({} {key}=\"$value\" --output {own})", arguments.join(" "));
            }
        }
        let _ = writeln!(text, "HALOCLINE=${{HALOCLINE:-{}}}", quoted(&program.display().to_string()));
        let rest = TEMPLATE.split_once("arguments=(\"$@\")\n").map_or("", |(_, rest)| rest);
        text + &rest.replace("${SPARE:-0}", &self.spare.to_string())
    }

    /// Writes the script beside the run directory and submits it with `sbatch`; with `print_only` does neither. Returns the
    /// text to print.
    ///
    /// # Errors
    /// If the time limit or the margin is wrong, if the script cannot be written, or if `sbatch` is missing or rejects it.
    pub fn submit(&self, print_only: bool) -> Result<String> {
        if let Some(text) = self.texts().find(|text| text.contains(char::is_control)) {
            let what =
                format!("{text:?}: a batch script cannot hold this text, which has a line break or control character");
            return Err(Error::input(what).remedy("choose another name or value"));
        }
        self.check_time()?;
        let program = std::env::current_exe()
            .map_err(|e| Error::failure(format!("cannot find the path of this program: {e}")))?;
        let script = self.script(&program);
        if print_only {
            return Ok(script);
        }
        let path = self.beside(".sbatch");
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|e| Error::file("create", folder, e).as_input())?;
        fs::write(&path, &script).map_err(|e| Error::file("write", &path, e).as_input())?;
        let submitted = Command::new("sbatch").arg("--parsable").arg(&path).output();
        let submitted = submitted.map_err(|e| {
            Error::failure(format!("cannot start sbatch: {e}"))
                .remedy(format!("the script is {}: submit it on a machine with Slurm", path.display()))
        })?;
        if !submitted.status.success() {
            let why = String::from_utf8_lossy(&submitted.stderr).trim().to_owned();
            return Err(
                Error::input(why).remedy(format!("change {} or the options, then submit again", path.display()))
            );
        }
        let id = String::from_utf8_lossy(&submitted.stdout).trim().split(';').next().unwrap_or_default().to_owned();
        let log = self.log(&if self.array.is_some() { format!("{id}_0") } else { id.clone() });
        Ok(format!(
            "{script}\nsubmitted as job {id}: {}\n  squeue -j {id}        shows its place in the queue\n  tail -F {}\n  \
             scancel {id}          ends it; `halocline resume` continues from its last checkpoint\n",
            path.display(),
            log.replace("%%", "%")
        ))
    }

    /// Checks that the time limit is one that Slurm can read, and that the signal comes after the start of the job.
    fn check_time(&self) -> Result<()> {
        let time = &self.time;
        if ["unlimited", "infinite"].contains(&&*time.to_lowercase()) {
            return Ok(());
        }
        let Some(seconds) = seconds_of(time).filter(|seconds| *seconds > 0) else {
            return Err(Error::input(format!("--time {time}: this is not a time limit"))
                .remedy("give minutes, MINUTES:SECONDS, HOURS:MINUTES:SECONDS or DAYS-HOURS[:MINUTES[:SECONDS]]"));
        };
        let margin = u64::from(self.margin);
        if margin < seconds {
            return Ok(());
        }
        Err(Error::input(format!(
            "--margin {margin}: the time limit {time} is only {seconds} s, so the run would end at once"
        ))
        .remedy("give a shorter margin or a longer time"))
    }

    /// All texts that users have chosen.
    fn texts(&self) -> impl Iterator<Item = String> {
        let array = self.array.iter().flat_map(|(key, values)| std::iter::once(key).chain(values));
        let all = [&self.name, &self.time].into_iter().chain(&self.arguments).chain(array).chain(&self.site).cloned();
        all.chain([self.output.display().to_string()])
    }

    /// The path of a file beside the run directory, which must be empty when the run starts.
    fn beside(&self, ending: &str) -> PathBuf {
        // A path that ends in a slash or in `.` is the same directory.
        let output: PathBuf = self.output.components().collect();
        let mut name = match output.file_name() {
            Some(_) => output.into_os_string(),
            // `.` and `..` have no name that a file could stand beside.
            None => {
                fs::canonicalize(&output).or_else(|_| std::path::absolute(&output)).unwrap_or(output).into_os_string()
            }
        };
        name.push(ending);
        name.into()
    }

    /// The path of the log, with `id` as Slurm writes the number of a job; otherwise it reads `%` as the sign before a letter.
    fn log(&self, id: &str) -> String {
        format!("{}-{id}.log", self.beside("").display().to_string().replace('%', "%%"))
    }
}

/// A time limit in seconds, as Slurm reads it; none for other texts.
fn seconds_of(time: &str) -> Option<u64> {
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    let (days, clock) = match time.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, time),
    };
    let numbers = clock.split(':').map(number).collect::<Option<Vec<u64>>>()?;
    let [hours, minutes, seconds] = match (days, numbers[..].as_ref()) {
        (Some(_), [hours, rest @ ..]) if *hours < 24 && rest.len() <= 2 => {
            [*hours, *rest.first().unwrap_or(&0), *rest.get(1).unwrap_or(&0)]
        }
        // Only the first number may be larger than a clock shows.
        (None, [minutes, rest @ ..]) if rest.len() <= 1 => [*minutes / 60, *minutes % 60, *rest.first().unwrap_or(&0)],
        (None, &[hours, minutes, seconds]) => [hours, minutes, seconds],
        _ => return None,
    };
    let in_hours = days.unwrap_or(0).checked_mul(24)?.checked_add(hours)?;
    let is_clock = minutes < 60 && seconds < 60;
    is_clock.then(|| in_hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)).flatten()
}

/// An option of `sbatch` as a directive: the value of a long option is one word.
fn directive_of(option: &str) -> String {
    let is_quoted =
        |value: &str| value.len() > 1 && ['\'', '"'].iter().any(|q| value.starts_with(*q) && value.ends_with(*q));
    match option.split_once('=') {
        Some((name, value))
            if name.starts_with("--") && !name.contains(' ') && !is_quoted(value) && !value.is_empty() =>
        {
            format!("{name}={}", quoted(value))
        }
        _ => option.to_owned(),
    }
}

/// Quotes a text as one word for the shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch {
            name: "heat".into(),
            nodes: 2,
            spare: 0,
            ranks_per_node: 8,
            cores_per_rank: Some(4),
            time: "02:00:00".into(),
            margin: 300,
            arguments: vec!["heat.toml".into(), "time.end=40 step".into()],
            output: "runs/heat".into(),
            array: None,
            site: vec!["--partition=long".into()],
        }
    }

    #[test]
    fn the_script_is_the_filled_template() {
        let script = batch().script(Path::new("/opt/halocline"));
        for line in [
            "#!/bin/bash",
            "#SBATCH --job-name=heat",
            "#SBATCH --nodes=2",
            "#SBATCH --ntasks-per-node=8",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --time=02:00:00",
            "#SBATCH --signal=B:USR1@300",
            "#SBATCH --requeue",
            "#SBATCH --output=runs/heat-%j.log",
            "#SBATCH --open-mode=append",
            "#SBATCH --partition=long",
            "arguments=(heat.toml 'time.end=40 step' --output runs/heat)",
            "HALOCLINE=${HALOCLINE:-/opt/halocline}",
            "spare=0",
            "\"$halocline\" supervise \"${watch[@]}\" -- $launch \"$halocline\" run \"${arguments[@]}\" &",
            "    scontrol requeue \"$SLURM_JOB_ID\"",
        ] {
            assert!(script.lines().any(|l| l == line), "{line} in\n{script}");
        }
        assert!(!script.contains("\"$@\""));
        // Only comments precede the last directive: Slurm stops reading directives at the first command.
        let lines: Vec<&str> = script.lines().collect();
        let last = lines.iter().rposition(|l| l.starts_with("#SBATCH")).unwrap();
        assert!(lines[..last].iter().all(|l| l.starts_with('#')));
    }

    #[test]
    fn spare_nodes_are_requested_and_not_used() {
        let script = Batch { spare: 1, ..batch() }.script(Path::new("h"));
        for line in ["#SBATCH --nodes=3", "#SBATCH --no-kill", "spare=1", "nodes=$((SLURM_JOB_NUM_NODES - spare))"] {
            assert!(script.lines().any(|l| l == line), "{line} in\n{script}");
        }
    }

    #[test]
    fn an_array_has_a_directory_for_each_value() {
        let values = vec!["0.1".to_owned(), "it's".to_owned()];
        let script = Batch { array: Some(("parameters.kappa".into(), values)), ..batch() }.script(Path::new("h"));
        assert!(script.contains("#SBATCH --array=0-1\n") && script.contains("runs/heat-%A_%a.log"), "{script}");
        assert!(script.contains("values=(0.1 'it'\\''s')\nvalue=${values[$SLURM_ARRAY_TASK_ID]}\n"), "{script}");
        let arguments = r#"parameters.kappa="$value" --output runs/heat/parameters.kappa="${value//\//_}")"#;
        assert!(script.contains(arguments), "{script}");
    }

    #[test]
    fn options_of_the_site_are_one_word_each() {
        for (option, line) in [
            ("--comment=long run of Ann", "--comment='long run of Ann'"),
            ("--constraint=a&b", "--constraint='a&b'"),
            ("--comment='a b'", "--comment='a b'"),
            ("--partition=long", "--partition=long"),
            ("-p long", "-p long"),
            ("--contiguous", "--contiguous"),
        ] {
            let script = Batch { site: vec![option.into()], ..batch() }.script(Path::new("h"));
            assert!(script.lines().any(|l| l == format!("#SBATCH {line}")), "{line} in\n{script}");
        }
    }

    #[test]
    fn times_are_those_that_slurm_reads() {
        let times = ["90", "90:30", "01:30:00", "100:00:05", "1-2", "1-2:03", "1-02:03:04"];
        let seconds = [5400, 5430, 5400, 360_005, 93_600, 93_780, 93_784];
        assert_eq!(times.map(seconds_of), seconds.map(Some));
        for time in [
            "",
            "abc",
            "1:99:00",
            "1:00:60",
            "1-24",
            "1-",
            "-1",
            "1:",
            "1:2:3:4",
            "+1",
            "0",
            "0:00",
            "99999999999999999999",
        ] {
            let error = Batch { time: time.into(), ..batch() }.submit(true).unwrap_err();
            assert!(error.what().starts_with("--time") && error.exit_code() == 2, "{time}: {error}");
        }
        let with = |time: &str, margin| Batch { time: time.into(), margin, ..batch() }.submit(true);
        assert!(with("5", 300).unwrap_err().what().starts_with("--margin 300"));
        assert!(with("5:01", 300).is_ok() && with("UNLIMITED", 300).is_ok());
    }

    #[test]
    fn without_a_number_of_cores_whole_nodes_are_used() {
        let script = Batch { cores_per_rank: None, ..batch() }.script(Path::new("h"));
        assert!(script.contains("#SBATCH --exclusive\n") && !script.contains("#SBATCH --cpus-per-task"), "{script}");
        assert!(!batch().script(Path::new("h")).contains("#SBATCH --exclusive"));
    }

    #[test]
    fn names_are_quoted_and_files_lie_beside_the_run_directory() {
        let batch = |output: &str| Batch { name: "a b's".into(), output: output.into(), ..batch() };
        let script = batch("my runs/50%/").script(Path::new("/opt/my programs/h"));
        for line in [
            r"#SBATCH --job-name='a b'\''s'",
            "#SBATCH --output='my runs/50%%-%j.log'",
            "arguments=(heat.toml 'time.end=40 step' --output 'my runs/50%/')",
            "HALOCLINE=${HALOCLINE:-'/opt/my programs/h'}",
        ] {
            assert!(script.lines().any(|l| l == line), "{line} in\n{script}");
        }
        assert_eq!(batch("runs/a/").beside(".sbatch"), Path::new("runs/a.sbatch"));
        assert_eq!(batch("runs/a/.").beside(".sbatch"), Path::new("runs/a.sbatch"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            batch(".").beside(".sbatch"),
            here.with_file_name(format!("{}.sbatch", here.file_name().unwrap().to_str().unwrap()))
        );
        let split = Batch { name: "a\nrm".into(), ..batch("b") }.submit(true).unwrap_err();
        assert_eq!(split.exit_code(), 2);
    }
}
