//! In turn, each worker as often as its weight says, and never twice in a row without need.

use std::collections::HashMap;

use facefleet_proto::WorkerId;

use super::{Contender, Policy, shares};

/// Smooth weighted round robin, the algorithm of nginx's upstream balancer (Maxim Dounin, 2012): each turn every worker
/// earns its weight, the richest is chosen and pays what all have earned. Weights 5, 1, 1 give `a a b a c a a`, not
/// `a a a a a b c`.
///
/// When several are wanted the richest are chosen, and each pays in proportion to its share of the stream. All money
/// together is 0 after each turn.
#[derive(Clone, Debug, Default)]
pub struct WeightedRoundRobin {
    money: HashMap<WorkerId, f64>,
}

impl Policy for WeightedRoundRobin {
    fn order(&mut self, contenders: &[Contender], wanted: usize) -> Vec<usize> {
        let mut earned = 0.0;
        let money: Vec<f64> = contenders
            .iter()
            .map(|contender| {
                let purse = self.money.entry(contender.id).or_default();
                *purse += weight(contender);
                earned += weight(contender);
                *purse
            })
            .collect();

        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.sort_by(|a, b| money[*b].total_cmp(&money[*a]).then(contenders[*a].id.cmp(&contenders[*b].id)));
        order.truncate(wanted);

        for (index, share) in order.iter().zip(shares(&*self, contenders, &order)) {
            self.money.insert(contenders[*index].id, money[*index] - earned * share);
        }
        order
    }

    /// Whoever chose this policy means the weights, not what the workers measure.
    fn capacity(&self, contender: &Contender) -> f64 {
        weight(contender)
    }

    fn forget(&mut self, id: WorkerId) {
        self.money.remove(&id);
    }
}

fn weight(contender: &Contender) -> f64 {
    f64::from(contender.weight)
}

#[cfg(test)]
mod tests {
    use super::super::tests::contender;
    use super::*;
    use proptest::prelude::*;

    fn contenders(weights: &[u32]) -> Vec<Contender> {
        weights.iter().zip(0..).map(|(weight, id)| contender(id, *weight)).collect()
    }

    #[test]
    fn five_one_one_interleave_and_start_again() {
        let (mut policy, contenders) = (WeightedRoundRobin::default(), contenders(&[5, 1, 1]));
        let turns: Vec<usize> = (0..14).map(|_| policy.order(&contenders, 1)[0]).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn when_two_are_wanted_the_light_ones_take_turns() {
        let (mut policy, contenders) = (WeightedRoundRobin::default(), contenders(&[2, 1, 1]));
        let mut turns = [0; 3];
        for _ in 0..120 {
            policy.order(&contenders, 2).into_iter().for_each(|i| turns[i] += 1);
        }
        assert_eq!(turns[1], turns[2]);
        assert!(turns[0] > turns[1], "{turns:?}");
    }

    #[test]
    fn who_is_forgotten_leaves_nothing_behind() {
        let mut policy = WeightedRoundRobin::default();
        policy.order(&contenders(&[1, 1]), 1);
        policy.forget(WorkerId(0));
        policy.forget(WorkerId(1));
        assert!(policy.money.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn turns_converge_to_weights(weights in prop::collection::vec(1u32..100, 1..12)) {
            let (mut policy, contenders) = (WeightedRoundRobin::default(), contenders(&weights));
            let mut turns = vec![0u32; weights.len()];
            let rounds = 2_000;
            for _ in 0..rounds {
                turns[policy.order(&contenders, 1)[0]] += 1;
            }
            let total: u32 = weights.iter().sum();
            for (turns, weight) in turns.into_iter().zip(weights) {
                let (got, due) = (f64::from(turns) / f64::from(rounds), f64::from(weight) / f64::from(total));
                prop_assert!((got - due).abs() < 0.01, "got {got}, due {due}");
            }
        }

        #[test]
        fn money_is_only_passed_around(
            weights in prop::collection::vec(1u32..1_000_000, 1..12),
            wanted in prop::collection::vec(1usize..14, 1..60),
        ) {
            let (mut policy, contenders) = (WeightedRoundRobin::default(), contenders(&weights));
            for wanted in wanted {
                policy.order(&contenders, wanted);
            }
            let left: f64 = policy.money.values().sum();
            prop_assert!(left.abs() < 1.0, "{left} of {}", weights.iter().sum::<u32>());
        }
    }
}
