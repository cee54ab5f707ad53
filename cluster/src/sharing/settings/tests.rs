//! Masters over a registry that each hears in its own time: in the end all have the same settings, and it has them, too.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const MASTERS: usize = 3;

fn own(master: usize) -> Settings {
    let policy = [PolicyName::LeastLoaded, PolicyName::WeightedRoundRobin][master % 2];
    Settings { policy, admission: AdmissionName::Open, resting: BTreeSet::new() }
}

fn rest(name: &str, rests: bool) -> Setting {
    if rests { Setting::Rest(name.to_owned()) } else { Setting::Resume(name.to_owned()) }
}

const WEIGHTED: Setting = Setting::Policy(Some(PolicyName::WeightedRoundRobin));
const LEAST: Setting = Setting::Policy(Some(PolicyName::LeastLoaded));
const FAIR: Setting = Setting::Admission(Some(AdmissionName::Fair));

#[derive(Clone, Debug)]
enum Op {
    Make(usize, Setting),
    /// A master writes at most so many. The answer may be lost, and the session with it.
    Publish(usize, usize, bool),
    /// A master hears so many events of the registry.
    Deliver(usize, usize),
    CutOff(usize),
    Connect(usize),
    /// A master is killed and started again.
    Crash(usize),
    /// The registry loses all it knows.
    Wipe,
}

struct Master {
    agreed: AgreedSettings,
    /// How many events the master has learnt in this session.
    session: Option<usize>,
    /// The settings that the master has written, each with the revision.
    published: Vec<(i64, Setting)>,
}

impl Master {
    fn new(n: usize) -> Master {
        Master { agreed: AgreedSettings::new(own(n)), session: None, published: Vec::new() }
    }

    /// What the master shows for the key of `setting`.
    fn shown(&self, setting: &Setting) -> Setting {
        let AgreedSettings { policy, admission, resting, .. } = &self.agreed;
        match setting {
            Setting::Policy(_) => Setting::Policy(*policy),
            Setting::Admission(_) => Setting::Admission(*admission),
            Setting::Rest(name) | Setting::Resume(name) => rest(name, resting.contains(name)),
        }
    }
}

#[derive(Default)]
struct World {
    masters: Vec<Master>,
    /// The settings in the registry, by key.
    held: BTreeMap<String, Setting>,
    /// The changes of the registry in their order, each with its revision.
    events: Vec<(i64, Setting)>,
    revision: i64,
    /// Whether it has an epoch.
    is_begun: bool,
}

fn key(setting: &Setting) -> String {
    match setting {
        Setting::Policy(_) => "policy".to_owned(),
        Setting::Admission(_) => "admission".to_owned(),
        Setting::Rest(name) | Setting::Resume(name) => format!("resting/{name}"),
    }
}

impl World {
    fn new() -> World {
        World { masters: (0..MASTERS).map(Master::new).collect(), ..World::default() }
    }

