//! The schedule of a model as text.
use crate::model::builder::Model;
use crate::model::stage::Item;

impl Model {
    /// Returns the schedule as lines of text, one for each stage.
    pub fn describe_schedule(&self) -> Vec<String> {
        let mut lines = vec![];
        if !self.declared.start.is_empty() {
            lines.push("at the start".into());
            self.describe_items(&self.declared.start, 1, &mut lines);
        }
        lines.push("every step".into());
        self.describe_items(&self.declared.step, 1, &mut lines);
        lines
    }

    fn describe_items(&self, items: &[Item], depth: usize, lines: &mut Vec<String>) {
        let pad = "  ".repeat(depth);
        let scalar = |id: usize| self.declared.scalars[id].0.as_str();
        for item in items {
            match item {
                Item::Stage(id) => {
                    let stage = &self.declared.stages[id.0];
                    let field = |id: &usize| self.declared.fields[*id].name.as_str();
                    let reads = stage.reads.iter().map(|(id, extent)| {
                        let far = extent.below.iter().chain(&extent.above).max().unwrap_or(&0);
                        let corners = if extent.corners { " with corners" } else { "" };
                        if *far == 0 { field(id).into() } else { format!("{} ±{far}{corners}", field(id)) }
                    });
                    let from: Vec<String> =
                        reads.chain(stage.scalars_read.iter().map(|&s| scalar(s).to_owned())).collect();
                    let to: Vec<&str> =
                        stage.writes.iter().map(field).chain(stage.scalar_written.map(scalar)).collect();
                    let from = if from.is_empty() { String::new() } else { format!("({})", from.join(", ")) };
                    let to = if to.is_empty() { String::new() } else { format!("{} ← ", to.join(", ")) };
                    lines.push(format!("{pad}{to}{}{from}", stage.name));
                }
                Item::Repeat(n, body) => {
                    lines.push(format!("{pad}repeat {n} times"));
                    self.describe_items(body, depth + 1, lines);
                }
                Item::Until(test, most, body) => {
                    lines.push(format!("{pad}until {} {}, at most {most} times", scalar(test.scalar), test.text));
                    self.describe_items(body, depth + 1, lines);
                }
                Item::Once(body) => {
                    lines.push(format!("{pad}the first time only"));
                    self.describe_items(body, depth + 1, lines);
                }
            }
        }
    }
}
