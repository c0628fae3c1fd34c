//! The batch script on a real Slurm cluster, a small one on this machine: jobs that are cut short go on by themselves and
//! end with the state of a run that nobody disturbed.
mod support;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use support::Ranks::Threads;
use support::{has_mpirun, patient, run, skipped, smoke, verified};
use tempfile::TempDir;

/// One cluster at a time: a machine has few cores.
static ALONE: Mutex<()> = Mutex::new(());

struct Cluster {
    folder: TempDir,
}

impl Cluster {
    /// A cluster of so many nodes; none where Slurm or MPI is not there.
    fn up(nodes: &str) -> Option<Cluster> {
        let cluster = Cluster { folder: tempfile::tempdir().unwrap() };
        let here = |path: &str| Path::new(path).exists();
        if !["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"].into_iter().all(here) {
            skipped("everything under Slurm", "slurmctld, slurmd or sbatch is not installed");
            return None;
        }
        if !has_mpirun() || cfg!(not(feature = "mpi")) {
            return None;
        }
        let up = cluster.script(&["up"], &[nodes, "2"]);
        if !up.status.success() {
            skipped("everything under Slurm", &String::from_utf8_lossy(&up.stderr));
            return None;
        }
        Some(cluster)
    }

    fn script(&self, before: &[&str], after: &[&str]) -> std::process::Output {
        let script = support::jobs().join("../scripts/slurm/cluster");
        Command::new(script).args(before).arg(self.folder.path().join("slurm")).args(after).output().unwrap()
    }

