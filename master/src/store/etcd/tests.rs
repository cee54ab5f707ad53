//! Whatever stands in etcd: what means nothing is passed over, and what means something is taken in beside it.

use super::*;
use crate::config::Config;
use crate::nodes::nodes;
use crate::parts::Parts;
use crate::store::Store;
use facefleet_cluster::admission::AdmissionName;
use facefleet_cluster::policy::PolicyName;
use facefleet_cluster::registry::END_OF_IDS;
use facefleet_proto::{Join, wire};
use proptest::prelude::*;

const EPOCH: u64 = 7;
const ME: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50051);

fn registrar() -> Registrar {
    let place = Place { members: vec![ME.into()], bound: ME, advertise: None };
    let Parts { scheduler, publication, masters, .. } =
        Parts::of(&Config { store: Store::Etcd(place.members.clone()), ..Config::default() });
    Registrar::new(scheduler.clone(), publication, Peers::new(scheduler, masters), place)
}

fn kv(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> KeyValue {
    KeyValue { key: key.into(), create_revision: 3, mod_revision: 3, value: value.into() }
}

fn worker(n: u16) -> KeyValue {
    let (ip, name) = ("10.0.0.1".to_owned(), format!("w{n}"));
    let join = wire::JoinRequest { ip, port: n.into(), weight: 1, name, generation: 1, ..Default::default() };
    kv(keys::worker(WorkerId(n.into())), keys::value(Join::try_from(join).unwrap(), 99))
}

fn written(kv: KeyValue) -> Event {
    Event { r#type: EventType::Put.into(), kv: Some(kv) }
}

fn deleted(kv: KeyValue) -> Event {
    Event { r#type: EventType::Delete.into(), kv: Some(kv) }
}

fn changed(events: Vec<Event>) -> Option<WatchResponse> {
    Some(WatchResponse { events, ..WatchResponse::default() })
}

fn names(registrar: &Registrar) -> Vec<String> {
    let scheduler = registrar.scheduler.lock();
    let nodes = nodes(&scheduler, scheduler.now()).nodes;
    nodes.into_iter().map(|node| node.identity.name).collect()
}

/// A key that may be one of ours, and a value that may be cut off or have a changed byte.
fn garbage() -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![
        any::<Vec<u8>>(),
        "facefleet/(workers|masters|leases)/[0-9+-]{0,12}".prop_map(String::into_bytes),
        "facefleet/[a-z/0-9-]{0,12}".prop_map(String::into_bytes),
    ];
    let spoilt =
        (any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()).prop_map(|(at, byte, end)| {
            let mut value = worker(9).value;
            let at = at.index(value.len());
            value[at] = byte;
            value.truncate(end.index(value.len() + 1));
            value
        });
    let value = prop_oneof![any::<Vec<u8>>(), spoilt];
    let is_harmless = |(key, value): &(Vec<u8>, Vec<u8>)| {
        // What follows is no garbage: a registration that happens to be right.
        let is_registration = matches!(keys::key(key), Key::Worker(id) if keys::registration(id, value).is_some());
        !is_registration && !matches!(keys::key(key), Key::Epoch | Key::NextId)
    };
    (key, value).prop_filter("garbage", is_harmless).prop_map(|(key, value)| kv(key, value))
}

proptest! {
    #[test]
    fn garbage_is_passed_over(first in prop::collection::vec(garbage(), 0..8), then in prop::collection::vec(garbage(), 0..8)) {
        let mut registrar = registrar();
        let all = first.into_iter().chain([worker(1)]).collect();
        registrar.begin(EPOCH, 0..10, all, ME);
        prop_assert_eq!(names(&registrar), ["w1"]);
        let events = then.iter().cloned().map(written).chain([written(worker(2))]).collect();
        registrar.learn(changed(events)).unwrap();
        prop_assert_eq!(names(&registrar), ["w1", "w2"]);
        let harmless = then.into_iter().filter(|kv| !matches!(keys::key(&kv.key), Key::Worker(WorkerId(1 | 2))));
        registrar.learn(changed(harmless.map(deleted).collect())).unwrap();
        prop_assert_eq!(names(&registrar), ["w1", "w2"]);
    }
}

#[test]
fn a_key_that_only_masters_write_ends_the_session() {
    let mut registrar = registrar();
    registrar.begin(EPOCH, 0..10, vec![worker(1)], ME);
    for event in [
        written(kv(keys::EPOCH, "8")),
        deleted(kv(keys::EPOCH, "")),
        written(kv(keys::NEXT_ID, "ten")),
        deleted(kv(keys::NEXT_ID, "")),
    ] {
        let error = registrar.learn(changed(vec![event])).unwrap_err();
        assert!(matches!(error, EtcdError::Spoilt { .. }), "{error}");
    }
    registrar.learn(changed(vec![written(kv(keys::NEXT_ID, "4294967295"))])).unwrap();
    assert_eq!(names(&registrar), ["w1"]);
}

#[test]
fn a_watch_that_ends_ends_the_session() {
    let mut registrar = registrar();
    let canceled = WatchResponse { canceled: true, cancel_reason: "compacted".to_owned(), events: Vec::new() };
    let errors = [Some(canceled), None].map(|heard| registrar.learn(heard).unwrap_err().to_string());
    assert_eq!(errors, ["it ended the watch: compacted", "it ended the watch: without a reason"]);
    registrar.learn(changed(vec![Event { r#type: 5, kv: None }])).unwrap();
}

/// All keys of a lease go with one revision in etcd, the key of the lease before those of workers. The key of the master may be
/// under another lease.
#[test]
fn what_goes_with_a_lease_is_told_from_what_was_deleted() {
    let mut registrar = registrar();
    registrar.begin(EPOCH, 0..10, vec![worker(1), worker(2)], ME);
    let at = |kv: KeyValue, mod_revision| deleted(KeyValue { mod_revision, ..kv });
    let lease = kv(keys::lease(i64::MAX), "");
    registrar.learn(changed(vec![at(lease, 10), at(worker(1), 10), at(worker(2), 11)])).unwrap();
    assert_eq!(names(&registrar), ["w1"]);
}

#[test]
fn why_there_is_no_session_is_said_once_also_if_there_never_was_one() {
    let mut registrar = registrar();
    let are_news = |registrar: &mut Registrar| {
        let errors = [EtcdError::Silent, EtcdError::Silent, EtcdError::NoAddress { bound: ME }, EtcdError::Silent];
        errors.map(|error| registrar.lost(&error))
    };
    assert_eq!(are_news(&mut registrar), [true, false, true, false]);
    registrar.begin(EPOCH, 0..10, Vec::new(), ME);
    assert_eq!(are_news(&mut registrar), [true, false, true, false]);
}

#[test]
fn ids_are_set_aside_while_there_are_any() {
    let mut registrar = registrar();
    for (ids, lacks) in [(0..10, true), (0..1024, false), (END_OF_IDS - 10..END_OF_IDS, false)] {
        registrar.begin(EPOCH, ids, Vec::new(), ME);
        assert_eq!(registrar.lacks_ids(), lacks);
    }
}

fn settings(registrar: &Registrar) -> (PolicyName, AdmissionName, Vec<String>) {
    let settings = registrar.scheduler.lock().settings();
    (settings.policy, settings.admission, settings.resting.into_iter().collect())
}

fn stored(setting: &Setting) -> KeyValue {
    let (key, value) = keys::setting(setting);
    kv(key, value.unwrap())
}

#[test]
fn settings_are_followed_and_what_means_nothing_is_as_if_it_were_not_there() {
    let policy = Setting::Policy(Some(PolicyName::WeightedRoundRobin));
    let admission = Setting::Admission(Some(AdmissionName::Fifo));
    let rest = Setting::Rest("w1".to_owned());
    let flags = (PolicyName::default(), AdmissionName::default(), Vec::new());

    let mut registrar = registrar();
    registrar.begin(EPOCH, 0..10, vec![worker(1), stored(&policy), stored(&rest)], ME);
    assert_eq!(settings(&registrar), (PolicyName::WeightedRoundRobin, AdmissionName::Open, vec!["w1".to_owned()]));
    assert!(registrar.scheduler.lock().registry().named("w1").unwrap().is_resting);
    registrar.learn(changed(vec![written(stored(&admission))])).unwrap();
    assert!(!registrar.scheduler.lock().is_open());

    let spoilt = |setting: &Setting| kv(stored(setting).key, "<b>of a later version</b>");
    let all = [&policy, &admission, &rest];
    registrar.learn(changed(all.map(|setting| written(spoilt(setting))).into())).unwrap();
    assert_eq!(settings(&registrar), flags);
    registrar.learn(changed(all.map(|setting| written(stored(setting))).into())).unwrap();
    assert_ne!(settings(&registrar), flags);
    registrar.begin(EPOCH, 0..10, all.map(spoilt).into(), ME);
    assert_eq!(settings(&registrar), flags);
    registrar.learn(changed(all.map(|setting| written(stored(setting))).into())).unwrap();
    registrar.learn(changed(all.map(|setting| deleted(kv(stored(setting).key, ""))).into())).unwrap();
    assert_eq!(settings(&registrar), flags);
    assert!(registrar.scheduler.lock().is_open());
}
