//! Fusion groups: consecutive stages within a list of items that run as one block.
use crate::model::declarations::Declarations;
use crate::model::stage::{Item, StageId, Work};
use crate::program::domain::Domain;
use crate::program::fusion::block::Block;
use crate::program::fusion::fusible::{self, MOST_STAGES};
use crate::program::layout::Layout;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fusion group: consecutive stages that run as one block.
pub(crate) struct FusionGroup {
    pub block: Arc<Block>,
    /// The name in reports.
    pub name: String,
    /// Bytes that all ranks together must read or write in memory.
    pub bytes: u64,
    /// Whether every step runs the group; false if it runs only once.
    pub in_step: bool,
}

impl FusionGroup {
    pub fn new(declared: &Declarations, block: Block, in_step: bool) -> FusionGroup {
        let stages = block.stages.iter().map(|id| &declared.stages[id.0]);
        let names: Vec<&str> = stages.filter(|s| !matches!(s.work, Work::Scalar(_))).map(|s| s.name.as_str()).collect();
        let bytes = declared.bytes_of_stages(block.stages.iter().copied());
        FusionGroup { name: names.join(" + "), bytes, in_step, block: Arc::new(block) }
    }
}

/// Returns the longest block of stages at the beginning of some items that can be fused and ends with an instance;
/// `None` if there is none.
pub(crate) fn longest_block(
    declared: &Declarations,
    domains: &BTreeMap<Layout, Domain>,
    extent: &[Extent],
    items: &[Item],
) -> Option<Block> {
    fusible::grid(declared, domains).ok()?;
    let (mut stages, mut found): (Vec<StageId>, _) = (vec![], None);
    for item in items.iter().take(MOST_STAGES) {
        let Item::Stage(stage) = *item else { break };
        if !is_ready(declared, &stages, stage) {
            break;
        }
        stages.push(stage);
        let Ok(block) = Block::new(declared, domains, extent, stages.clone(), 1) else { break };
        if block.instances.last().is_some_and(|instance| instance.stage == stage) {
            found = Some(block);
        }
    }
    found
}

/// Returns true if a stage does not use the result of a reduction among the stages before it in the block.
fn is_ready(declared: &Declarations, before: &[StageId], stage: StageId) -> bool {
    let stage = &declared.stages[stage.0];
    let mut reductions =
        before.iter().map(|id| &declared.stages[id.0]).filter(|s| matches!(s.work, Work::Reduce { .. }));
    !reductions
        .any(|s| s.scalar_written.is_some_and(|s| stage.scalars_read.contains(&s) || stage.scalar_written == Some(s)))
}
