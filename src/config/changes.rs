//! The keys of a job file that may change when a run is resumed: those that do not affect its results.
use super::job_file::JobFile;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Keys, and whole sections, that may change when a run is resumed: when it ends, how and on how many ranks it is computed,
/// when it saves its state.
const FREE: [&str; 8] = [
    "time.end",
    "engine.fuse",
    "engine.instruction_set",
    "engine.check_every",
    "parallel",
    "series",
    "checkpoint",
    "replica",
];
/// Keys of an output stream that may change; the other keys determine the contents of its file.
const FREE_OF_STREAMS: [&str; 3] = ["every", "seal", "picture"];

impl JobFile {
    /// All keys by their dotted paths, defaults included, with their values as TOML.
    pub fn keys(&self) -> BTreeMap<String, String> {
        flat(self)
    }

    /// Compares this file with an earlier one. First: all keys whose values differ, with the values `[before, after]` as TOML.
    /// Second: the keys among them that change the results of the run or the contents of its output files.
    pub fn changed_since(&self, earlier: &JobFile) -> (BTreeMap<String, [String; 2]>, Vec<String>) {
        let (before, after) = (flat(earlier), flat(self));
        let shown = |keys: &BTreeMap<String, String>, key: &String| keys.get(key).cloned().unwrap_or("none".into());
        let keys = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
        let changed: BTreeMap<_, _> =
            keys.map(|key| (key.clone(), [shown(&before, key), shown(&after, key)])).collect();
        let of_physics = |key: &&String| match key.strip_prefix("output.").and_then(|rest| rest.split_once('.')) {
            // A resumed run may add or drop a stream.
            Some((stream, key)) => {
                let in_both = [earlier, self].iter().all(|file| file.output.contains_key(stream));
                in_both && !FREE_OF_STREAMS.contains(&key)
            }
            None => !FREE.iter().any(|free| is_within(key, free)),
        };
        // The instants of an aligned cadence are ends of time steps.
        let both = [earlier, self];
        let aligned = |key: &&String| {
            let section = key.rsplit_once('.').map_or("", |(section, _)| section);
            (key.ends_with(".every") || key.ends_with(".align"))
                && both.iter().any(|file| match section.strip_prefix("output.") {
                    Some(stream) => file.output.get(stream).is_some_and(|stream| stream.align),
                    None => match section {
                        "checkpoint" => file.checkpoint.align,
                        "series" => file.series.align,
                        _ => false,
                    },
                })
        };
        let physics = changed.keys().filter(|key| of_physics(key) || aligned(key)).cloned().collect();
        (changed, physics)
    }
}

fn is_within(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// All keys of a file by their dotted paths, with their values as TOML.
fn flat(file: &JobFile) -> BTreeMap<String, String> {
    fn add(prefix: &str, table: &Table, keys: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(inner) if !(inner.is_empty()) => add(&key, inner, keys),
                value => _ = keys.insert(key, value.to_string()),
            }
        }
    }
    let mut keys = BTreeMap::new();
    if let Ok(Value::Table(table)) = Value::try_from(file) {
        add("", &table, &mut keys);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_change_results_are_told_apart() {
        let text = "job = 'x'\ngrid.cells = [8, 16]\ntime.end = '4 step'\nparameters.kappa = 2.0\n\
                    output.a = {every = '1 step', fields = ['t']}";
        let file = |set: &[&str]| {
            JobFile::parse("a.toml", text, &set.iter().map(|s| s.to_string()).collect::<Vec<_>>()).unwrap()
        };
        let physics = |set: &[&str]| file(set).changed_since(&file(&[])).1;
        assert_eq!(physics(&[]), [""; 0]);
        let free = [
            "time.end=9 step",
            "engine.fuse=2",
            "parallel.ranks=[2, 1]",
            "checkpoint.every=1 step",
            "replica.wall=9 s",
        ];
        assert_eq!(physics(&free), [""; 0]);
        assert_eq!(physics(&["output.a.every=2 step", "output.b.every=1 step"]), [""; 0]);
        assert_eq!(physics(&["output.a.fields=['u']"]), ["output.a.fields"]);
        assert_eq!(physics(&["checkpoint.align=true"]), ["checkpoint.align"]);
        assert_eq!(physics(&["output.a.align=true"]), ["output.a.align"]);
        let added = ["output.b={every='1 s', align=true}"];
        assert_eq!(physics(&added), ["output.b.align", "output.b.every"]);
        assert_eq!(physics(&["engine.element=f32", "grid.periodic=true"]), ["engine.element", "grid.periodic"]);
        let (changed, physics) = file(&["parameters.kappa=3.0"]).changed_since(&file(&[]));
        assert_eq!(physics, ["parameters.kappa"]);
        assert_eq!(changed["parameters.kappa"], ["2.0", "3.0"]);
    }
}
