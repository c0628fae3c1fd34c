//! Fusion groups: stages within a list of items that are done as one block, since nothing stands between them.
use crate::model::declarations::Declarations;
use crate::model::stage::{Item, StageId, Work};
use crate::program::domain::Domain;
use crate::program::fusion::block::Block;
use crate::program::fusion::fusible::{self, MOST_STAGES};
use crate::program::layout::Layout;
use halocline_kernels::Extent;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stages that follow each other and are fused.
pub(crate) struct FusionGroup {
    pub block: Arc<Block>,
    /// The name in reports.
    pub name: String,
    /// Bytes that all ranks together must move.
    pub bytes: u64,
    /// True if every step may come to the group: not if it is done once.
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

/// The longest list of stages at the beginning of some items that can be fused and ends with a sweep.
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

/// True if a stage needs no number that reductions among the stages before it are still to find.
fn is_ready(declared: &Declarations, before: &[StageId], stage: StageId) -> bool {
    let stage = &declared.stages[stage.0];
    let mut open = before.iter().map(|id| &declared.stages[id.0]).filter(|s| matches!(s.work, Work::Reduce { .. }));
    !open.any(|s| s.scalar_written.is_some_and(|s| stage.scalars_read.contains(&s) || stage.scalar_written == Some(s)))
}
