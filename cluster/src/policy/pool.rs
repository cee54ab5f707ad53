//! The workers that a policy chooses from, without a walk over all of them.

use std::collections::HashMap;

use facefleet_proto::WorkerId;
use fastrand::Rng;

use super::contender::Contender;

/// The workers of a group, in no order. Entering, leaving and drawing take the same time however many there are.
#[derive(Clone, Debug, Default)]
pub struct Members {
    ids: Vec<WorkerId>,
    /// The index of each worker in `ids`.
    places: HashMap<WorkerId, usize>,
}

impl Members {
    /// Takes a worker in. Returns whether it is new.
    pub fn enter(&mut self, id: WorkerId) -> bool {
        let is_new = !self.places.contains_key(&id);
        if is_new {
            self.places.insert(id, self.ids.len());
            self.ids.push(id);
        }
        is_new
    }

    /// Lets a worker go. Returns whether it was there.
    pub fn leave(&mut self, id: WorkerId) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        self.ids.swap_remove(place);
        if let Some(moved) = self.ids.get(place) {
            self.places.insert(*moved, place);
        }
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// What a policy sees when a route is asked for: the workers that this one request may have.
pub struct Pool<'a> {
    members: &'a Members,
    rng: &'a mut Rng,
    look_up: &'a dyn Fn(WorkerId) -> Option<Contender>,
}

impl<'a> Pool<'a> {
    /// A pool of `members`. `look_up` returns what is known of a member; None: this request may not have it.
    pub fn new(members: &'a Members, rng: &'a mut Rng, look_up: &'a dyn Fn(WorkerId) -> Option<Contender>) -> Pool<'a> {
        Pool { members, rng, look_up }
    }

    /// One worker; None: the request may not have it.
    pub fn get(&self, id: WorkerId) -> Option<Contender> {
        (self.look_up)(id)
    }

    /// Draws `count` workers at random, each at most once; all of them, if there are fewer. Takes time in proportion to `count`
    /// and to the number of workers that are drawn in vain because the request may not have them.
    pub fn draw(&mut self, count: usize) -> Vec<Contender> {
        let ids = &self.members.ids;
        let mut drawn = Vec::new();
        // The beginning of a Fisher-Yates shuffle, of which only the entries that have moved are kept.
        let mut moved: HashMap<usize, usize> = HashMap::new();
        for next in 0..ids.len() {
            if drawn.len() >= count {
                break;
            }
            let other = self.rng.usize(next..ids.len());
            let first = moved.remove(&next).unwrap_or(next);
            let place = if other == next { first } else { moved.insert(other, first).unwrap_or(other) };
            drawn.extend(self.get(ids[place]));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::super::contender::tests::contender;
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn members(count: u32) -> Members {
        let mut members = Members::default();
        (0..count).for_each(|id| assert!(members.enter(WorkerId(id))));
        members
    }

    #[test]
    fn everybody_is_drawn_equally_often() {
        let (members, mut rng) = (members(10), Rng::with_seed(1));
        let mut drawn = [0; 10];
        for _ in 0..10_000 {
            let mut pool = Pool::new(&members, &mut rng, &|id| Some(contender(id.0, 1)));
            pool.draw(2).iter().for_each(|c| drawn[c.id.0 as usize] += 1);
        }
        assert!(drawn.iter().all(|count| (1_800..2_200).contains(count)), "{drawn:?}");
    }

    #[test]
    fn who_may_not_be_had_is_drawn_in_vain() {
        let (members, mut rng) = (members(100), Rng::with_seed(1));
        let odd = |id: WorkerId| (id.0 % 2 == 1).then(|| contender(id.0, 1));
        let mut pool = Pool::new(&members, &mut rng, &odd);
        assert_eq!((pool.draw(20).len(), pool.draw(51).len(), pool.draw(100).len()), (20, 50, 50));
        assert!(pool.draw(50).iter().all(|contender| contender.id.0 % 2 == 1));
        assert!(pool.get(WorkerId(2)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn members_are_a_set(steps in prop::collection::vec((0u32..12, 0u8..3), 1..100), seed: u64) {
            let (mut members, mut rng) = (Members::default(), Rng::with_seed(seed));
            let mut model = BTreeSet::new();
            for (id, step) in steps {
                match step {
                    0 => prop_assert_eq!(members.enter(WorkerId(id)), model.insert(id)),
                    1 => prop_assert_eq!(members.leave(WorkerId(id)), model.remove(&id)),
                    _ => {
                        let look_up = |id: WorkerId| Some(contender(id.0, 1));
                        let drawn = Pool::new(&members, &mut rng, &look_up).draw(id as usize);
                        let ids: BTreeSet<u32> = drawn.iter().map(|contender| contender.id.0).collect();
                        prop_assert_eq!(ids.len(), model.len().min(id as usize));
                        prop_assert!(ids.is_subset(&model));
                    }
                }
                prop_assert_eq!((members.len(), members.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }
}
