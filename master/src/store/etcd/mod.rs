//! The registry in etcd: one session after the other with any of its members.
//!
//! A session takes a lease, reads all there is, and from then on hears of every change; this master's own registrations are
//! written under the lease. Whatever goes wrong ends the session, and the next one begins in the same way, so that no half of a
//! session has to be repaired. In between the master goes on with what it knows.

mod address;
mod client;
mod keys;
mod messages;

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use facefleet_cluster::scheduler::sharing::Gone;
use facefleet_cluster::sharing::book::{Change, Registration};
use facefleet_cluster::sharing::masters::Registered;
use facefleet_cluster::sharing::settings::{AgreedSettings, Setting};
use facefleet_proto::WorkerId;
use facefleet_service::address::{HostPort, local_towards};
use facefleet_service::clock;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::peers::Peers;
use crate::publication::Publication;
use crate::shared_scheduler::{Locked, SharedScheduler};
use client::{Etcd, EtcdError, Lease, Snapshot};
use keys::Key;
use messages::{DeleteRequest, Event, EventType, KeyValue, Op, PutRequest, WatchResponse};

/// How long the keys of a master outlive it: longer than its workers take to find another master, which keeps them from then on.
const LEASE_S: i64 = 6;
/// How soon etcd is tried again, mostly another member of it.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How often the lease is renewed, and so how soon this master knows that it is cut off.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How few ids are left when it is time to set more aside.
const FEW: usize = 512;
/// Keys that are written at once: etcd takes 128.
const MOST_WRITES: usize = 100;

/// Shares the registry of this master with others.
pub(crate) struct Registrar {
    scheduler: SharedScheduler,
    publication: Arc<Publication>,
    peers: Peers,
    place: Place,
    /// This life of this master.
    me: u64,
    /// The revision that ended a lease, and so deleted all its keys.
    lease_ended: i64,
    /// Why there has been no session since the last one, as far as it was logged.
    logged: HashSet<String>,
}

/// Where etcd and this master are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The members of etcd, at least one.
    pub(crate) members: Vec<HostPort>,
    /// The address on which this master listens.
    pub(crate) bound: SocketAddr,
    /// The address at which others reach this master; None: the one from which it reaches etcd.
    pub(crate) advertise: Option<SocketAddr>,
}

impl Registrar {
    pub(crate) fn new(
        scheduler: SharedScheduler,
        publication: Arc<Publication>,
        peers: Peers,
        place: Place,
    ) -> Registrar {
        let me = fastrand::u64(..);
        Registrar { scheduler, publication, peers, place, me, lease_ended: 0, logged: HashSet::new() }
    }

