//! Reads announcements, as anybody on the network can announce anything, and names our own. Pure.

use std::net::{IpAddr, SocketAddr};

use super::interface::can_be_reached;
use super::record::{CLUSTER, MAX_LABEL_BYTES, PROTOCOL_VERSION, SERVICE};

/// The most addresses of one master that are tried. A machine has a few.
const MAX_ADDRESSES: usize = 8;

/// A master that announces itself: an instance of our service in the words of DNS-SD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// The name as people may see it. Control characters are escaped, and it had at most [`MAX_LABEL_BYTES`] before that.
    pub(super) name: String,
    /// The addresses at which the master may be, the best first. There is at least one, and no port is 0.
    pub(super) addresses: Vec<SocketAddr>,
    /// The epoch of the master's cluster, which is not 0.
    pub(super) cluster: u64,
}

/// Why an announcement is ignored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ignored {
    #[error("its port is 0")]
    NoPort,
    #[error("it has no address that a connection can be made to")]
    NoAddress,
    #[error("it speaks another version of the protocol")]
    OtherProtocol,
    #[error("it does not say which cluster it belongs to")]
    NoCluster,
}

impl Instance {
    /// Reads an announcement. `txt` gives the value of a key of the TXT record.
    ///
    /// # Errors
    /// The announcement is to be ignored.
    pub(super) fn read<'t>(
        instance: &str,
        port: u16,
        addresses: impl IntoIterator<Item = IpAddr>,
        txt: impl Fn(&str) -> Option<&'t str>,
    ) -> Result<Instance, Ignored> {
        let (version_key, version) = PROTOCOL_VERSION;
        if txt(version_key) != Some(version) {
            return Err(Ignored::OtherProtocol);
        }
        let cluster = txt(CLUSTER).and_then(|epoch| u64::from_str_radix(epoch, 16).ok()).filter(|epoch| *epoch != 0);
        let cluster = cluster.ok_or(Ignored::NoCluster)?;
        if port == 0 {
            return Err(Ignored::NoPort);
        }
        let mut addresses: Vec<IpAddr> = addresses.into_iter().filter(|ip| can_be_reached(*ip)).collect();
        addresses.sort_by_key(|ip| (ip.is_ipv6(), is_makeshift(*ip), *ip));
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(Ignored::NoAddress);
        }
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        Ok(Instance { name: shown(instance), addresses, cluster })
    }
}

/// Whether a machine gave itself this address because nobody else did. Such an address is used only when there is no other.
fn is_makeshift(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.is_link_local())
}

/// The name of an instance as people may see it, read from the instance's whole domain name, in which dots and backslashes of the
/// name are escaped.
pub(super) fn shown(instance: &str) -> String {
    let name = instance.strip_suffix(SERVICE).and_then(|name| name.strip_suffix('.')).unwrap_or(instance);
    let mut plain = String::new();
    let mut escaped = false;
    for character in name.chars() {
        escaped = character == '\\' && !escaped;
        if !escaped {
            plain.push(character);
        }
    }
    plain[..plain.floor_char_boundary(MAX_LABEL_BYTES)].escape_debug().to_string()
}

/// The instance name of a master, made of host and port so that two masters on one host differ. A host name that is too long is
/// cut.
pub(super) fn instance_name(host: &str, port: u16) -> String {
    ending_in(host, &format!(":{port}"))
}

/// The host name under which a master's addresses are announced.
pub(super) fn host_name(host: &str, port: u16) -> String {
    let first = host.split('.').next().unwrap_or_default();
    let letters: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{}.local.", ending_in(letters.trim_matches('-'), &format!("-facefleet-{port}")).trim_start_matches('-'))
}

/// Joins two texts into one label, and cuts the first if it must.
fn ending_in(start: &str, end: &str) -> String {
    format!("{}{end}", &start[..start.floor_char_boundary(MAX_LABEL_BYTES - end.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(port: u16, addresses: &[&str], txt: &[(&str, &'static str)]) -> Result<Instance, Ignored> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
        let value = |key: &str| txt.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        Instance::read("laptop:50051._facefleet._tcp.local.", port, addresses, value)
    }

    const TXT: [(&str, &str); 3] = [("txtvers", "1"), ("protovers", "1"), ("cluster", "5ee")];

    #[test]
    fn an_instance_has_its_best_address_first() {
        let instance = read(50051, &["2001:db8::1", "169.254.0.5", "10.0.0.5", "127.0.0.1", "fe80::1"], &TXT).unwrap();
        let addresses = ["10.0.0.5:50051", "169.254.0.5:50051", "[2001:db8::1]:50051"].map(|a| a.parse().unwrap());
        assert_eq!(instance, Instance { name: "laptop:50051".into(), addresses: addresses.into(), cluster: 0x5ee });
    }

    #[test]
    fn what_cannot_be_meant_is_ignored() {
        use Ignored::{NoAddress, NoCluster, NoPort, OtherProtocol};
        let ours = &["10.0.0.5"][..];
        let cases: [(u16, &[&str], &[_], _); 9] = [
            (0, ours, &TXT, NoPort),
            (1, &[], &TXT, NoAddress),
            (1, &["127.0.0.1", "0.0.0.0", "::", "fe80::1", "224.0.0.1"], &TXT, NoAddress),
            (1, ours, &[], OtherProtocol),
            (1, ours, &[("protovers", "2"), ("cluster", "5ee")], OtherProtocol),
            (1, ours, &[("protovers", "1")], NoCluster),
            (1, ours, &[("protovers", "1"), ("cluster", "0")], NoCluster),
            (1, ours, &[("protovers", "1"), ("cluster", "x")], NoCluster),
            (1, ours, &[("protovers", "1"), ("cluster", "11112222333344445")], NoCluster),
        ];
        for (port, addresses, txt, why) in cases {
            assert_eq!(read(port, addresses, txt), Err(why), "{port} {addresses:?} {txt:?}");
        }
    }

    #[test]
    fn no_more_addresses_are_tried_than_a_machine_has() {
        let many: Vec<String> = (1..=200).map(|last| format!("10.0.0.{last}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(1, &many, &TXT).unwrap().addresses.len(), MAX_ADDRESSES);
    }

    #[test]
    fn names_of_others_do_no_harm() {
        assert_eq!(shown("my\\.lab\\\\top (2)._facefleet._tcp.local."), "my.lab\\\\top (2)");
        assert_eq!(shown("\u{1b}[2J\n._facefleet._tcp.local."), "\\u{1b}[2J\\n");
        assert_eq!(shown("_facefleet._tcp.local."), "_facefleet._tcp.local.");
        assert_eq!(shown(""), "");
        assert!(shown(&"ü".repeat(9000)).len() <= MAX_LABEL_BYTES);
    }

    #[test]
    fn our_own_names_fit() {
        assert_eq!(instance_name("laptop", 50051), "laptop:50051");
        assert_eq!(host_name("Laptop.lan", 50051), "Laptop-facefleet-50051.local.");
        assert_eq!(host_name("-Ada's Pi-", 1), "Ada-s-Pi-facefleet-1.local.");
        assert_eq!(host_name("", 1), "facefleet-1.local.");
        for host in ["a".repeat(300), "ü".repeat(300), "b.".repeat(300)] {
            assert!(instance_name(&host, 65535).len() <= MAX_LABEL_BYTES);
            assert!(host_name(&host, 65535).trim_end_matches(".local.").len() <= MAX_LABEL_BYTES);
        }
    }
}
