//! From the commit that was deployed back through pushes to the one that ran before. Of all the ways there, the one of fewest pushes:
//! what lies between two commits is the same on each.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Gap, Push, Pushes, Sought};
use crate::domain::deployment::Said;
use crate::domain::extension::Commit;

/// Deliveries that came out of order are followed behind the push that brought what ran before, but not far: that commit may be
/// none of those before the deployed one, and the way back to the first push would be as long as the ledger.
const LATE: usize = 32;

/// What a walk found.
#[derive(Default)]
pub(super) struct Walk {
    /// Whether any push brought the deployed commit.
    pub(super) reached: bool,
    /// The commits, the oldest push first.
    pub(super) commits: Vec<Said<Commit>>,
    pub(super) gap: Option<Gap>,
    /// The commits that the pushes were asked for.
    pub(super) asked: BTreeSet<String>,
}

/// The pushes that were reached, each with the one before it on the way.
struct Steps<'p> {
    from: HashMap<u64, Option<u64>>,
    queue: VecDeque<&'p Push>,
    late: usize,
    /// Pushes recorded up to this entry are of what ran before, unless they came late.
    floor: u64,
}

impl Walk {
    pub(super) fn of(pushes: &Pushes, sought: &Sought<'_>) -> Self {
        let mut walk = Self::default();
        let (repository, commit) = (sought.repository.as_str(), sought.commit.to_ascii_lowercase());
        let first: Vec<&Push> = pushes.naming(repository, &commit).collect();
        walk.asked.insert(commit.clone());
        walk.reached = !first.is_empty();
        if !walk.reached {
            return walk;
        }
        let Some((replaced, since)) = &sought.since else {
            walk.gap = Some(Gap::Start);
            return walk;
        };
        if *since == commit {
            return walk;
        }
        walk.asked.insert(since.clone());
        let brought = pushes.naming(repository, since).map(|push| push.index).min();
        let mut steps = Steps {
            from: HashMap::new(),
            queue: VecDeque::new(),
            late: 0,
            floor: brought.map_or(*replaced, |brought| brought.min(*replaced)),
        };
        // Where it stands at the end of no push, all that is known of it is the list that it stands in.
        let ends = first.iter().any(|push| push.after == commit);
        for push in first.into_iter().filter(|push| push.after == commit || !ends) {
            steps.add(push, None);
        }
        let within = (!ends).then(|| steps.queue.front().map(|push| Gap::Within(push.index)));
        let mut gap = None;
        let mut whole = None;
        while let Some(push) = steps.queue.pop_front() {
            if push.forced {
                gap = gap.or(Some(Gap::Forced(push.index)));
            } else if push.before.as_ref() == Some(since) {
                whole = Some(push.index);
                break;
            } else if push.position(since).is_some() {
                gap = gap.or(Some(Gap::Within(push.index)));
            } else if let Some(before) = &push.before {
                walk.asked.insert(before.clone());
                let ending = pushes.naming(repository, before).filter(|next| next.after == *before);
                for next in ending {
                    steps.add(next, Some(push.index));
                }
            }
        }
        let path = whole.map(|last| steps.path(last));
        walk.gap = match path {
            None => gap.or(Some(Gap::Hole(since.clone()))),
            Some(_) => None,
        };
        // Of what does not lead there, only what came after it is surely not a part of it.
        let listed = path.unwrap_or_else(|| steps.since(steps.floor));
        let listed: Vec<&Push> = listed.iter().filter_map(|index| pushes.pushes.get(index)).collect();
        let cut = listed.iter().find(|push| push.cut).map(|push| Gap::Cut(push.index));
        walk.gap = walk.gap.or(within.flatten()).or(cut);
        let mut seen = BTreeSet::new();
        for push in listed {
            let known = push.position(since).map_or(0, |at| at + 1);
            let last = match ends {
                true => push.commits.len(),
                false => push.position(&commit).map_or(push.commits.len(), |at| at + 1),
            };
            for told in push.commits.get(known..last).into_iter().flatten() {
                if seen.insert(told.id.to_ascii_lowercase()) {
                    let (value, index) = (told.clone(), push.index);
                    walk.commits.push(Said { value, index });
                }
            }
        }
        walk
    }
}

impl Push {
    /// Where a commit stands in its list.
    fn position(&self, commit: &str) -> Option<usize> {
        self.commits
            .iter()
            .position(|told| told.id.eq_ignore_ascii_case(commit))
    }
}

impl<'p> Steps<'p> {
    fn add(&mut self, push: &'p Push, from: Option<u64>) {
        if self.from.contains_key(&push.index) {
            return;
        }
        if push.index < self.floor {
            if self.late == LATE {
                return;
            }
            self.late += 1;
        }
        self.from.insert(push.index, from);
        self.queue.push_back(push);
    }

    /// From a push to the deployed commit.
    fn path(&self, first: u64) -> Vec<u64> {
        let next = |index: &u64| self.from.get(index).copied().flatten();
        std::iter::successors(Some(first), next).collect()
    }

    /// Those recorded from an entry on, in ledger order.
    fn since(&self, floor: u64) -> Vec<u64> {
        let mut since: Vec<u64> = self.from.keys().copied().filter(|index| *index >= floor).collect();
        since.sort_unstable();
        since
    }
}
