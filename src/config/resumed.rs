//! Which keys of a job file may change when a run goes on from a checkpoint: those that do not change what it computes.
use super::JobFile;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Keys, and sections with all of their keys, that a run may change on its way: when it ends, how it is computed and
/// on what, when it writes.
const FREE: [&str; 7] =
    ["time.end", "engine.fuse", "engine.instruction_set", "engine.check_every", "parallel", "checkpoint", "replica"];
/// Keys of an output stream that may change; the others would change what its file holds.
const FREE_OF_STREAMS: [&str; 3] = ["every", "seal", "picture"];

impl JobFile {
    /// Keys whose values differ from those of an earlier file, as they stand in a file: before, after. First all; second
    /// only those that change what the run computes or what its files hold.
    pub fn changed_since(&self, earlier: &JobFile) -> (BTreeMap<String, [String; 2]>, Vec<String>) {
        let (before, after) = (flat(earlier), flat(self));
        let shown = |keys: &BTreeMap<String, String>, key: &String| keys.get(key).cloned().unwrap_or("none".into());
        let keys = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
        let changed: BTreeMap<_, _> =
            keys.map(|key| (key.clone(), [shown(&before, key), shown(&after, key)])).collect();
        let of_physics = |key: &&String| match key.strip_prefix("output.").and_then(|rest| rest.split_once('.')) {
            // A stream may begin on the way, or not go on.
            Some((stream, key)) => {
                let goes_on = [earlier, self].iter().all(|file| file.output.contains_key(stream));
                goes_on && !FREE_OF_STREAMS.contains(&key)
            }
            None => !FREE.iter().any(|free| is_of(key, free)),
        };
        let physics = changed.keys().filter(of_physics).cloned().collect();
        (changed, physics)
    }
}

fn is_of(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// All keys with their values as in TOML.
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
    fn what_changes_results_is_told_from_what_does_not() {
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
        assert_eq!(physics(&["engine.element=f32", "grid.periodic=true"]), ["engine.element", "grid.periodic"]);
        let (changed, physics) = file(&["parameters.kappa=3.0"]).changed_since(&file(&[]));
        assert_eq!(physics, ["parameters.kappa"]);
        assert_eq!(changed["parameters.kappa"], ["2.0", "3.0"]);
    }
}
