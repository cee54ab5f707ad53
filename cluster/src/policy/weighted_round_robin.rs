//! Workers take turns, each as often as its weight says, and none twice in a row without need.

use std::collections::{BTreeSet, HashMap};

use facefleet_proto::WorkerId;

use super::contender::Contender;
use super::pool::Pool;
use super::rule::Policy;

/// Worst-case fair weighted fair queueing (J. Bennett and H. Zhang, "WF2Q", INFOCOM 1996), with routes for packets.
///
/// Each worker's next turn begins when it is due, and ends 1/weight later. Of the turns that have begun, the one that ends first
/// is taken. So each worker is always within one turn of what its weight entitles it to, and weights 5, 1, 1 give
/// `a b a a c a a`. Taking a turn costs a few steps in a tree, however many workers there are; the better known smooth round
/// robin adds every weight to a sum at every turn, and so walks over all workers.
///
/// When several workers are wanted, each pays for the part of the stream that it gets, which is in proportion to its weight.
#[derive(Clone, Debug, Default)]
pub(super) struct WeightedRoundRobin {
    turns: HashMap<WorkerId, Turn>,
    /// The turns that have begun, by their end.
    begun: BTreeSet<(Time, WorkerId)>,
    /// The turns that have not begun, by their beginning.
    ahead: BTreeSet<(Time, WorkerId)>,
    now: Time,
    weights: u64,
}

/// Virtual time, in which a turn of a worker of weight 1 takes [`UNIT`], and a route takes `UNIT` over the weights of all. There
/// is enough for 2^68 turns.
type Time = u128;
const UNIT: Time = 1 << 60;

/// The next turn of a worker.
#[derive(Clone, Copy, Debug)]
struct Turn {
    begins: Time,
    weight: u32,
}

impl Turn {
    fn lasts(self) -> Time {
        UNIT / Time::from(self.weight)
    }

    fn ends(self) -> Time {
        self.begins + self.lasts()
    }
}

impl Policy for WeightedRoundRobin {
    fn choose(&mut self, pool: &mut Pool<'_>, wanted: usize) -> Vec<Contender> {
        // Where the request may have no worker, nothing is served and time stands still.
        let mut in_order = self.begun.iter().chain(&self.ahead);
        let Some((_, first)) = in_order.find(|(_, id)| pool.get(*id).is_some()) else { return Vec::new() };
        self.go_on_to(self.turns[first].begins);
        let in_order = self.begun.iter().chain(&self.ahead);
        let chosen: Vec<Contender> = in_order.filter_map(|(_, id)| pool.get(*id)).take(wanted).collect();
        let weights: u64 = chosen.iter().map(|contender| u64::from(contender.weight)).sum();
        for contender in &chosen {
            self.move_turn(contender.id, UNIT / Time::from(weights));
        }
        self.go_on_to(self.now + UNIT / Time::from(self.weights.max(1)));
        chosen
    }

    /// Shares go by weight and not by measured speed, since whoever chose this policy means the weights. A machine that something
    /// slows down still gets less.
    fn capacities(&self, chosen: &[Contender]) -> Vec<f64> {
        chosen.iter().map(|contender| f64::from(contender.weight) / f64::from(contender.slowdown)).collect()
    }

    fn enter(&mut self, id: WorkerId, weight: u32) {
        self.leave(id);
        let turn = Turn { begins: self.now, weight };
        self.turns.insert(id, turn);
        self.begun.insert((turn.ends(), id));
        self.weights += u64::from(weight);
    }

    fn leave(&mut self, id: WorkerId) {
        if let Some(turn) = self.turns.remove(&id) {
            self.remove(id, turn);
            self.weights -= u64::from(turn.weight);
        }
    }
}

impl WeightedRoundRobin {
    /// Advances virtual time to this moment, unless it has passed, and begins the turns that are due by then. Time advances by
    /// what is served, and, when no worker that the request may have has begun its turn, to the first of their turns.
    fn go_on_to(&mut self, moment: Time) {
        self.now = self.now.max(moment);
        while let Some((begins, id)) = self.ahead.first().copied()
            && begins <= self.now
        {
            self.ahead.pop_first();
            self.begun.insert((self.turns[&id].ends(), id));
        }
    }

    /// Moves a worker's turn by the part of a turn that it has just had. A worker that no request could have for long is owed one
    /// turn and no more; otherwise it would get every stream until it had made up for all that it missed.
    fn move_turn(&mut self, id: WorkerId, by: Time) {
        let Some(turn) = self.turns.get(&id).copied() else { return };
        self.remove(id, turn);
        let owed_since = self.now.saturating_sub(turn.lasts());
        let later = Turn { begins: turn.begins.max(owed_since) + by, ..turn };
        self.turns.insert(id, later);
        self.ahead.insert((later.begins, id));
    }

