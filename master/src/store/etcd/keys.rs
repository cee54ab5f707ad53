//! The keys of the registry in etcd, and their values.
//!
//! `facefleet/epoch` and `facefleet/next-id` are decimal numbers that stay for ever. `facefleet/masters/KEEPER` is the address at
//! which other masters reach one, and `facefleet/workers/ID` is a [`Stored`]; both go with the lease of their master.
//! `facefleet/leases/LEASE`, which is empty, goes with it, too: nobody deletes that key, so when it goes, the lease has ended.
//! What administrators have set stays: `facefleet/settings/policy` and `…/admission` are names, and `…/resting/WORKER` is empty.

use std::str::FromStr;

use clap::ValueEnum;
use facefleet_proto::{Join, WorkerId, is_worker_name, wire};
use prost::Message;

use super::messages::KeyValue;
use facefleet_cluster::registry::END_OF_IDS;
use facefleet_cluster::sharing::book::Registration;
use facefleet_cluster::sharing::settings::Setting;

pub(super) const PREFIX: &str = "facefleet/";
/// The first key behind all that begin with [`PREFIX`].
pub(super) const END: &str = "facefleet0";
pub(super) const EPOCH: &str = "facefleet/epoch";
pub(super) const NEXT_ID: &str = "facefleet/next-id";
/// Sorts before [`WORKERS`]: the keys of a lease go in their order, so a master knows that the lease has ended before it hears of
/// the workers' keys.
const LEASES: &str = "facefleet/leases/";
const MASTERS: &str = "facefleet/masters/";
const WORKERS: &str = "facefleet/workers/";
const POLICY: &str = "facefleet/settings/policy";
const ADMISSION: &str = "facefleet/settings/admission";
const RESTING: &str = "facefleet/settings/resting/";

/// The value of a worker's key.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    /// The worker's message when it joined.
    #[prost(message, optional, tag = "1")]
    join: Option<wire::JoinRequest>,
    /// The life of the master that keeps the key.
    #[prost(uint64, tag = "2")]
    keeper: u64,
}

/// What a key is about.
#[derive(Debug, PartialEq)]
pub(super) enum Key {
    Epoch,
    NextId,
    Lease(i64),
    Master(u64),
    Worker(WorkerId),
    /// A setting, as it is where the key does not exist.
    Setting(Setting),
    /// Something that this version does not know.
    Other,
}

pub(super) fn lease(lease: i64) -> String {
    format!("{LEASES}{lease}")
}

pub(super) fn master(keeper: u64) -> String {
    format!("{MASTERS}{keeper}")
}

pub(super) fn worker(id: WorkerId) -> String {
    format!("{WORKERS}{id}")
}

/// Reads a key. A key that no master would write in this form is [`Key::Other`].
pub(super) fn key(key: &[u8]) -> Key {
    let text = str::from_utf8(key).unwrap_or_default();
    let known = [EPOCH, NEXT_ID, LEASES, MASTERS, WORKERS, POLICY, ADMISSION, RESTING]
        .into_iter()
        .find_map(|known| Some((known, text.strip_prefix(known)?)));
    match known {
        Some((EPOCH, "")) => Key::Epoch,
        Some((NEXT_ID, "")) => Key::NextId,
        Some((LEASES, lease)) => canonical(lease).map_or(Key::Other, Key::Lease),
        Some((MASTERS, keeper)) => canonical(keeper).map_or(Key::Other, Key::Master),
        Some((WORKERS, id)) => {
            let id = canonical(id).filter(|id| *id < END_OF_IDS);
            id.map_or(Key::Other, |id| Key::Worker(WorkerId(id)))
        }
        Some((POLICY, "")) => Key::Setting(Setting::Policy(None)),
        Some((ADMISSION, "")) => Key::Setting(Setting::Admission(None)),
        Some((RESTING, name)) if is_worker_name(name) => Key::Setting(Setting::Resume(name.to_owned())),
        _ => Key::Other,
    }
}

/// The key of a setting, and its value; None: the key does not exist where this is set.
pub(super) fn setting(setting: &Setting) -> (String, Option<&'static str>) {
    match setting {
        Setting::Policy(policy) => (POLICY.to_owned(), policy.map(|policy| policy.as_str())),
        Setting::Admission(admission) => (ADMISSION.to_owned(), admission.map(|admission| admission.as_str())),
        Setting::Rest(name) => (format!("{RESTING}{name}"), Some("")),
        Setting::Resume(name) => (format!("{RESTING}{name}"), None),
    }
}

