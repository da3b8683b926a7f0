//! Trees, tiles and proofs against the naive implementation.

use ledger::tile::TILE_BYTES;
use ledger::{
    Edge, Frontier, FullTile, Hash, MAX_TREE_SIZE, NodeId, ProofError, ProofPlan, TileError, TileId, TreeError,
    partial_width, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::naive;
use crate::support::Tree;

/// Every size at which the edge is looked at closely.
const SMALL: u64 = 130;

#[test]
fn every_inclusion_proof_of_small_trees() {
    let leaves = naive::leaves(SMALL);
    for size in 1..=leaves.len() {
        let leaves = &leaves[..size];
        let tree = Tree::of(leaves.iter().copied());
        let root = naive::root(leaves);
        assert_eq!(tree.edge.root(), root);
        for index in 0..size {
            let proof = tree.assemble(ProofPlan::inclusion(index as u64, size as u64).unwrap());
            assert_eq!(proof, naive::path(index, leaves), "index {index} of {size}");
            verify_inclusion(&leaves[index], index as u64, size as u64, &proof, &root).unwrap();
        }
    }
}

#[test]
fn every_consistency_proof_of_small_trees() {
    let leaves = naive::leaves(SMALL);
    let roots: Vec<Hash> = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
    for new in 1..=leaves.len() {
        let tree = Tree::of(leaves[..new].iter().copied());
        for old in 1..=new {
            let proof = tree.assemble(ProofPlan::consistency(old as u64, new as u64).unwrap());
            assert_eq!(proof, naive::consistency(old, &leaves[..new]), "from {old} to {new}");
            verify_consistency(old as u64, new as u64, &roots[old], &roots[new], &proof).unwrap();
        }
    }
}

#[test]
fn a_proof_holds_for_nothing_else() {
    let leaves = naive::leaves(35);
    let roots: Vec<Hash> = (0..=leaves.len()).map(|size| naive::root(&leaves[..size])).collect();
    for size in 1..=leaves.len() {
        let tree = Tree::of(leaves[..size].iter().copied());
        for index in 0..size {
            let proof = tree.assemble(ProofPlan::inclusion(index as u64, size as u64).unwrap());
            for other in (0..size).filter(|other| *other != index) {
                verify_inclusion(&leaves[index], other as u64, size as u64, &proof, &roots[size]).unwrap_err();
                verify_inclusion(&leaves[other], index as u64, size as u64, &proof, &roots[size]).unwrap_err();
            }
            for cut in 0..proof.len() {
                verify_inclusion(&leaves[index], index as u64, size as u64, &proof[..cut], &roots[size]).unwrap_err();
                verify_inclusion(
                    &leaves[index],
                    index as u64,
                    size as u64,
                    &proof[cut + 1..],
                    &roots[size],
                )
                .unwrap_err();
            }
            let longer = [&proof[..], &[roots[size]]].concat();
            verify_inclusion(&leaves[index], index as u64, size as u64, &longer, &roots[size]).unwrap_err();
        }
        for old in 1..size {
            let proof = tree.assemble(ProofPlan::consistency(old as u64, size as u64).unwrap());
            for other in (1..=size).filter(|other| *other != old) {
                verify_consistency(other as u64, size as u64, &roots[other], &roots[size], &proof).unwrap_err();
                verify_consistency(old as u64, size as u64, &roots[other], &roots[size], &proof).unwrap_err();
            }
            for cut in 0..proof.len() {
                verify_consistency(old as u64, size as u64, &roots[old], &roots[size], &proof[..cut]).unwrap_err();
            }
            let longer = [&proof[..], &[roots[size]]].concat();
            verify_consistency(old as u64, size as u64, &roots[old], &roots[size], &longer).unwrap_err();
        }
    }
}

#[test]
fn proofs_around_the_tile_boundaries() {
    let leaves = naive::leaves(65_538);
    let near = [0, 1, 127, 128, 254, 255, 256, 257, 511];
    let far = [255, 256, 32_768, 65_279, 65_280, 65_535, 65_536];
    let small = [254, 255, 256, 257, 258, 511, 512, 513].map(|size| (size, &near[..]));
    let large = [65_534, 65_535, 65_536, 65_537, 65_538].map(|size| (size, &far[size as usize % 3..]));
    for (size, spots) in small.into_iter().chain(large) {
        let leaves = &leaves[..size as usize];
        let tree = Tree::of(leaves.iter().copied());
        let root = naive::root(leaves);
        assert_eq!(tree.edge.root(), root, "size {size}");
        assert_eq!(tree.assemble(ProofPlan::root(size).unwrap()), [root]);
        for index in spots.iter().copied().chain([size - 1]).filter(|index| *index < size) {
            let proof = tree.assemble(ProofPlan::inclusion(index, size).unwrap());
            assert_eq!(proof, naive::path(index as usize, leaves), "index {index} of {size}");
            verify_inclusion(&leaves[index as usize], index, size, &proof, &root).unwrap();
        }
        for old in spots
            .iter()
            .copied()
            .chain([size - 1])
            .filter(|old| (1..=size).contains(old))
        {
            let proof = tree.assemble(ProofPlan::consistency(old, size).unwrap());
            assert_eq!(proof, naive::consistency(old as usize, leaves), "from {old} to {size}");
            verify_consistency(old, size, &naive::root(&leaves[..old as usize]), &root, &proof).unwrap();
        }
    }
}

#[test]
fn the_edge_at_every_size() {
    let leaves = naive::leaves(1100);
    let (mut edge, mut frontier, mut tiles) = (Edge::empty(), Frontier::empty(), Vec::new());
    for size in 0..=leaves.len() as u64 {
        assert_eq!((edge.size(), frontier.size()), (size, size));
        assert_eq!(edge.root(), frontier.root(), "size {size}");
        let encoded = edge.encode();
        let widths: usize = (0..8).map(|level| usize::from(partial_width(level, size))).sum();
        assert_eq!(encoded.len(), 32 * widths);
        assert_eq!(Edge::decode(size, &encoded).unwrap(), edge);
        for other in [
            0,
            1,
            255,
            256,
            65_536,
            1 << 62,
            size.saturating_sub(1),
            size + 1,
            size + 255,
            size + 257,
        ] {
            // Only a tree with as many hashes on its edge could have these bytes.
            let hashes: usize = (0..8).map(|level| usize::from(partial_width(level, other))).sum();
            assert_eq!(
                Edge::decode(other, &encoded).is_ok(),
                hashes == widths,
                "{size} as {other}"
            );
        }
        if let Some(leaf) = leaves.get(size as usize) {
            edge.append(*leaf, &mut tiles);
            frontier.append(*leaf);
        }
    }
    assert_eq!(edge.root(), naive::root(&leaves));
    assert_eq!(tiles.len(), 4);
}

#[test]
fn every_node_of_a_tree() {
    for size in [0, 1, 2, 3, 5, 8, 100, 255, 256, 257, 300, 511, 512, 700, 1024] {
        let leaves = naive::leaves(size);
        let tree = Tree::of(leaves.iter().copied());
        for level in 0..=11 {
            for index in 0..=(size >> level) + 1 {
                let leaves = leaves.get((index << level) as usize..((index + 1) << level) as usize);
                let expected = leaves.map(naive::root);
                let node = NodeId { level, index };
                assert_eq!(tree.node(node), expected, "{node:?} of {size}");
                // The edge has exactly what is to the right of the full tiles.
                let in_full_tile = tree.tiles.iter().any(|tile| tile.id() == TileId::of(node));
                assert_eq!(
                    tree.edge.node(node).is_some(),
                    expected.is_some() && !in_full_tile,
                    "{node:?} of {size}"
                );
            }
        }
        for level in [12, 31, 62, 63, 64, 127, 128, 255] {
            for index in [0, 1, u64::MAX >> 1, u64::MAX] {
                assert_eq!(tree.node(NodeId { level, index }), None);
            }
        }
    }
}

#[test]
fn full_tiles_return() {
    let leaves = naive::leaves(512);
    let tree = Tree::of(leaves.iter().copied());
    let [first, second] = &tree.tiles[..] else {
        panic!("two full tiles")
    };
    assert_eq!(
        (first.id(), second.id()),
        (TileId { level: 0, index: 0 }, TileId { level: 0, index: 1 })
    );
    let bytes: Vec<u8> = leaves[256..].iter().flat_map(|hash| hash.0).collect();
    assert_eq!(second.bytes(), bytes);
    assert_eq!(FullTile::from_bytes(second.id(), &bytes).unwrap(), *second);
    assert_eq!(second.root(), naive::root(&leaves[256..]));
    assert_eq!(second.node(NodeId { level: 8, index: 1 }), Some(second.root()));
    assert_eq!(second.node(NodeId { level: 0, index: 255 }), None);
    assert_eq!(second.node(NodeId { level: 9, index: 0 }), None);
    assert_eq!(
        FullTile::from_bytes(second.id(), &bytes[1..]),
        Err(TileError::Length(TILE_BYTES - 1))
    );
    assert_eq!(FullTile::from_bytes(second.id(), &[]), Err(TileError::Length(0)));
    // No id makes it panic.
    let odd = FullTile::from_bytes(
        TileId {
            level: 200,
            index: u64::MAX,
        },
        &bytes,
    )
    .unwrap();
    assert_eq!(
        odd.node(NodeId {
            level: 255,
            index: u64::MAX
        }),
        None
    );
}

#[test]
fn partial_tiles_are_slices() {
    let leaves = naive::leaves(600);
    let tree = Tree::of(leaves.iter().copied());
    let id = TileId { level: 0, index: 2 };
    for width in 1..=88 {
        let expected: Vec<u8> = leaves[512..512 + usize::from(width)]
            .iter()
            .flat_map(|hash| hash.0)
            .collect();
        assert_eq!(tree.edge.partial_tile(id, width), Some(&expected[..]));
    }
    assert_eq!(tree.edge.partial_tile(id, 89), None);
    assert_eq!(tree.edge.partial_tile(id, 0), None);
    assert_eq!(tree.edge.partial_tile(TileId { level: 0, index: 1 }, 1), None);
    let roots = [naive::root(&leaves[..256]).0, naive::root(&leaves[256..512]).0];
    assert_eq!(
        tree.edge.partial_tile(TileId { level: 1, index: 0 }, 2),
        Some(roots.as_flattened())
    );
    assert_eq!(tree.edge.partial_tile(TileId { level: 2, index: 0 }, 1), None);
}

#[test]
fn sizes_out_of_bounds() {
    assert_eq!(ProofPlan::inclusion(0, 0), None);
    assert_eq!(ProofPlan::inclusion(5, 5), None);
    assert_eq!(ProofPlan::inclusion(0, MAX_TREE_SIZE + 1), None);
    assert_eq!(ProofPlan::consistency(0, 5), None);
    assert_eq!(ProofPlan::consistency(6, 5), None);
    assert_eq!(ProofPlan::consistency(1, u64::MAX), None);
    assert_eq!(ProofPlan::root(u64::MAX), None);
    assert_eq!(
        ProofPlan::root(0).unwrap().assemble(|_| None).unwrap(),
        [Hash::EMPTY_ROOT]
    );
    assert_eq!(
        Edge::decode(MAX_TREE_SIZE + 1, &[]),
        Err(TreeError::TooLarge(MAX_TREE_SIZE + 1))
    );
    assert_eq!(ProofPlan::consistency(7, 7).unwrap().nodes().count(), 0);

    let hash = Hash::EMPTY_ROOT;
    assert_eq!(
        verify_consistency(0, 5, &hash, &hash, &[]),
        Err(ProofError::Sizes { old: 0, new: 5 })
    );
    assert_eq!(
        verify_consistency(0, 0, &hash, &hash, &[]),
        Err(ProofError::Sizes { old: 0, new: 0 })
    );
    assert_eq!(
        verify_consistency(6, 5, &hash, &hash, &[]),
        Err(ProofError::Sizes { old: 6, new: 5 })
    );
    assert_eq!(
        verify_inclusion(&hash, 5, 5, &[], &hash),
        Err(ProofError::Index { index: 5, size: 5 })
    );
    assert_eq!(
        verify_inclusion(&hash, 0, u64::MAX, &[hash; 64], &hash),
        Err(ProofError::Length(64))
    );
    assert_eq!(
        verify_consistency(1, u64::MAX, &hash, &hash, &[hash; 64]),
        Err(ProofError::Length(64))
    );
    let missing = ProofPlan::inclusion(0, 2).unwrap().assemble(|_| None);
    assert_eq!(missing, Err(ProofError::Missing(NodeId { level: 0, index: 1 })));
}

/// A tree too large to build: every node's hash says only which node it is, and joining is left to the verifiers.
#[test]
fn proofs_of_the_largest_trees_have_63_hashes_at_most() {
    let synthetic = |node: NodeId| Some(ledger::sha256(format!("{node:?}").as_bytes()));
    for size in [MAX_TREE_SIZE, MAX_TREE_SIZE - 1, (1 << 61) + 1, 1 << 61] {
        for index in [0, 1, size / 4, size / 2 - 1, size / 2, size / 2 + 1, size - 2, size - 1] {
            let plan = ProofPlan::inclusion(index, size).unwrap();
            assert!(plan.assemble(synthetic).unwrap().len() <= 63);
            let plan = ProofPlan::consistency(index.max(1), size).unwrap();
            assert!(plan.assemble(synthetic).unwrap().len() <= 63);
        }
    }
    let longest = ProofPlan::consistency(MAX_TREE_SIZE - 1, MAX_TREE_SIZE).unwrap();
    assert_eq!(longest.assemble(synthetic).unwrap().len(), 63);
    // An edge of that size can be loaded, appended to and asked.
    let bytes = vec![
        7;
        32 * (0..8)
            .map(|level| usize::from(partial_width(level, MAX_TREE_SIZE)))
            .sum::<usize>()
    ];
    let mut edge = Edge::decode(MAX_TREE_SIZE, &bytes).unwrap();
    assert_eq!(edge.encode(), bytes);
    let before = edge.root();
    edge.append(Hash::EMPTY_ROOT, &mut Vec::new());
    assert_ne!(edge.root(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_wrong_bit_of_an_inclusion_proof(size in 2u64..600, spot in any::<u64>(), bit in any::<prop::sample::Index>()) {
        let (leaves, index) = (naive::leaves(size), spot % size);
        let tree = Tree::of(leaves.iter().copied());
        let mut proof = tree.assemble(ProofPlan::inclusion(index, size).unwrap());
        let bit = bit.index(proof.len() * 256);
        proof[bit / 256].0[bit / 8 % 32] ^= 1 << (bit % 8);
        let verdict = verify_inclusion(&leaves[index as usize], index, size, &proof, &tree.edge.root());
        prop_assert_eq!(verdict, Err(ProofError::Root));
    }

    #[test]
    fn any_wrong_bit_of_a_consistency_proof(new in 2u64..600, spot in any::<u64>(), bit in any::<prop::sample::Index>()) {
        let (leaves, old) = (naive::leaves(new), 1 + spot % (new - 1));
        let tree = Tree::of(leaves.iter().copied());
        let old_root = naive::root(&leaves[..old as usize]);
        let mut proof = tree.assemble(ProofPlan::consistency(old, new).unwrap());
        verify_consistency(old, new, &old_root, &tree.edge.root(), &proof).unwrap();
        let bit = bit.index(proof.len() * 256);
        proof[bit / 256].0[bit / 8 % 32] ^= 1 << (bit % 8);
        prop_assert_eq!(verify_consistency(old, new, &old_root, &tree.edge.root(), &proof), Err(ProofError::Root));
    }

    #[test]
    fn appending_after_decoding_is_appending(size in 0u64..2000, more in 1u64..600) {
        let leaves = naive::leaves(size + more);
        let (before, after) = leaves.split_at(size as usize);
        let whole = Tree::of(leaves.iter().copied());
        let first = Tree::of(before.iter().copied());
        let mut edge = Edge::decode(size, &first.edge.encode()).unwrap();
        let mut tiles = first.tiles;
        after.iter().for_each(|leaf| edge.append(*leaf, &mut tiles));
        prop_assert_eq!(edge, whole.edge);
        prop_assert_eq!(tiles, whole.tiles);
    }

    #[test]
    fn verifiers_never_panic(index: u64, size: u64, other: u64, length in 0usize..70) {
        let hash = Hash::EMPTY_ROOT;
        let proof = vec![hash; length];
        let _ = verify_inclusion(&hash, index, size, &proof, &hash);
        let _ = verify_consistency(other, size, &hash, &hash, &proof);
        let _ = ProofPlan::inclusion(index, size);
        let _ = ProofPlan::consistency(other, size);
        let _ = TileId::of(NodeId { level: length as u8, index });
    }
}