    /// Shares the registry for as long as this is polled.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut turn = 0;
        loop {
            let member = self.place.members[turn % self.place.members.len()].clone();
            let Err(error) = self.session(&member).await;
            if !self.lost(&error) {
                tracing::debug!("etcd at {member}: {error}");
            } else if self.scheduler.is_ready() {
                tracing::warn!(
                    "cut off from etcd at {member}: {error}; going on with what is known, which may be stale"
                );
            } else {
                tracing::warn!(
                    "cannot begin to share the registry in etcd at {member}: {error}; trying on, and answering nobody \
                     until then (--store says where etcd is)"
                );
            }
            turn += 1;
            sleep(TRY_AGAIN).await;
        }
    }

    /// Records that there is no session. Returns whether the log does not have this, or the reason, yet.
    fn lost(&mut self, error: &EtcdError) -> bool {
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        scheduler.cut_off(now);
        drop(scheduler);
        self.publication.settle();
        self.logged.insert(error.to_string())
    }

    /// One session. It ends with an error.
    async fn session(&mut self, member: &HostPort) -> Result<Infallible, EtcdError> {
        let mut etcd = Etcd::connect(member).await?;
        let mut lease = etcd.lease(LEASE_S).await?;
        let epoch = self.epoch(&mut etcd).await?;
        let ids = self.ids(&mut etcd, epoch).await?;
        let address = self.address_towards(member).await?;
        let here = [(keys::lease(lease.id), String::new()), (keys::master(self.me), address.to_string())];
        etcd.write(here.map(|(key, value)| put(key, value.into_bytes(), lease.id)).into()).await?;
        let Snapshot { kvs, revision } = etcd.all(keys::PREFIX, keys::END).await?;
        let mut watch = etcd.watch(keys::PREFIX, keys::END, revision + 1).await?;
        self.begin(epoch, ids, kvs, address);
        tracing::info!(epoch, "the registry in etcd at {member} is shared as {address}");

        let mut keep = interval(KEEP_EVERY);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                response = watch.message() => self.learn(response?)?,
                () = self.publication.requested() => {}
                _ = keep.tick() => lease.keep().await?,
            }
            if self.lacks_ids() {
                let ids = self.ids(&mut etcd, epoch).await?;
                self.scheduler.lock().take_ids(ids);
            }
            self.publish(&mut etcd, &lease, address.ip()).await?;
        }
    }

    /// The epoch of the cluster. The first master decides what it is; that may be one that was there before etcd lost all it knew.
    async fn epoch(&self, etcd: &mut Etcd) -> Result<u64, EtcdError> {
        loop {
            if let Some(there) = etcd.get(keys::EPOCH).await? {
                return keys::plain(&there).filter(|epoch| *epoch != 0).ok_or_else(|| spoilt(keys::EPOCH));
            }
            let (known, settings) = {
                let mut scheduler = self.scheduler.lock();
                (scheduler.epoch(), scheduler.agreed().map_or_else(Vec::new, |agreed| agreed.all()))
            };
            // Settings are written before the epoch, so that a master that finds an epoch finds the settings, too.
            for some in settings.chunks(MOST_WRITES) {
                etcd.write_if(keys::EPOCH, 0, some.iter().map(put_setting).collect()).await?;
            }
            // 0 would be an old master, which has no epoch.
            let proposed = if known == 0 { clock::unix_us().max(1) } else { known };
            let op = put(keys::EPOCH.to_owned(), proposed.to_string().into_bytes(), 0);
            if etcd.write_if(keys::EPOCH, 0, vec![op]).await? {
                return Ok(proposed);
            }
        }
    }

    /// Whether it is time to set more ids aside. When all are given there is nothing to set aside any more.
    fn lacks_ids(&self) -> bool {
        let scheduler = self.scheduler.lock();
        scheduler.ids_left() < FEW && !scheduler.next_ids(scheduler.epoch(), Some(0)).is_empty()
    }

    /// Sets ids aside that nobody else will give.
    async fn ids(&self, etcd: &mut Etcd, epoch: u64) -> Result<Range<u32>, EtcdError> {
        loop {
            let there = etcd.get(keys::NEXT_ID).await?;
            let free = there.as_ref().map(|kv| keys::plain(kv).ok_or_else(|| spoilt(keys::NEXT_ID))).transpose()?;
            let ids = self.scheduler.lock().next_ids(epoch, free);
            let written_by = there.map_or(0, |kv| kv.mod_revision);
            let op = put(keys::NEXT_ID.to_owned(), ids.end.to_string().into_bytes(), 0);
            if etcd.write_if(keys::NEXT_ID, written_by, vec![op]).await? {
                return Ok(ids);
            }
        }
    }

    /// The address at which others reach this master.
    async fn address_towards(&self, member: &HostPort) -> Result<SocketAddr, EtcdError> {
        let Place { bound, advertise, .. } = self.place;
        let found = member.resolve_all().await.unwrap_or_default();
        let chosen = address::towards(bound, &found, local_towards);
        let address = advertise.or(chosen).ok_or(EtcdError::NoAddress { bound })?;
        // All masters may be on one machine, where a flag says so and etcd is there, too.
        let is_said = advertise.is_some() || !bound.ip().is_unspecified();
        if address.ip().is_loopback() && !(is_said && found.iter().all(|at| at.ip().is_loopback())) {
            tracing::warn!("masters on other machines do not reach this one at {address}: say where with --advertise");
        }
        Ok(address)
    }

    /// Takes in what was read at the beginning of a session.
    fn begin(&mut self, epoch: u64, ids: Range<u32>, all: Vec<KeyValue>, address: SocketAddr) {
        let (mut registrations, mut masters, mut settings) = (Vec::new(), Vec::new(), Vec::new());
        let mut since = i64::MAX;
        for kv in all {
            match keys::key(&kv.key) {
                Key::Worker(id) => registrations.extend(registration(id, &kv)),
                Key::Master(keeper) if keeper == self.me => since = kv.create_revision,
                // A master at our own address is an earlier life of ours.
                Key::Master(keeper) => masters.extend(master(keeper, &kv).filter(|master| master.address != address)),
                Key::Setting(unset) => settings.push(setting(unset, &kv)),
                Key::Epoch | Key::NextId | Key::Lease(_) | Key::Other => {}
            }
        }
        let mut scheduler = self.scheduler.lock();
        let now = scheduler.now();
        scheduler.connected(epoch, ids, now);
        scheduler.learn_all(registrations, self.me, now);
        // Under the same lock, so that nobody is answered by settings that are not those of the others.
        agree(&mut scheduler, |agreed| agreed.learn_all(settings));
        drop(scheduler);
        self.logged.clear();
        self.peers.begin(since, masters);
    }

    /// Learns what was written or deleted in etcd. `response` is None when the watch has ended.
    fn learn(&mut self, response: Option<WatchResponse>) -> Result<(), EtcdError> {
        let ended = |why: String| EtcdError::Ended { what: "watch", why };
        let WatchResponse { canceled, cancel_reason, events } =
            response.ok_or_else(|| ended("without a reason".to_owned()))?;
        if canceled {
            return Err(ended(cancel_reason));
        }
        for Event { r#type, kv } in events {
            let Some(kv) = kv else { continue };
            if r#type == i32::from(EventType::Put) {
                self.written(&kv)?;
            } else {
                self.deleted(&kv)?;
            }
        }
        Ok(())
    }

    fn written(&mut self, kv: &KeyValue) -> Result<(), EtcdError> {
        match keys::key(&kv.key) {
            Key::Epoch => return Err(spoilt(keys::EPOCH)),
            Key::NextId => {
                let end = keys::plain(kv).ok_or_else(|| spoilt(keys::NEXT_ID))?;
                self.scheduler.lock().set_aside(end);
            }
            Key::Worker(id) => {
                let Some(registration) = registration(id, kv) else { return Ok(()) };
                let (keeper, name) = (registration.keeper, &registration.join.identity.name);
                tracing::debug!("worker {id} `{name}` is kept by master {keeper}");
                let mut scheduler = self.scheduler.lock();
                let now = scheduler.now();
                scheduler.learn(registration, self.me, now);
            }
            Key::Master(keeper) if keeper != self.me => {
                master(keeper, kv).into_iter().for_each(|master| self.peers.add(master));
            }
            Key::Setting(unset) => {
                let setting = setting(unset, kv);
                agree(&mut self.scheduler.lock(), |agreed| agreed.learn(setting, kv.mod_revision));
            }
            Key::Lease(_) | Key::Master(_) | Key::Other => {}
        }
        Ok(())
    }

    fn deleted(&mut self, kv: &KeyValue) -> Result<(), EtcdError> {
        match keys::key(&kv.key) {
            Key::Epoch => return Err(spoilt(keys::EPOCH)),
            Key::NextId => return Err(spoilt(keys::NEXT_ID)),
            Key::Worker(id) => {
                let gone = if kv.mod_revision == self.lease_ended { Gone::Unkept } else { Gone::Deleted };
                let mut scheduler = self.scheduler.lock();
                let now = scheduler.now();
                let worker = scheduler.learn_gone(id, gone, now);
                drop(scheduler);
                worker.iter().for_each(|worker| tracing::info!("{worker} is gone, by another master's word"));
            }
            // All keys of a lease go at once and in their order, in which leases are before workers. The key of the master may
            // be under its next lease already.
            Key::Lease(_) => self.lease_ended = kv.mod_revision,
            Key::Master(keeper) => self.peers.remove(keeper),
            Key::Setting(unset) => {
                agree(&mut self.scheduler.lock(), |agreed| agreed.learn(unset, kv.mod_revision));
            }
            Key::Other => {}
        }
        Ok(())
    }

    /// Writes what must be written, but no more at once than leaves time to renew the lease.
    async fn publish(&self, etcd: &mut Etcd, lease: &Lease, here: IpAddr) -> Result<(), EtcdError> {
        let (changes, settings) = {
            let mut scheduler = self.scheduler.lock();
            let settings = scheduler.agreed().map_or_else(Vec::new, |agreed| agreed.to_publish(MOST_WRITES));
            (scheduler.to_publish(MOST_WRITES - settings.len()), settings)
        };
        if changes.is_empty() && settings.is_empty() {
            return Ok(());
        }
        let op = |change: &Change| match change {
            Change::Keep(id, join) => {
                let join = address::seen_from_afar(join.clone(), here);
                put(keys::worker(*id), keys::value(join, self.me), lease.id)
            }
            Change::Delete(id) => delete(keys::worker(*id)),
        };
        let written = etcd.write(changes.iter().map(op).chain(settings.iter().map(put_setting)).collect()).await;
        match written {
            Err(_) => self.scheduler.lock().not_published(&changes),
            Ok(_) if settings.is_empty() => {}
            Ok(revision) => {
                agree(&mut self.scheduler.lock(), |agreed| agreed.published(settings, revision));
                self.publication.settle();
            }
        }
        // There may be more.
        self.publication.request();
        written.map(|_| ())
    }
}