/// Reads the value of the key of `unset`; None: it means nothing to this version.
pub(super) fn set(unset: &Setting, value: &[u8]) -> Option<Setting> {
    let text = str::from_utf8(value).ok()?;
    match unset {
        Setting::Policy(_) => Some(Setting::Policy(Some(named(text)?))),
        Setting::Admission(_) => Some(Setting::Admission(Some(named(text)?))),
        Setting::Rest(name) | Setting::Resume(name) => text.is_empty().then(|| Setting::Rest(name.clone())),
    }
}

/// Reads a name as it is on the command line.
fn named<T: ValueEnum>(text: &str) -> Option<T> {
    T::from_str(text, false).ok()
}

/// Reads a number in the one form in which masters write it: without a sign or leading zeros.
fn canonical<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// Reads a value that is a decimal number, or an address.
pub(super) fn plain<T: FromStr>(kv: &KeyValue) -> Option<T> {
    str::from_utf8(&kv.value).ok()?.parse().ok()
}

pub(super) fn value(join: Join, keeper: u64) -> Vec<u8> {
    Stored { join: Some(join.into()), keeper }.encode_to_vec()
}

/// Reads the registration of a worker; None: the value means nothing to this version.
pub(super) fn registration(id: WorkerId, value: &[u8]) -> Option<Registration> {
    let Stored { join, keeper } = Stored::decode(value).ok()?;
    Some(Registration { id, join: Join::try_from(join?).ok()?, keeper })
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_cluster::admission::AdmissionName;
    use facefleet_cluster::policy::PolicyName;

    #[test]
    fn a_registration_survives() {
        let message = wire::JoinRequest {
            ip: "10.0.0.7".into(),
            port: 50050,
            weight: 2,
            name: "pi-1".into(),
            generation: 9,
            cores: 4,
            heartbeat_interval_ms: 1000,
            detectors: vec!["yunet".into()],
            ..Default::default()
        };
        let join = Join::try_from(message).unwrap();
        let expected = Registration { id: WorkerId(3), join: join.clone(), keeper: 77 };
        assert_eq!(registration(WorkerId(3), &value(join, 77)), Some(expected));
        assert_eq!(registration(WorkerId(3), b"nonsense"), None);
        assert_eq!(registration(WorkerId(3), b""), None);
    }

    #[test]
    fn a_setting_survives() {
        let settings = [
            Setting::Policy(Some(PolicyName::WeightedRoundRobin)),
            Setting::Admission(Some(AdmissionName::Fair)),
            Setting::Rest("<b>pi 1</b>/2".into()),
        ];
        for written in settings {
            let (key_text, value) = setting(&written);
            let Key::Setting(unset) = key(key_text.as_bytes()) else { panic!("{key_text}") };
            assert_eq!(setting(&unset), (key_text.clone(), None), "a setting that is not made has no value");
            assert_eq!(set(&unset, value.unwrap().as_bytes()), Some(written));
            for garbage in [&b"a-policy-of-a-later-version"[..], b"<script>", b"OPEN", b"\xff", &[b'x'; 1 << 20]] {
                assert_eq!(set(&unset, garbage), None, "{key_text}");
            }
        }
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        assert_eq!(key(lease(5).as_bytes()), Key::Lease(5));
        assert_eq!(key(master(5).as_bytes()), Key::Master(5));
        assert_eq!(key(worker(WorkerId(5)).as_bytes()), Key::Worker(WorkerId(5)));
        assert_eq!(key(EPOCH.as_bytes()), Key::Epoch);
        assert_eq!(key(NEXT_ID.as_bytes()), Key::NextId);
        for other in [
            "facefleet/epoch/2",
            "facefleet/workers/-1",
            "facefleet/workers/+1",
            "facefleet/workers/01",
            "facefleet/workers/x",
            "facefleet/workers/2147483648",
            "facefleet/masters/",
            "facefleet/settings/policy/2",
            "facefleet/settings/resting/",
            "facefleet/settings/resting/a\nb",
            "facefleet/settings/something-new",
            "facefleet/masters/99999999999999999999",
            "\u{fffd}",
        ] {
            assert_eq!(key(other.as_bytes()), Key::Other, "{other}");
        }
        assert_eq!(key(b"facefleet/workers/\xff"), Key::Other);
        assert!(PREFIX < END && EPOCH < END && worker(WorkerId(u32::MAX)).as_str() < END);
        assert!(lease(i64::MAX) < worker(WorkerId(0)));
    }
}
