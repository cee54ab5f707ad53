//! The addresses that this master writes for others to read.

use std::io;
use std::net::{IpAddr, SocketAddr};

use facefleet_proto::Join;
use facefleet_service::address::hears;

/// The address at which other users of etcd reach a master that is `bound` there: the address from which packets to one of etcd's
/// addresses leave, as `local` says. None: packets to none of them leave from an address that others can use.
pub(super) fn towards(
    bound: SocketAddr,
    etcd: &[SocketAddr],
    local: impl Fn(SocketAddr) -> io::Result<IpAddr>,
) -> Option<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return Some(bound);
    }
    let heard = etcd.iter().filter(|at| hears(bound.ip(), at.ip()));
    // A link-local address means nothing without the interface of whoever uses it.
    let ip = heard.filter_map(|at| local(*at).ok()).find(|ip| !is_link_local(*ip))?;
    Some(SocketAddr::new(ip, bound.port()))
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// A worker's registration for masters on other machines. A worker that joined over loopback is on this machine, which others
/// reach at `here`.
pub(super) fn seen_from_afar(mut join: Join, here: IpAddr) -> Join {
    if join.address.ip().is_loopback() {
        join.address.set_ip(here);
    }
    join
}

#[cfg(test)]
mod tests {
    use super::*;
    use facefleet_proto::wire;

    #[test]
    fn others_reach_a_master_where_it_listens() {
        // A machine with an address of each kind and scope, which takes packets to anywhere but to 203.0.113.9.
        let local = |at: SocketAddr| match at.to_string().as_str() {
            "203.0.113.9:2379" => Err(io::Error::from(io::ErrorKind::NetworkUnreachable)),
            "127.0.0.1:2379" => Ok("127.0.0.1".parse().unwrap()),
            at if at.starts_with("[fe80") => Ok("fe80::1".parse().unwrap()),
            _ if at.is_ipv6() => Ok("fd00::1".parse().unwrap()),
            _ => Ok("10.0.0.1".parse().unwrap()),
        };
        let cases: [(&str, &[&str], Option<&str>); 8] = [
            ("10.0.0.7:1", &["[fd00::9]:2379"], Some("10.0.0.7:1")),
            ("0.0.0.0:1", &["10.0.0.9:2379"], Some("10.0.0.1:1")),
            ("0.0.0.0:1", &["[fd00::9]:2379", "10.0.0.9:2379"], Some("10.0.0.1:1")),
            ("[::]:1", &["[fd00::9]:2379", "10.0.0.9:2379"], Some("[fd00::1]:1")),
            ("[::]:1", &["[fe80::9%2]:2379", "203.0.113.9:2379", "10.0.0.9:2379"], Some("10.0.0.1:1")),
            ("0.0.0.0:1", &["127.0.0.1:2379"], Some("127.0.0.1:1")),
            ("0.0.0.0:1", &["[fd00::9]:2379"], None),
            ("[::]:1", &[], None),
        ];
        for (bound, etcd, expected) in cases {
            let etcd: Vec<SocketAddr> = etcd.iter().map(|at| at.parse().unwrap()).collect();
            let found = towards(bound.parse().unwrap(), &etcd, local);
            assert_eq!(found, expected.map(|at| at.parse().unwrap()), "{bound} towards {etcd:?}");
        }
    }

    #[test]
    fn a_worker_on_loopback_is_where_its_master_is() {
        let seen = |ip: &str| {
            let join = wire::JoinRequest { ip: ip.into(), port: 7, weight: 1, ..Default::default() };
            seen_from_afar(Join::try_from(join).unwrap(), "10.0.0.1".parse().unwrap()).address.to_string()
        };
        assert_eq!(["127.0.0.1", "::1", "10.0.0.5"].map(seen), ["10.0.0.1:7", "10.0.0.1:7", "10.0.0.5:7"]);
    }
}
