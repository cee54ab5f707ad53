//! Decides which of a machine's network interfaces lead to other machines. Pure.

use std::net::IpAddr;

/// Prefixes of the names of interfaces that lead to containers and virtual machines of the same machine: those of Docker and
/// Podman, libvirt, LXC, VMware, VirtualBox, Hyper-V, and Kubernetes' network plugins. A bridge that a person made, such as `br0`,
/// is not among them.
const INWARD: [&str; 21] = [
    "docker",
    "br-",
    "veth",
    "podman",
    "cni",
    "flannel",
    "cali",
    "cilium",
    "weave",
    "kube",
    "nodelocaldns",
    "lxcbr",
    "lxdbr",
    "incusbr",
    "virbr",
    "vnet",
    "vmnet",
    "vboxnet",
    "vethernet",
    "bridge10",
    "dummy",
];

/// Whether other machines can be at the other end of the interface `name` with this address.
///
/// A link-local IPv6 address does not count, because people cannot write it as HOST:PORT.
pub(super) fn leads_out(name: &str, ip: IpAddr) -> bool {
    let name = name.to_ascii_lowercase();
    let inward = INWARD.iter().any(|start| name.starts_with(start));
    !inward && can_be_reached(ip)
}

/// Whether other machines can connect to an address.
pub(super) fn can_be_reached(ip: IpAddr) -> bool {
    let is_one_machine = !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast();
    is_one_machine
        && match ip {
            IpAddr::V4(v4) => !v4.is_broadcast(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local() && v6.to_ipv4_mapped().is_none(),
        }
}

/// Whether a program that listens on `bound` receives what is sent to `ip`. A socket on `[::]` takes IPv4 as well.
pub(super) fn hears(bound: IpAddr, ip: IpAddr) -> bool {
    match bound {
        IpAddr::V4(v4) if v4.is_unspecified() => ip.is_ipv4(),
        IpAddr::V6(v6) if v6.is_unspecified() => true,
        one => one == ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_loopback_do_not_lead_out() {
        let cases = [
            ("eth0", "192.168.1.5", true),
            ("wlan0", "10.0.0.7", true),
            ("br0", "10.0.0.7", true),
            ("enp3s0", "2001:db8::7", true),
            ("end0", "169.254.7.7", true),
            ("lo", "127.0.0.1", false),
            ("lo", "::1", false),
            ("docker0", "172.17.0.1", false),
            ("br-3f0c1d2e4a5b", "172.18.0.1", false),
            ("veth12ab34c", "10.0.0.9", false),
            ("virbr0", "192.168.122.1", false),
            ("flannel.1", "10.42.0.0", false),
            ("cni0", "10.42.0.1", false),
            ("vEthernet (WSL)", "172.20.0.1", false),
            ("bridge100", "192.168.64.1", false),
            ("eth0", "fe80::1", false),
        ];
        for (name, ip, is_so) in cases {
            assert_eq!(leads_out(name, ip.parse().unwrap()), is_so, "{name} {ip}");
        }
    }

    #[test]
    fn addresses_of_nobody_in_particular_are_not_reached() {
        for ip in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.251", "ff02::fb", "127.8.8.8", "::ffff:10.0.0.1"] {
            assert!(!can_be_reached(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_listener_hears_what_it_is_bound_to() {
        let cases = [
            ("0.0.0.0", "10.0.0.1", true),
            ("0.0.0.0", "2001:db8::1", false),
            ("::", "10.0.0.1", true),
            ("::", "2001:db8::1", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("127.0.0.1", "10.0.0.1", false),
        ];
        for (bound, ip, is_so) in cases {
            assert_eq!(hears(bound.parse().unwrap(), ip.parse().unwrap()), is_so, "{bound} {ip}");
        }
    }
}
