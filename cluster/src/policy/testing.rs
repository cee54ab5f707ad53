//! What the tests of policies share.

use fastrand::Rng;

use super::contender::Contender;
use super::pool::{Members, Pool};
use super::rule::Policy;

/// The ids of the workers that the policy chooses of these.
pub(super) fn choose(policy: &mut dyn Policy, contenders: &[Contender], wanted: usize) -> Vec<u32> {
    let mut members = Members::default();
    contenders.iter().for_each(|contender| assert!(members.enter(contender.id)));
    let look_up = |id| contenders.iter().find(|contender| contender.id == id).cloned();
    let mut rng = Rng::with_seed(1);
    policy.choose(&mut Pool::new(&members, &mut rng, &look_up), wanted).iter().map(|c| c.id.0).collect()
}