    fn remove(&mut self, id: WorkerId, turn: Turn) {
        self.begun.remove(&(turn.ends(), id));
        self.ahead.remove(&(turn.begins, id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::contender::tests::contenders;
    use super::super::testing::choose;
    use super::*;
    use proptest::prelude::*;

    fn policy(contenders: &[Contender]) -> WeightedRoundRobin {
        let mut policy = WeightedRoundRobin::default();
        contenders.iter().for_each(|contender| policy.enter(contender.id, contender.weight));
        policy
    }

    /// Takes `count` turns, one worker each.
    fn turns(policy: &mut WeightedRoundRobin, contenders: &[Contender], count: usize) -> Vec<u32> {
        (0..count).map(|_| choose(policy, contenders, 1)[0]).collect()
    }

    #[test]
    fn five_one_one_interleave_and_start_again() {
        let contenders = contenders(&[5, 1, 1]);
        assert_eq!(turns(&mut policy(&contenders), &contenders, 14), [0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 2, 0, 0]);
    }

    #[test]
    fn equals_take_turns_by_id() {
        let contenders = contenders(&[7; 3]);
        assert_eq!(turns(&mut policy(&contenders), &contenders, 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn when_two_are_wanted_the_light_ones_take_turns() {
        let contenders = contenders(&[2, 1, 1]);
        let (mut policy, mut turns) = (policy(&contenders), [0; 3]);
        for _ in 0..120 {
            choose(&mut policy, &contenders, 2).into_iter().for_each(|id| turns[id as usize] += 1);
        }
        assert_eq!(turns[1], turns[2]);
        assert!(turns[0] > turns[1], "{turns:?}");
    }

    #[test]
    fn who_cannot_be_had_keeps_one_turn_and_no_more() {
        for missed in [3, 4, 500] {
            let contenders = contenders(&[1, 1, 1]);
            let mut policy = policy(&contenders);
            assert!(!turns(&mut policy, &contenders[..2], missed).contains(&2));
            let next = turns(&mut policy, &contenders, 60);
            let had = next.iter().filter(|id| **id == 2).count();
            assert!((20..=22).contains(&had) && next[0] == 2, "{missed} missed: {next:?}");
        }
    }

    #[test]
    fn a_route_that_finds_nobody_moves_nothing() {
        let four = contenders(&[5, 1, 1, 1]);
        let (three, mut policy) = (&four[..3], policy(&four[..3]));
        assert!((0..10_000).all(|_| choose(&mut policy, &[], 1).is_empty()));
        assert_eq!(turns(&mut policy, three, 14), [0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 2, 0, 0]);
        assert!((0..10_000).all(|_| choose(&mut policy, &[], 1).is_empty()));
        policy.enter(WorkerId(3), 1);
        let next = turns(&mut policy, &four, 16);
        let had = [0, 1, 2, 3].map(|id| next.iter().filter(|next| **next == id).count());
        assert_eq!(had, [10, 2, 2, 2], "{next:?}");
    }

    #[test]
    fn who_comes_back_has_saved_nothing_up() {
        let contenders = contenders(&[1, 1]);
        let mut policy = policy(&contenders);
        policy.leave(WorkerId(0));
        assert_eq!(turns(&mut policy, &contenders[1..], 9), [1; 9]);
        policy.enter(WorkerId(0), 1);
        let mut next = turns(&mut policy, &contenders, 2);
        next.sort_unstable();
        assert_eq!(next, [0, 1]);
    }

    #[test]
    fn who_has_left_leaves_nothing_behind() {
        let contenders = contenders(&[1, 2, 3]);
        let mut policy = policy(&contenders);
        turns(&mut policy, &contenders, 4);
        (0..3).for_each(|id| policy.leave(WorkerId(id)));
        assert!(policy.turns.is_empty() && policy.begun.is_empty() && policy.ahead.is_empty() && policy.weights == 0);
    }

    /// Weights as people give them, and as they should not.
    fn weights() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![prop::collection::vec(1u32..100, 1..12), prop::collection::vec(1u32..1_000_000, 1..12)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A worker's part therefore converges to its weight, to within 1 % after 100 turns at the latest, and no worker is
        /// served twice in a row more often than needed.
        #[test]
        fn everybody_is_within_a_turn_of_what_is_due_at_any_time(weights in weights()) {
            let contenders = contenders(&weights);
            let mut policy = policy(&contenders);
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let mut had = vec![0.0; weights.len()];
            for turn in 1..=400 {
                had[choose(&mut policy, &contenders, 1)[0] as usize] += 1.0;
                for (had, weight) in had.iter().zip(&weights) {
                    let due = f64::from(turn) * f64::from(*weight) / total;
                    prop_assert!((had - due).abs() < 1.0 + 1e-6, "after {turn} turns: {had}, due {due}");
                }
            }
        }

        /// A worker is within a turn of what is due also when several are wanted at a time, as long as there are enough.
        #[test]
        fn parts_of_streams_are_within_a_turn_of_what_is_due(
            weights in prop::collection::vec(1u32..5, 20..40),
            wanted in 1usize..4,
        ) {
            let contenders = contenders(&weights);
            let mut policy = policy(&contenders);
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let mut had = vec![0.0; weights.len()];
            for turn in 1..=400 {
                let chosen = choose(&mut policy, &contenders, wanted);
                let weight = |id: u32| f64::from(weights[id as usize]);
                let all: f64 = chosen.iter().map(|id| weight(*id)).sum();
                chosen.iter().for_each(|id| had[*id as usize] += weight(*id) / all);
                for (had, weight) in had.iter().zip(&weights) {
                    let due = f64::from(turn) * f64::from(*weight) / total;
                    prop_assert!((had - due).abs() < 1.0 + 1e-6, "after {turn} turns: {had}, due {due}");
                }
            }
        }
    }
}
