//! The registry in etcd: one session after the other with any of its members.
//!
//! A session takes a lease, reads all there is, and from then on hears of every change; this master's own registrations are
//! written under the lease. Whatever goes wrong ends the session, and the next one begins the same way, so that there is
//! no half of a session to repair. In between the master goes on with what it knows.

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

use facefleet_proto::WorkerId;
use facefleet_service::address::{HostPort, local_towards};
use facefleet_service::clock;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::peers::Peers;
use crate::shared::Shared;
use client::{Etcd, EtcdError, Lease};
use facefleet_cluster::scheduler::sharing::Gone;
use facefleet_cluster::sharing::book::{Change, Registration};
use facefleet_cluster::sharing::masters::Registered;
use facefleet_cluster::sharing::settings::Setting;
use keys::Key;
use messages::{DeleteRequest, Event, EventType, KeyValue, Op, PutRequest, WatchResponse};

/// How long the keys of a master outlive it: longer than its workers take to find another, who keeps them from then on.
const LEASE_S: i64 = 6;
/// How soon etcd is tried again, mostly another member of it.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How often the lease is lengthened, and so how soon this master knows that it is cut off.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// So few ids are left when it is time to set more aside.
const FEW: usize = 512;
/// Keys that are written at once: etcd takes 128.
const MOST_WRITES: usize = 100;

/// A master as the others meet it.
pub(crate) struct Registrar {
    shared: Arc<Shared>,
    members: Vec<HostPort>,
    /// Where this master listens.
    bound: SocketAddr,
    /// Where others reach it; None: at its address towards etcd.
    advertise: Option<SocketAddr>,
    /// This life of this master.
    me: u64,
    peers: Peers,
    /// The revision that ended a lease, and so deleted all its keys.
    lease_ended: i64,
    /// Why there has been no session since the last one, as far as the log says so.
    said: HashSet<String>,
}

impl Registrar {
    pub(crate) fn new(
        shared: Arc<Shared>,
        members: Vec<HostPort>,
        bound: SocketAddr,
        advertise: Option<SocketAddr>,
    ) -> Registrar {
        let peers = Peers::new(shared.clone());
        let me = fastrand::u64(..);
        Registrar { shared, members, bound, advertise, me, peers, lease_ended: 0, said: HashSet::new() }
    }

    /// Shares the registry for as long as it is polled.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut turn = 0;
        loop {
            let member = self.members[turn % self.members.len()].clone();
            let Err(error) = self.session(&member).await;
            if !self.lost(&error) {
                tracing::debug!("etcd at {member}: {error}");
            } else if self.shared.is_ready() {
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

    /// There is no session. Returns whether that, or the reason, is news.
    fn lost(&mut self, error: &EtcdError) -> bool {
        let (mut scheduler, now) = self.shared.locked();
        scheduler.cut_off(now);
        drop(scheduler);
        self.shared.told.send_replace(());
        self.said.insert(error.to_string())
    }

    async fn session(&mut self, member: &HostPort) -> Result<Infallible, EtcdError> {
        let mut etcd = Etcd::connect(member).await?;
        let mut lease = etcd.lease(LEASE_S).await?;
        let epoch = self.epoch(&mut etcd).await?;
        let ids = self.ids(&mut etcd, epoch).await?;
        let address = self.address_towards(member).await?;
        let here = [(keys::lease(lease.id), String::new()), (keys::master(self.me), address.to_string())];
        etcd.write(here.map(|(key, value)| put(key, value.into_bytes(), lease.id)).into()).await?;
        let (all, revision) = etcd.all(keys::PREFIX, keys::END).await?;
        let mut watch = etcd.watch(keys::PREFIX, keys::END, revision + 1).await?;
        self.begin(epoch, ids, all, address);
        tracing::info!(epoch, "the registry in etcd at {member} is shared as {address}");

        let mut keep = interval(KEEP_EVERY);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                heard = watch.message() => self.heard(heard?)?,
                () = self.shared.news.notified() => {}
                _ = keep.tick() => lease.keep().await?,
            }
            if self.lacks_ids() {
                let ids = self.ids(&mut etcd, epoch).await?;
                self.shared.locked().0.take_ids(ids);
            }
            self.tell(&mut etcd, &lease, address.ip()).await?;
        }
    }

