//! One direction of a wire between two nodes. Pure: packets in, times out, time as an argument.

use std::time::{Duration, Instant};

/// What a direction of a wire does to packets. The default is a wire that does nothing to them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weather {
    /// How long a packet takes at the least.
    pub delay: Duration,
    /// How much longer it may take. Packets stay in order all the same, as on most roads that are long.
    pub jitter: Duration,
    /// The part of the packets that is lost, from 0 to 1.
    pub loss: f64,
}

impl Weather {
    /// Nothing comes through and nobody is told, as when a cable is cut behind a switch.
    pub const CUT: Weather = Weather { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 1.0 };
}

/// What became of the packets that went one way, since the weather last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets that came through, or are on their way.
    pub carried: u64,
    /// Packets that did not.
    pub lost: u64,
}

/// One direction of a wire.
#[derive(Debug)]
pub(super) struct Lane {
    weather: Weather,
    traffic: Traffic,
    random: fastrand::Rng,
    /// When the last packet that was carried comes out.
    last: Option<Instant>,
}

impl Lane {
    /// A wire that does nothing to packets, until it is told otherwise.
    pub(super) fn new(seed: u64) -> Lane {
        let random = fastrand::Rng::with_seed(seed);
        Lane { weather: Weather::default(), traffic: Traffic::default(), random, last: None }
    }

    /// From now on packets see this weather.
    pub(super) fn set(&mut self, weather: Weather) {
        self.weather = weather;
        self.traffic = Traffic::default();
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// A packet goes in. Returns when it comes out, which is not before those ahead of it; None: never.
    pub(super) fn carry(&mut self, now: Instant) -> Option<Instant> {
        let Weather { delay, jitter, loss } = self.weather;
        if self.random.f64() < loss {
            self.traffic.lost += 1;
            return None;
        }
        self.traffic.carried += 1;
        let due = now + delay + jitter.mul_f64(self.random.f64());
        let due = self.last.map_or(due, |last| due.max(last));
        self.last = Some(due);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: u32 = 10_000;

    /// When each of ten thousand packets comes out, one going in each millisecond, and when it went in.
    fn times(weather: Weather) -> (Vec<(Instant, Option<Instant>)>, Traffic) {
        let mut lane = Lane::new(7);
        lane.set(weather);
        let start = facefleet_service::clock::now();
        let sent = (0..PACKETS).map(|n| start + Duration::from_millis(n.into()));
        let times = sent.map(|at| (at, lane.carry(at))).collect();
        (times, lane.traffic())
    }

    #[test]
    fn a_wire_that_was_told_nothing_does_nothing() {
        let (times, traffic) = times(Weather::default());
        assert!(times.iter().all(|(sent, out)| *out == Some(*sent)));
        assert_eq!(traffic, Traffic { carried: PACKETS.into(), lost: 0 });
    }

    #[test]
    fn nothing_comes_through_a_cut() {
        let (times, traffic) = times(Weather::CUT);
        assert!(times.iter().all(|(_, out)| out.is_none()));
        assert_eq!(traffic, Traffic { carried: 0, lost: PACKETS.into() });
    }

    #[test]
    fn losses_are_as_many_as_was_said() {
        let (_, traffic) = times(Weather { loss: 0.03, ..Weather::default() });
        assert!((250..=350).contains(&traffic.lost), "{traffic:?}");
        assert_eq!(traffic.carried + traffic.lost, u64::from(PACKETS));
    }

    #[test]
    fn packets_are_late_as_was_said_and_stay_in_order() {
        let (delay, jitter) = (Duration::from_millis(40), Duration::from_millis(10));
        let (times, _) = times(Weather { delay, jitter, loss: 0.0 });
        let out: Vec<Instant> = times.iter().map(|(_, out)| out.unwrap()).collect();
        assert!(out.is_sorted());
        let took: Vec<Duration> = times.iter().zip(&out).map(|((sent, _), out)| *out - *sent).collect();
        assert!(took.iter().all(|took| (delay..=delay + jitter).contains(took)));
        let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
        assert!(*most - *least > jitter / 2, "{least:?} to {most:?}");
    }
}