    /// Writes all at once. As in etcd, nobody hears of a key that is deleted and was not there.
    fn write(&mut self, settings: &[Setting]) {
        let before = self.events.len();
        for setting in settings {
            let is_heard = match setting {
                Setting::Resume(_) => self.held.remove(&key(setting)).is_some(),
                _ => {
                    self.held.insert(key(setting), setting.clone());
                    true
                }
            };
            if is_heard {
                self.events.push((self.revision + 1, setting.clone()));
            }
        }
        self.revision += i64::from(self.events.len() > before);
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Make(n, setting) => self.masters[n].agreed.make(setting),
            Op::Publish(n, most, is_answered) => {
                if self.masters[n].session.is_none() {
                    return;
                }
                let settings = self.masters[n].agreed.to_publish(most);
                self.write(&settings);
                let (master, revision) = (&mut self.masters[n], self.revision);
                if is_answered {
                    master.published.extend(settings.iter().map(|setting| (revision, setting.clone())));
                    master.agreed.published(settings, revision);
                } else {
                    master.session = None;
                }
            }
            Op::Deliver(n, most) => {
                let Master { agreed, session: Some(heard), .. } = &mut self.masters[n] else { return };
                for (revision, event) in self.events.iter().skip(*heard).take(most) {
                    agreed.learn(event.clone(), *revision);
                    *heard += 1;
                }
            }
            Op::CutOff(n) => self.masters[n].session = None,
            Op::Connect(n) => {
                if !std::mem::replace(&mut self.is_begun, true) {
                    self.write(&self.masters[n].agreed.all());
                }
                self.masters[n].agreed.learn_all(self.held.values().cloned().collect());
                self.masters[n].session = Some(self.events.len());
            }
            Op::Crash(n) => self.masters[n] = Master::new(n),
            Op::Wipe => {
                for master in &mut self.masters {
                    (master.session, master.published) = (None, Vec::new());
                }
                (self.held, self.events, self.revision, self.is_begun) = (BTreeMap::new(), Vec::new(), 0, false);
            }
        }
        self.assert_nothing_is_undone();
    }

    /// Checks that a master that has published a setting shows it, or one that was written after it, or one that it has yet to
    /// publish.
    fn assert_nothing_is_undone(&self) {
        for (n, master) in self.masters.iter().enumerate() {
            for (revision, published) in &master.published {
                let shown = master.shown(published);
                let is_later = self.events.iter().any(|(at, event)| at > revision && *event == shown);
                let is_right = shown == *published || is_later || master.agreed.unpublished.contains(&shown);
                assert!(is_right, "master {n} has published {published:?}, and shows {shown:?} again");
            }
        }
    }

    fn play(&mut self, ops: impl IntoIterator<Item = Op>) {
        ops.into_iter().for_each(|op| self.act(op));
    }

    /// Connects the masters that are not connected, and lets all of them publish and learn all there is.
    fn settle(&mut self) {
        for n in 0..MASTERS {
            if self.masters[n].session.is_none() {
                self.act(Op::Connect(n));
            }
            self.act(Op::Publish(n, usize::MAX, true));
        }
        (0..MASTERS).for_each(|n| self.act(Op::Deliver(n, usize::MAX)));
    }

    /// The settings that the registry and all masters hold, which must be the same.
    fn agreed(&self) -> Vec<Setting> {
        let mut held = AgreedSettings::new(own(0));
        held.learn_all(self.held.values().cloned().collect());
        for Master { agreed, .. } in &self.masters {
            assert_eq!((agreed.all(), agreed.is_published()), (held.all(), true));
        }
        held.all()
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    let name = prop_oneof![Just("pi-1"), Just("pi-2")];
    prop_oneof![
        Just(WEIGHTED),
        Just(LEAST),
        Just(FAIR),
        Just(Setting::Admission(Some(AdmissionName::Fifo))),
        (name, any::<bool>()).prop_map(|(name, rests)| rest(name, rests)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let master = 0..MASTERS;
    prop_oneof![
        6 => (master.clone(), setting()).prop_map(|(n, setting)| Op::Make(n, setting)),
        4 => (master.clone(), 1..3_usize, prop::bool::weighted(0.8)).prop_map(|(n, most, heard)| Op::Publish(n, most, heard)),
        4 => (master.clone(), 1..3_usize).prop_map(|(n, most)| Op::Deliver(n, most)),
        1 => master.clone().prop_map(Op::CutOff),
        6 => master.clone().prop_map(Op::Connect),
        1 => master.prop_map(Op::Crash),
        1 => Just(Op::Wipe),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_they_agree_in_the_end(ops in prop::collection::vec(op(), 0..80)) {
        let mut world = World::new();
        world.play(ops);
        world.settle();
        world.agreed();
    }
}

/// Masters that have agreed on two things, each of which another one was told.
fn agreed_world() -> World {
    let mut world = World::new();
    world.settle();
    world.play([Op::Make(0, WEIGHTED), Op::Make(1, rest("pi-1", true))]);
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, rest("pi-1", true)]);
    world
}

#[test]
fn nothing_is_shared_that_nobody_has_set() {
    let mut world = World::new();
    world.settle();
    assert!(world.agreed().is_empty());
    for (n, master) in world.masters.iter().enumerate() {
        assert_eq!(master.agreed.settings(), own(n));
    }
}

#[test]
fn what_is_set_outlives_its_master_and_all_of_them() {
    let mut world = agreed_world();
    world.act(Op::Crash(0));
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, rest("pi-1", true)]);
    world.play((0..MASTERS).map(Op::Crash));
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, rest("pi-1", true)]);
    assert_eq!(world.masters[2].agreed.settings().policy, PolicyName::WeightedRoundRobin);
}

#[test]
fn of_two_at_once_the_last_one_written_counts_and_other_keys_are_left_alone() {
    let mut world = agreed_world();
    world.play([Op::Make(0, WEIGHTED), Op::Make(0, FAIR), Op::Make(1, LEAST), Op::Make(1, rest("pi-2", true))]);
    world.play([Op::Publish(1, 9, true), Op::Publish(0, 9, true)]);
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, FAIR, rest("pi-1", true), rest("pi-2", true)]);
}