    /// The epoch of the cluster. Whoever comes first says what it is; that may be a master that was there before etcd lost
    /// all it knew.
    async fn epoch(&self, etcd: &mut Etcd) -> Result<u64, EtcdError> {
        loop {
            if let Some(there) = etcd.get(keys::EPOCH).await? {
                return keys::plain(&there).filter(|epoch| *epoch != 0).ok_or_else(|| spoilt(keys::EPOCH));
            }
            let (known, settings) = {
                let (mut scheduler, _) = self.shared.locked();
                (scheduler.epoch(), scheduler.agreed().map_or_else(Vec::new, |agreed| agreed.all()))
            };
            // In an etcd that has lost all it knew, whoever finds an epoch finds the settings, too.
            for some in settings.chunks(MOST_WRITES) {
                etcd.write_if(keys::EPOCH, 0, some.iter().map(put_setting).collect()).await?;
            }
            // 0 would be an old master, which does not tell.
            let proposed = if known == 0 { clock::unix_us().max(1) } else { known };
            let op = put(keys::EPOCH.to_owned(), proposed.to_string().into_bytes(), 0);
            if etcd.write_if(keys::EPOCH, 0, vec![op]).await? {
                return Ok(proposed);
            }
        }
    }

    /// Whether it is time to set more ids aside. When all are given there is nothing to set aside any more.
    fn lacks_ids(&self) -> bool {
        let (scheduler, _) = self.shared.locked();
        scheduler.ids_left() < FEW && !scheduler.next_ids(scheduler.epoch(), Some(0)).is_empty()
    }

    /// Sets ids aside that nobody else will give.
    async fn ids(&self, etcd: &mut Etcd, epoch: u64) -> Result<Range<u32>, EtcdError> {
        loop {
            let there = etcd.get(keys::NEXT_ID).await?;
            let free = there.as_ref().map(|kv| keys::plain(kv).ok_or_else(|| spoilt(keys::NEXT_ID))).transpose()?;
            let ids = self.shared.locked().0.next_ids(epoch, free);
            let written_by = there.map_or(0, |kv| kv.mod_revision);
            let op = put(keys::NEXT_ID.to_owned(), ids.end.to_string().into_bytes(), 0);
            if etcd.write_if(keys::NEXT_ID, written_by, vec![op]).await? {
                return Ok(ids);
            }
        }
    }

    /// Where others reach this master.
    async fn address_towards(&self, member: &HostPort) -> Result<SocketAddr, EtcdError> {
        let found = member.resolve_all().await.unwrap_or_default();
        let chosen = address::towards(self.bound, &found, local_towards);
        let unknown = || EtcdError::NoAddress { bound: self.bound };
        let address = self.advertise.or(chosen).ok_or_else(unknown)?;
        // Whoever says so may have all masters on one machine, if etcd is there too.
        let is_said = self.advertise.is_some() || !self.bound.ip().is_unspecified();
        if address.ip().is_loopback() && !(is_said && found.iter().all(|at| at.ip().is_loopback())) {
            tracing::warn!("masters on other machines do not reach this one at {address}: say where with --advertise");
        }
        Ok(address)
    }

    /// Takes in what was read at the beginning of a session.
    fn begin(&mut self, epoch: u64, ids: Range<u32>, all: Vec<KeyValue>, address: SocketAddr) {
        let (mut registrations, mut masters, mut since) = (Vec::new(), Vec::new(), i64::MAX);
        let mut settings = Vec::new();
        for kv in all {
            match keys::key(&kv.key) {
                Key::Worker(id) => registrations.extend(registration(id, &kv)),
                Key::Master(keeper) if keeper == self.me => since = kv.create_revision,
                // Our own address is that of an earlier life of ours.
                Key::Master(keeper) => masters.extend(master(keeper, &kv).filter(|master| master.address != address)),
                Key::Setting(unset) => settings.push(setting(unset, &kv)),
                Key::Epoch | Key::NextId | Key::Lease(_) | Key::Other => {}
            }
        }
        let (mut scheduler, now) = self.shared.locked();
        scheduler.connected(epoch, ids, now);
        scheduler.told_all(registrations, self.me, now);
        // Under the same lock, so that nobody is answered by settings that are not those of the others.
        self.shared.agree_under(scheduler, now, |agreed| agreed.told_all(settings));
        self.said.clear();
        self.peers.begin(since, masters);
    }

