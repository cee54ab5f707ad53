//! The address that a client is told, which is not always the one that a worker joined with.

use std::net::{IpAddr, SocketAddr};

/// The two ends of the connection over which a client asks.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The address at which the client reached this master.
    pub here: IpAddr,
    /// The address of the client, as this machine sees it.
    pub there: IpAddr,
}

/// The address at which a client reaches a worker that joined with the address `worker`.
///
/// A worker with a loopback address lives on the master's machine. A client on another machine would look for that address on
/// its own machine, so it is told the address at which it reached this one instead. All other addresses stay as they are.
pub fn as_seen(worker: SocketAddr, client: Option<Ends>) -> SocketAddr {
    match client {
        Some(Ends { here, there }) if worker.ip().is_loopback() && !is_same_machine(here, there) => {
            SocketAddr::new(here.to_canonical(), worker.port())
        }
        _ => worker,
    }
}

/// Whether a worker announces the address from which it is seen to join: `here` and `there` are the ends of the connection over
/// which it joins.
pub fn is_at_home(worker: IpAddr, Ends { here, there }: Ends) -> bool {
    worker.to_canonical() == there.to_canonical() || is_same_machine(here, there)
}

/// Whether both ends of a connection are on one machine, which then has its own address at both ends, be it loopback or not. An
/// IPv4 peer of an IPv6 socket has a mapped address, which counts as the IPv4 address that it stands for.
fn is_same_machine(here: IpAddr, there: IpAddr) -> bool {
    there.to_canonical().is_loopback() || there.to_canonical() == here.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_elsewhere_is_told_where_this_machine_is() {
        let cases = [
            // worker, here, there, seen
            ("127.0.0.1:7", "10.0.0.1", "10.0.0.9", "10.0.0.1:7"),
            ("[::1]:7", "fd00::1", "fd00::9", "[fd00::1]:7"),
            ("127.0.0.1:7", "::ffff:10.0.0.1", "::ffff:10.0.0.9", "10.0.0.1:7"),
            // A client on this machine, by any of its addresses.
            ("127.0.0.1:7", "127.0.0.1", "127.0.0.1", "127.0.0.1:7"),
            ("127.0.0.1:7", "::ffff:127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1:7"),
            ("127.0.0.1:7", "10.0.0.1", "10.0.0.1", "127.0.0.1:7"),
            // A worker that is not on loopback.
            ("10.0.0.5:7", "10.0.0.1", "10.0.0.9", "10.0.0.5:7"),
            ("10.0.0.5:7", "127.0.0.1", "127.0.0.1", "10.0.0.5:7"),
        ];
        for (worker, here, there, seen) in cases {
            let ends = Ends { here: here.parse().unwrap(), there: there.parse().unwrap() };
            let got = as_seen(worker.parse().unwrap(), Some(ends));
            assert_eq!(got, seen.parse().unwrap(), "{worker} for a client at {there}");
        }
    }

    #[test]
    fn a_worker_elsewhere_may_not_name_another_place() {
        let cases = [
            // worker, here, there
            ("10.0.0.9", "10.0.0.1", "10.0.0.9", true),
            ("10.0.0.9", "::ffff:10.0.0.1", "::ffff:10.0.0.9", true),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1", true),
            ("10.0.0.1", "10.0.0.1", "10.0.0.1", true),
            ("127.0.0.1", "10.0.0.1", "10.0.0.9", false),
            ("10.0.0.5", "10.0.0.1", "10.0.0.9", false),
        ];
        for (worker, here, there, expected) in cases {
            let ends = Ends { here: here.parse().unwrap(), there: there.parse().unwrap() };
            assert_eq!(is_at_home(worker.parse().unwrap(), ends), expected, "{worker} from {there}");
        }
    }

    #[test]
    fn without_a_known_connection_nothing_changes() {
        let worker = "127.0.0.1:7".parse().unwrap();
        assert_eq!(as_seen(worker, None), worker);
    }
}