/// Updates the settings that the masters have agreed on, and logs them if they are other ones than before.
fn agree(scheduler: &mut Locked<'_>, update: impl FnOnce(&mut AgreedSettings)) {
    let now = scheduler.now();
    if let Some(settings) = scheduler.agree(update, now) {
        let (policy, admission) = (settings.policy.as_str(), settings.admission.as_str());
        tracing::info!(
            policy,
            admission,
            resting = settings.resting.len(),
            "other settings, by the shared registry's word"
        );
    }
}

fn put(key: String, value: Vec<u8>, lease: i64) -> Op {
    Op::Put(PutRequest { key: key.into_bytes(), value, lease })
}

fn delete(key: String) -> Op {
    Op::Delete(DeleteRequest { key: key.into_bytes() })
}

fn put_setting(setting: &Setting) -> Op {
    match keys::setting(setting) {
        // Without a lease: the setting stays when this master goes.
        (key, Some(value)) => put(key, value.into(), 0),
        (key, None) => delete(key),
    }
}

fn spoilt(key: &str) -> EtcdError {
    EtcdError::Spoilt { key: key.to_owned() }
}

/// Reads the key of a worker, and logs it if it means nothing to this version.
fn registration(id: WorkerId, kv: &KeyValue) -> Option<Registration> {
    let registration = keys::registration(id, &kv.value);
    if registration.is_none() {
        tracing::warn!("passing over `{}` in etcd: it is not a registration", keys::worker(id));
    }
    registration
}

/// Reads the key of a setting, and logs it if it means nothing to this version. The setting then counts as not made, so that all
/// masters do the same about it, whenever they have started.
fn setting(unset: Setting, kv: &KeyValue) -> Setting {
    keys::set(&unset, &kv.value).unwrap_or_else(|| {
        tracing::warn!("passing over `{}` in etcd: it means nothing to this version", keys::setting(&unset).0);
        unset
    })
}

/// Reads the key of a master, and logs it if it means nothing to this version.
fn master(keeper: u64, kv: &KeyValue) -> Option<Registered> {
    let address = keys::plain(kv);
    if address.is_none() {
        tracing::warn!("passing over `{}` in etcd: it is not an address", keys::master(keeper));
    }
    Some(Registered { keeper, address: address?, since: kv.create_revision })
}

#[cfg(test)]
mod tests;
