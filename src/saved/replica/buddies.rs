//! Buddies: the assignment of shards to ranks on other nodes.

/// The buddy of each rank, given the node of each rank: the rank on another node that keeps a copy of its shard; none if all
/// ranks are on one node. Every rank keeps the same number of copies, as far as possible.
pub fn buddies(nodes: &[String]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&rank| (&nodes[rank], rank));
    let count = |node: &String| nodes.iter().filter(|n| *n == node).count();
    let most = nodes.iter().map(count).max().unwrap_or(0);
    let mut buddies = vec![None; nodes.len()];
    for (i, &rank) in order.iter().enumerate() {
        buddies[rank] = if 2 * most <= nodes.len() {
            // Shifted by the size of the largest node, so the buddy is on another node.
            Some(order[(i + most) % order.len()])
        } else {
            let others: Vec<usize> = order.iter().copied().filter(|&other| nodes[other] != nodes[rank]).collect();
            others.get(i % others.len().max(1)).copied()
        };
    }
    buddies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nodes: &[&str]) -> Vec<Option<usize>> {
        let nodes: Vec<String> = nodes.iter().map(|n| n.to_string()).collect();
        let buddies = buddies(&nodes);
        for (rank, buddy) in buddies.iter().enumerate() {
            assert!(buddy.is_none_or(|p| nodes[p] != nodes[rank]), "{nodes:?}: {buddies:?}");
        }
        buddies
    }

    #[test]
    fn buddies_are_on_another_node() {
        assert_eq!(of(&["a"]), [None]);
        assert_eq!(of(&["a", "a"]), [None, None]);
        assert_eq!(of(&["a", "b"]), [Some(1), Some(0)]);
        assert_eq!(of(&["a", "b", "a", "b"]), [Some(1), Some(0), Some(3), Some(2)]);
        // One rank of the smaller node keeps two.
        assert_eq!(of(&["a", "a", "a", "b"]), [Some(3), Some(3), Some(3), Some(0)]);
        for sizes in [[1, 2, 3], [3, 3, 3], [4, 4, 1], [5, 2, 1], [8, 8, 8]] {
            let nodes: Vec<&str> = ["a", "b", "c"].into_iter().zip(sizes).flat_map(|(n, k)| vec![n; k]).collect();
            let buddies = of(&nodes);
            let mut keep = vec![0; nodes.len()];
            buddies.iter().for_each(|p| keep[p.unwrap()] += 1);
            let [least, most] = [keep.iter().min().unwrap(), keep.iter().max().unwrap()];
            assert!(2 * sizes.iter().max().unwrap() > nodes.len() || (least, most) == (&1, &1), "{sizes:?} {keep:?}");
            assert!(*most <= 3, "{sizes:?}: {keep:?}");
        }
    }
}