    /// What one of Slurm's own commands says.
    fn ask(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.command(command).args(arguments).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.path().join("slurm/slurm.conf")).current_dir(self.folder.path());
        command.env("OMPI_MCA_rmaps_base_oversubscribe", "1").env("OMPI_MCA_hwloc_base_binding_policy", "none");
        command.env("HALOCLINE_MEMORY", self.output("memory"));
        command.env("RUST_BACKTRACE", "0").env("HDF5_USE_FILE_LOCKING", "FALSE");
        command
    }

    /// `halocline submit` of the long run: the number of the job.
    fn submit(&self, output: &str, arguments: &[&str]) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_halocline"));
        command.arg("submit").arg(smoke("diffusion")).args(LONG).args(["--output", output, "--time", "60"]);
        let said = command.args(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "{out}{err}");
        let line = out.lines().find_map(|line| line.strip_prefix("submitted as job ")).expect("the number of the job");
        line.split(':').next().unwrap().to_owned()
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What jobs have printed so far.
    fn logs(&self) -> String {
        let files = fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path());
        let logs = files.filter(|path| path.extension().is_some_and(|e| e == "log"));
        logs.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
    }

    fn until(&self, what: &str, mut there: impl FnMut() -> bool) {
        let since = Instant::now();
        while !there() {
            let queue = self.ask("squeue", &[]);
            assert!(since.elapsed() < patient(120), "no {what}\n{queue}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn until_over(&self, job: &str) {
        self.until("end of the job", || self.ask("squeue", &["-h", "-j", job, "-t", "all", "-o", "%T"]) == "COMPLETED");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script(&["down"], &[]);
    }
}

const LONG: [&str; 4] =
    ["grid.cells=[64, 64, 64]", "time.end=3000 step", "output.fields.every=1000 step", "checkpoint.every=100 step"];

/// The state of the long run, with more keys set.
fn expected(more: &[&str]) -> String {
    let top = tempfile::tempdir().unwrap();
    let ended =
        run(Threads(2), &smoke("diffusion"), &top.path().join("run")).with_all(LONG).with_all(more.to_vec()).ends();
    ended.state().to_owned()
}

fn state(output: &Path) -> String {
    let text = fs::read_to_string(output.join("summary.json")).unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    summary["state"].as_str().unwrap_or_default().to_owned()
}

fn checkpoints(output: &Path) -> usize {
    let text = fs::read_to_string(output.join("ledger.jsonl")).unwrap_or_default();
    text.lines().filter(|line| line.contains(r#""what":"checkpoint""#)).count()
}

#[test]
fn jobs_that_are_cut_short_go_on_by_themselves() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(cluster) = Cluster::up("2") else { return };
    let expected = expected(&[]);
    let output = cluster.output("run");
    let job = cluster.submit("run", &["--nodes", "1", "--ranks-per-node", "2"]);
    // What Slurm sends before the time limit.
    cluster.until("checkpoint", || checkpoints(&output) > 0);
    cluster.ask("scancel", &["--signal=USR1", &job]);
    cluster.until("second attempt", || cluster.logs().contains("attempt 1 ended with 75: queued again"));
    cluster.until("going on", || cluster.logs().contains("resuming from the checkpoint after step"));
    // A rank dies: the run goes on within the job.
    let saved = checkpoints(&output);
    cluster.until("checkpoint", || checkpoints(&output) > saved);
    let ranks = Command::new("pgrep").args(["-f", &format!("halocline run .*--output {}", "run")]).output().unwrap();
    let ranks = String::from_utf8_lossy(&ranks.stdout).into_owned();
    let last: u32 = ranks.lines().last().expect("a rank").parse().unwrap();
    support::signal("KILL", &[last]);
    cluster.until_over(&job);
    assert!(cluster.logs().contains("supervise: attempt 1 was interrupted"), "{}", cluster.logs());
    assert_eq!(state(&output), expected, "{}", cluster.logs());
    assert!(verified(&output).0);
}

#[test]
fn a_spare_node_takes_the_place_of_another_from_memory() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(cluster) = Cluster::up("3") else { return };
    let more = [
        "time.end=5000 step",
        "checkpoint.every=never",
        "checkpoint.wall=never",
        "checkpoint.final=false",
        "replica.every=20 step",
    ];
    let expected = expected(&more);
    let output = cluster.output("run");
    let spare = ["--nodes", "2", "--spare", "1", "--ranks-per-node", "1"];
    let job = cluster.submit("run", &[&more[..], &spare].concat());
    cluster.until("segment", || output.join("fields/000000.h5").exists());
    std::thread::sleep(Duration::from_secs(1));
    // The second of the two that are used, and its memory.
    cluster.script(&["cut"], &["node2"]);
    let inside = |folder: &Path| fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let nodes = inside(&cluster.output("memory"))
        .iter()
        .flat_map(|user| inside(user))
        .flat_map(|run| inside(&run))
        .collect::<Vec<_>>();
    let lost = nodes.into_iter().find(|node| node.file_name().unwrap().to_str().unwrap().starts_with("node2"));
    fs::remove_dir_all(lost.expect("the memory of node2")).unwrap();
    cluster.until_over(&job);
    let logs = cluster.logs();
    assert!(logs.contains("supervise: no answer from node2"), "{logs}");
    assert!(logs.contains("in the memory of the nodes"), "{logs}");
    assert_eq!(state(&output), expected, "{logs}");
    assert_eq!(checkpoints(&output), 0);
    assert!(verified(&output).0);
}

#[test]
fn a_job_outlives_its_node() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(cluster) = Cluster::up("2") else { return };
    let expected = expected(&[]);
    let output = cluster.output("run");
    let job = cluster.submit("run", &["--nodes", "1", "--ranks-per-node", "2"]);
    cluster.until("checkpoint", || checkpoints(&output) > 1);
    let node = cluster.ask("squeue", &["-h", "-j", &job, "-o", "%N"]);
    // In between, the newest checkpoint is damaged too.
    cluster.script(&["cut"], &[&node]);
    let newest = fs::read_dir(output.join("checkpoints")).unwrap().flatten().map(|entry| entry.path());
    let newest = newest.filter(|path| path.extension().is_some_and(|e| e == "h5")).max().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    bytes[300_000] ^= 1;
    fs::write(&newest, bytes).unwrap();
    cluster.until_over(&job);
    assert!(cluster.logs().contains("is not what was written; the checkpoint before is taken"), "{}", cluster.logs());
    assert_eq!(state(&output), expected, "{}", cluster.logs());
    assert!(verified(&output).0);
}

#[test]
fn an_array_runs_each_value() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(cluster) = Cluster::up("2") else { return };
    let short = "time.end=300 step";
    let job = cluster.submit("sweep", &["--ranks-per-node", "2", "--array", "parameters.order=2,4", short]);
    cluster.until("end of both", || {
        cluster.ask("squeue", &["-h", "-j", &job, "-t", "all", "-o", "%T"]).lines().all(|state| state == "COMPLETED")
    });
    for order in [2, 4] {
        let key = format!("parameters.order={order}");
        assert_eq!(state(&cluster.output("sweep").join(&key)), expected(&[short, &key]), "{}", cluster.logs());
    }
}
