//! Who keeps whose pieces.

/// For each rank, given its node, the rank on another node that keeps a copy of its piece; for none if all are on one node.
/// Ranks keep equally many, as far as that is possible.
pub fn partners(nodes: &[String]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&rank| (&nodes[rank], rank));
    let many = |node: &String| nodes.iter().filter(|n| *n == node).count();
    let most = nodes.iter().map(many).max().unwrap_or(0);
    let mut partners = vec![None; nodes.len()];
    for (i, &rank) in order.iter().enumerate() {
        partners[rank] = if 2 * most <= nodes.len() {
            // Adjacent the end of the largest node: beyond that of this one.
            Some(order[(i + most) % order.len()])
        } else {
            let others: Vec<usize> = order.iter().copied().filter(|&other| nodes[other] != nodes[rank]).collect();
            others.get(i % others.len().max(1)).copied()
        };
    }
    partners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nodes: &[&str]) -> Vec<Option<usize>> {
        let nodes: Vec<String> = nodes.iter().map(|n| n.to_string()).collect();
        let partners = partners(&nodes);
        for (rank, partner) in partners.iter().enumerate() {
            assert!(partner.is_none_or(|p| nodes[p] != nodes[rank]), "{nodes:?}: {partners:?}");
        }
        partners
    }

    #[test]
    fn pieces_lie_on_another_node() {
        assert_eq!(of(&["a"]), [None]);
        assert_eq!(of(&["a", "a"]), [None, None]);
        assert_eq!(of(&["a", "b"]), [Some(1), Some(0)]);
        assert_eq!(of(&["a", "b", "a", "b"]), [Some(1), Some(0), Some(3), Some(2)]);
        // One rank of the smaller node keeps two.
        assert_eq!(of(&["a", "a", "a", "b"]), [Some(3), Some(3), Some(3), Some(0)]);
        for sizes in [[1, 2, 3], [3, 3, 3], [4, 4, 1], [5, 2, 1], [8, 8, 8]] {
            let nodes: Vec<&str> = ["a", "b", "c"].into_iter().zip(sizes).flat_map(|(n, k)| vec![n; k]).collect();
            let partners = of(&nodes);
            let mut keep = vec![0; nodes.len()];
            partners.iter().for_each(|p| keep[p.unwrap()] += 1);
            let [least, most] = [keep.iter().min().unwrap(), keep.iter().max().unwrap()];
            assert!(2 * sizes.iter().max().unwrap() > nodes.len() || (least, most) == (&1, &1), "{sizes:?} {keep:?}");
            assert!(*most <= 3, "{sizes:?}: {keep:?}");
        }
    }
}