#[test]
fn what_is_set_while_the_registry_is_away_is_in_effect_here_and_told_later() {
    let mut world = agreed_world();
    world.play([Op::CutOff(0), Op::Make(0, rest("pi-1", false)), Op::Make(0, FAIR), Op::Make(0, LEAST)]);
    let settings = world.masters[0].agreed.settings();
    assert_eq!((settings.policy, settings.resting.len()), (PolicyName::LeastLoaded, 0));
    world.act(Op::Connect(0));
    assert_eq!(world.masters[0].agreed.settings(), settings, "what the registry still holds does not count");
    world.settle();
    assert_eq!(world.agreed(), [LEAST, FAIR]);
}

#[test]
fn what_was_written_without_an_answer_is_written_again() {
    let mut world = agreed_world();
    world.play([Op::Make(0, FAIR), Op::Publish(0, 9, false)]);
    assert!(!world.masters[0].agreed.is_published());
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, FAIR, rest("pi-1", true)]);
}

#[test]
fn an_empty_registry_is_filled_again_by_the_first_that_comes_back() {
    let mut world = agreed_world();
    world.play([Op::Wipe, Op::Connect(2), Op::Connect(0)]);
    assert_eq!(world.masters[0].agreed.all(), [WEIGHTED, rest("pi-1", true)]);
    world.settle();
    assert_eq!(world.agreed(), [WEIGHTED, rest("pi-1", true)]);
}

#[test]
fn what_somebody_deletes_is_as_each_master_was_told_at_its_start() {
    let mut agreed = AgreedSettings::new(own(0));
    for setting in [WEIGHTED, FAIR, rest("pi-1", true)] {
        agreed.learn(setting, 1);
    }
    for unset in [Setting::Policy(None), Setting::Admission(None), rest("pi-1", false)] {
        agreed.learn(unset, 2);
    }
    assert_eq!(agreed.settings(), own(0));
}

#[test]
fn a_registry_full_of_names_is_no_more_than_a_master_remembers() {
    let mut agreed = AgreedSettings::new(own(0));
    agreed.learn_all((0..=MAX_WORKERS).map(|n| rest(&n.to_string(), true)).collect());
    assert_eq!(agreed.settings().resting.len(), MAX_WORKERS);
}

#[test]
fn what_is_set_here_stands_until_something_is_written_after_it() {
    let mut agreed = AgreedSettings::new(own(0));
    agreed.make(WEIGHTED);
    agreed.learn(LEAST, 1);
    assert_eq!(agreed.settings().policy, PolicyName::WeightedRoundRobin);
    agreed.published(vec![WEIGHTED], 3);
    // It was written before, and is heard of after.
    agreed.learn(LEAST, 2);
    assert_eq!(agreed.settings().policy, PolicyName::WeightedRoundRobin);
    agreed.learn(WEIGHTED, 3);
    agreed.learn(LEAST, 4);
    assert_eq!(agreed.settings().policy, PolicyName::LeastLoaded);
}

#[test]
fn what_was_written_here_is_remembered_no_longer_than_older_words_may_come() {
    let mut agreed = AgreedSettings::new(own(0));
    // Nothing is heard of a key that is deleted and was not there.
    for name in ["pi-1", "pi-2"] {
        agreed.make(rest(name, false));
        agreed.published(agreed.to_publish(9), 3);
    }
    agreed.learn(FAIR, 2);
    assert_eq!(agreed.unconfirmed.len(), 2);
    agreed.learn(LEAST, 3);
    assert_eq!(agreed.unconfirmed, []);
    agreed.make(FAIR);
    agreed.published(vec![FAIR], 9);
    // The registry has lost all, and counts anew.
    agreed.learn_all(Vec::new());
    agreed.learn(FAIR, 1);
    assert_eq!(agreed.settings().admission, AdmissionName::Fair);
}

#[test]
fn what_a_master_has_told_is_not_undone_by_an_older_word_that_it_hears_later() {
    let mut world = agreed_world();
    world.play([Op::Make(1, Setting::Admission(Some(AdmissionName::Fifo))), Op::Publish(1, 9, true)]);
    world.play([Op::Make(0, FAIR), Op::Publish(0, 9, true), Op::Deliver(0, 1)]);
    assert_eq!(world.masters[0].agreed.settings().admission, AdmissionName::Fair);
}