    /// Takes in what etcd tells of.
    fn heard(&mut self, heard: Option<WatchResponse>) -> Result<(), EtcdError> {
        let ended = |why: String| EtcdError::Ended { what: "watch", why };
        let WatchResponse { canceled, cancel_reason, events } =
            heard.ok_or_else(|| ended("without a reason".to_owned()))?;
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
                self.shared.locked().0.set_aside(end);
            }
            Key::Worker(id) => {
                let Some(registration) = registration(id, kv) else { return Ok(()) };
                let (keeper, name) = (registration.keeper, &registration.join.identity.name);
                tracing::debug!("worker {id} `{name}` is kept by master {keeper}");
                let (mut scheduler, now) = self.shared.locked();
                scheduler.told(registration, self.me, now);
            }
            Key::Master(keeper) if keeper != self.me => {
                master(keeper, kv).into_iter().for_each(|master| self.peers.add(master));
            }
            Key::Setting(unset) => self.shared.agree(|agreed| agreed.told(setting(unset, kv), kv.mod_revision)),
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
                let (mut scheduler, now) = self.shared.locked();
                let worker = scheduler.told_gone(id, gone, now);
                drop(scheduler);
                worker.iter().for_each(|worker| tracing::info!("{worker} is gone, by another master's word"));
            }
            // All keys of a lease go at once and in their order, in which leases are before workers. That of a master may
            // be under its next lease already.
            Key::Lease(_) => self.lease_ended = kv.mod_revision,
            Key::Master(keeper) => self.shared.masters.send_modify(|masters| masters.remove(keeper)),
            Key::Setting(unset) => self.shared.agree(|agreed| agreed.told(unset, kv.mod_revision)),
            Key::Other => {}
        }
        Ok(())
    }

    /// Writes what has to be written, but no more at once than leaves time to lengthen the lease.
    async fn tell(&self, etcd: &mut Etcd, lease: &Lease, here: IpAddr) -> Result<(), EtcdError> {
        let (changes, settings) = {
            let (mut scheduler, _) = self.shared.locked();
            let settings = scheduler.agreed().map_or_else(Vec::new, |agreed| agreed.to_tell(MOST_WRITES));
            (scheduler.to_tell(MOST_WRITES - settings.len()), settings)
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
            Err(_) => self.shared.locked().0.not_told(&changes),
            Ok(_) if settings.is_empty() => {}
            Ok(revision) => {
                self.shared.agree(|agreed| agreed.has_told(settings, revision));
                self.shared.told.send_replace(());
            }
        }
        // There may be more.
        self.shared.news.notify_one();
        written.map(|_| ())
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
        // It stays when this master goes.
        (key, Some(value)) => put(key, value.into(), 0),
        (key, None) => delete(key),
    }
}

fn spoilt(key: &str) -> EtcdError {
    EtcdError::Spoilt { key: key.to_owned() }
}

/// What a worker's key holds, if it means something to this version.
fn registration(id: WorkerId, kv: &KeyValue) -> Option<Registration> {
    let registration = keys::registration(id, &kv.value);
    if registration.is_none() {
        tracing::warn!("passing over `{}` in etcd: it is not a registration", keys::worker(id));
    }
    registration
}

/// The same for a setting's. What means nothing is as if it were not there, so that all masters do the same about it,
/// whenever they have started.
fn setting(unset: Setting, kv: &KeyValue) -> Setting {
    keys::set(&unset, &kv.value).unwrap_or_else(|| {
        tracing::warn!("passing over `{}` in etcd: it means nothing to this version", keys::setting(&unset).0);
        unset
    })
}

/// The same for a master's.
fn master(keeper: u64, kv: &KeyValue) -> Option<Registered> {
    let address = keys::plain(kv);
    if address.is_none() {
        tracing::warn!("passing over `{}` in etcd: it is not an address", keys::master(keeper));
    }
    Some(Registered { keeper, address: address?, since: kv.create_revision })
}

#[cfg(test)]
mod tests;
