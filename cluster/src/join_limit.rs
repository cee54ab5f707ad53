//! How often workers may join from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// Joins that are taken at once from one address: a whole site may be behind it, and all its workers join again when their master
/// was restarted.
const AT_ONCE: f64 = 500.0;
/// Joins that are taken a second from one address, once `AT_ONCE` are used up. Workers that are turned away try again by
/// themselves.
pub const PER_S: f64 = 200.0;
/// How many times as many joins are taken from one IPv6 network with a prefix of 64 bits. One machine can use 2^64 addresses
/// there, but a whole LAN is one such network, too, with as many workers as it has machines.
const ADDRESSES: f64 = 10.0;

/// A token bucket for each address and each network that has used up some of its joins.
#[derive(Debug, Default)]
pub struct JoinLimit {
    addresses: HashMap<IpAddr, Bucket>,
    /// The buckets of IPv6 networks, by the first 64 bits of their addresses.
    networks: HashMap<u64, Bucket>,
}

/// Joins that were used up at a moment. [`PER_S`] of them come back in a second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    used: f64,
    at: Instant,
}

impl JoinLimit {
    /// Takes a join from this address, if one more may join from there. Returns whether it may.
    pub fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        let from = from.to_canonical();
        let network = match from {
            IpAddr::V6(v6) => Some((v6.to_bits() >> 64) as u64),
            IpAddr::V4(_) => None,
        };
        let used = |bucket: Option<&Bucket>, times| bucket.map_or(0.0, |bucket| bucket.used_at(now, times));
        let by_address = used(self.addresses.get(&from), 1.0) + 1.0;
        let by_network = used(network.and_then(|network| self.networks.get(&network)), ADDRESSES) + 1.0;
        let may = by_address <= AT_ONCE && by_network <= AT_ONCE * ADDRESSES;
        if may {
            self.addresses.insert(from, Bucket { used: by_address, at: now });
            network.map(|network| self.networks.insert(network, Bucket { used: by_network, at: now }));
        }
        may
    }

    /// Forgets the addresses from which nobody has joined lately, so that no more are remembered than can connect within a few
    /// seconds.
    pub fn tidy(&mut self, now: Instant) {
        self.addresses.retain(|_, bucket| bucket.used_at(now, 1.0) > 0.0);
        self.networks.retain(|_, bucket| bucket.used_at(now, ADDRESSES) > 0.0);
    }
}

impl Bucket {
    /// How many joins are still used up now, where [`PER_S`] times `times` come back in a second.
    fn used_at(self, now: Instant, times: f64) -> f64 {
        (self.used - now.saturating_duration_since(self.at).as_secs_f64() * PER_S * times).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::test_clock;
    use std::time::Duration;

    /// How many of `tries` may join.
    fn joined(limit: &mut JoinLimit, from: &str, tries: u32, now: Instant) -> usize {
        let from = from.parse().unwrap();
        (0..tries).filter(|_| limit.take(from, now)).count()
    }

    #[test]
    fn a_thousand_a_second_are_too_many_and_others_do_not_notice() {
        let (mut limit, start) = (JoinLimit::default(), test_clock::start());
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, start), 500);
        assert_eq!(joined(&mut limit, "10.0.0.2", 10, start), 10);
        let ms = |n: u64| start + Duration::from_millis(n);
        let steady: usize = (1..=1000).map(|n| joined(&mut limit, "10.0.0.1", 1, ms(n))).sum();
        assert!((199..=200).contains(&steady), "{steady} in the second after it");
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, ms(60_000)), 500);
    }

    #[test]
    fn neighbours_in_an_ipv6_network_do_not_notice_and_a_mapped_address_is_itself() {
        let (mut limit, now) = (JoinLimit::default(), test_clock::start());
        assert_eq!(joined(&mut limit, "fd00::1", 1000, now), 500);
        assert_eq!(joined(&mut limit, "fd00::ffff:2", 10, now), 10);
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, now), 500);
        assert_eq!(joined(&mut limit, "::ffff:10.0.0.1", 10, now), 0);
        assert_eq!(joined(&mut limit, "::ffff:10.0.0.2", 10, now), 10);
    }

    #[test]
    fn a_machine_with_many_ipv6_addresses_has_the_share_of_ten_and_leaves_no_trace_of_the_others() {
        let (mut limit, now) = (JoinLimit::default(), test_clock::start());
        let from = |n: u32| format!("fd00::{:x}:{:x}", n >> 16, n & 0xffff);
        let taken: usize = (0..20_000).map(|n| joined(&mut limit, &from(n), 1, now)).sum();
        assert_eq!((taken, limit.addresses.len(), limit.networks.len()), (5000, 5000, 1));
        assert_eq!(joined(&mut limit, "fd00:0:0:1::1", 10, now), 10);
        let later = now + Duration::from_secs(1);
        assert_eq!((0..20_000).map(|n| joined(&mut limit, &from(n), 1, later)).sum::<usize>(), 2000);
        limit.tidy(later + Duration::from_millis(2501));
        assert!(limit.addresses.is_empty() && limit.networks.is_empty());
    }

    #[test]
    fn who_has_not_joined_of_late_is_forgotten() {
        let (mut limit, start) = (JoinLimit::default(), test_clock::start());
        joined(&mut limit, "10.0.0.1", 1000, start);
        joined(&mut limit, "10.0.0.2", 1, start);
        limit.tidy(start);
        assert_eq!(limit.addresses.len(), 2);
        limit.tidy(start + Duration::from_millis(5));
        assert_eq!(limit.addresses.len(), 1);
        limit.tidy(start + Duration::from_millis(2500));
        assert!(limit.addresses.is_empty());
    }
}
