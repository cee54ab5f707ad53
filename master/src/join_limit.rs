//! How often workers may join from one address. Pure: time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Joins at once from one address: a whole site may be behind it, and joins again when its master was restarted.
const AT_ONCE: f64 = 500.0;
/// And so many a second from then on. Workers that are turned away come again by themselves.
pub(crate) const PER_S: f64 = 200.0;

/// What each address has left, of those that have not all: a token bucket each.
#[derive(Debug, Default)]
pub(crate) struct JoinLimit {
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl JoinLimit {
    /// Whether one more may join from here.
    pub(crate) fn take(&mut self, from: IpAddr, now: Instant) -> bool {
        let bucket = self.buckets.entry(site(from)).or_insert(Bucket { left: AT_ONCE, at: now });
        bucket.left = bucket.left_at(now);
        bucket.at = now;
        let may = bucket.left >= 1.0;
        if may {
            bucket.left -= 1.0;
        }
        may
    }

    /// Forgets the addresses from which nobody has joined of late, so that there are no more than can connect within
    /// a few seconds.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.left_at(now) < AT_ONCE);
    }
}

impl Bucket {
    fn left_at(&self, now: Instant) -> f64 {
        (self.left + now.saturating_duration_since(self.at).as_secs_f64() * PER_S).min(AT_ONCE)
    }
}

/// One customer has 2^64 IPv6 addresses at least (RFC 6177), so there the network counts.
fn site(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_service::clock;
    use std::time::Duration;

    /// How many of `tries` may join.
    fn joined(limit: &mut JoinLimit, from: &str, tries: u32, now: Instant) -> usize {
        let from = from.parse().unwrap();
        (0..tries).filter(|_| limit.take(from, now)).count()
    }

    #[test]
    fn a_thousand_a_second_are_too_many_and_others_do_not_notice() {
        let (mut limit, start) = (JoinLimit::default(), clock::now());
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, start), 500);
        assert_eq!(joined(&mut limit, "10.0.0.2", 10, start), 10);
        let ms = |n: u64| start + Duration::from_millis(n);
        let steady: usize = (1..=1000).map(|n| joined(&mut limit, "10.0.0.1", 1, ms(n))).sum();
        assert!((199..=200).contains(&steady), "{steady} in the second after it");
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, ms(60_000)), 500);
    }

    #[test]
    fn an_ipv6_network_is_one_site_and_a_mapped_address_is_itself() {
        let (mut limit, now) = (JoinLimit::default(), clock::now());
        assert_eq!(joined(&mut limit, "fd00::1", 1000, now), 500);
        assert_eq!(joined(&mut limit, "fd00::ffff:2", 10, now), 0);
        assert_eq!(joined(&mut limit, "fd00:0:0:1::1", 10, now), 10);
        assert_eq!(joined(&mut limit, "10.0.0.1", 1000, now), 500);
        assert_eq!(joined(&mut limit, "::ffff:10.0.0.1", 10, now), 0);
        assert_eq!(joined(&mut limit, "::ffff:10.0.0.2", 10, now), 10);
    }

    #[test]
    fn who_has_not_joined_of_late_is_forgotten() {
        let (mut limit, start) = (JoinLimit::default(), clock::now());
        joined(&mut limit, "10.0.0.1", 1000, start);
        joined(&mut limit, "10.0.0.2", 1, start);
        limit.tidy(start);
        assert_eq!(limit.buckets.len(), 2);
        limit.tidy(start + Duration::from_millis(5));
        assert_eq!(limit.buckets.len(), 1);
        limit.tidy(start + Duration::from_millis(2500));
        assert!(limit.buckets.is_empty());
    }
}
