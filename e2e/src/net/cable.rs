//! What the nodes of a network are joined with.

use std::io;
use std::net::Ipv4Addr;

use tokio::runtime::Handle;
use tokio_tun::Tun;

/// All nodes are neighbours.
const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// Bytes of the greatest IP packet, as on Ethernet.
const MTU: usize = 1500;
/// Bytes before the packet in an Ethernet frame: two addresses and what kind of packet follows.
const ETHERNET_HEADER: usize = 14;
/// Bytes of whatever goes over a cable.
pub(super) const MAX_FRAME_BYTES: usize = ETHERNET_HEADER + MTU;

/// The kind of a network's cables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// IP packets from one node to another; nothing for everybody.
    Ip,
    /// Ethernet frames, multicast and ARP among them, as on the network of a home or a laboratory.
    Ethernet,
}

/// The receiver of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Nobody,
    One(usize),
    All,
}

impl Cable {
    /// Makes a device in the namespace of this thread, of which the other end is returned.
    ///
    /// # Errors
    /// The kernel has no such devices, or not for us.
    pub(super) fn device(self, name: &str, address: Ipv4Addr, runtime: &Handle) -> io::Result<Tun> {
        let _registers_the_device_with = runtime.enter();
        let device = Tun::builder().name(name).address(address).netmask(NETMASK).mtu(MTU as i32).up();
        let device = if self == Cable::Ethernet { device.tap() } else { device };
        let devices = device.build().map_err(|error| match error {
            tokio_tun::Error::IoError(error) => error,
            tokio_tun::Error::NixError(error) => error.into(),
        })?;
        devices.into_iter().next().ok_or_else(|| io::Error::other("no device was made"))
    }

    /// The receiver of what came over this cable. IPv6 is for nobody.
    pub(super) fn destination(self, frame: &[u8]) -> To {
        if self == Cable::Ip {
            let to = ip_destination(frame);
            return if to == To::All { To::Nobody } else { to };
        }
        match frame.split_at_checked(ETHERNET_HEADER) {
            Some(([.., 0x08, 0x00], packet)) => ip_destination(packet),
            // ARP: who has this address, or an answer to the one who has.
            Some(([.., 0x08, 0x06], packet)) => packet.get(24..28).map_or(To::Nobody, node_at),
            _ => To::Nobody,
        }
    }
}

/// Whether an Ethernet frame holds a UDP packet for a multicast address.
pub(super) fn is_datagram_for_all(frame: &[u8]) -> bool {
    const UDP: u8 = 17;
    Cable::Ethernet.destination(frame) == To::All && frame.get(ETHERNET_HEADER + 9) == Some(&UDP)
}

fn ip_destination(packet: &[u8]) -> To {
    match packet {
        [version, ..] if version >> 4 != 4 => To::Nobody,
        packet => packet.get(16..20).map_or(To::Nobody, node_at),
    }
}

/// The node that has this address: node 0 has 10.0.0.1.
fn node_at(address: &[u8]) -> To {
    match address {
        [10, 0, 0, last] => usize::from(*last).checked_sub(1).map_or(To::Nobody, To::One),
        [224..=239, ..] => To::All,
        _ => To::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::super::address;
    use super::*;

    fn packet_to(address: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&address.octets());
        packet
    }

    fn frame(kind: u16, packet: &[u8]) -> Vec<u8> {
        [&[0; 12], &kind.to_be_bytes()[..], packet].concat()
    }

    #[test]
    fn packets_are_for_nodes_by_their_address() {
        assert_eq!(Cable::Ip.destination(&packet_to(address(3))), To::One(3));
        assert_eq!(Cable::Ip.destination(&packet_to(Ipv4Addr::new(10, 0, 0, 0))), To::Nobody);
        assert_eq!(Cable::Ip.destination(&packet_to(Ipv4Addr::new(224, 0, 0, 251))), To::Nobody);
        let mut packet = packet_to(address(3));
        packet[0] = 0x60;
        assert_eq!(Cable::Ip.destination(&packet), To::Nobody);
        assert_eq!([&[][..], &[0x45; 19]].map(|cut| Cable::Ip.destination(cut)), [To::Nobody; 2]);
    }

    #[test]
    fn frames_are_for_nodes_by_what_is_in_them() {
        let to = |kind, packet: &[u8]| Cable::Ethernet.destination(&frame(kind, packet));
        assert_eq!(to(0x0800, &packet_to(address(3))), To::One(3));
        assert_eq!(to(0x0800, &packet_to(Ipv4Addr::new(224, 0, 0, 251))), To::All);
        assert_eq!(to(0x86DD, &packet_to(address(3))), To::Nobody);
        let mut datagram = packet_to(Ipv4Addr::new(224, 0, 0, 251));
        let for_all = |packet: &[u8]| is_datagram_for_all(&frame(0x0800, packet));
        assert!(!for_all(&datagram));
        datagram[9] = 17;
        assert!(for_all(&datagram) && !for_all(&packet_to(address(3))));
        let mut question = [0; 28];
        question[24..].copy_from_slice(&address(3).octets());
        assert_eq!(to(0x0806, &question), To::One(3));
        assert_eq!(to(0x0806, &question[..27]), To::Nobody);
        assert_eq!(Cable::Ethernet.destination(&[0; 13]), To::Nobody);
    }
}
