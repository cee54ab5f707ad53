//! Addresses that people type, and the address at which others reach this machine.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use sysinfo::System;

/// The host name of this machine, or None when it has none.
pub fn host_name() -> Option<String> {
    System::host_name().ok().filter(|host| !host.is_empty())
}

/// A host and a port as a person types them, such as `pi-1.local:50051`, `10.0.0.5:50051` or `[fd00::1]:50051`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name or an IP address. An IPv6 address is stored without its brackets.
    host: String,
    /// The port, which is never 0.
    port: u16,
}

/// The addresses of one or more programs that can stand in for each other, as the user writes them: `a:50051,b:50051`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPorts(Vec<HostPort>);

impl HostPorts {
    /// The addresses in `all`, or None when there are none.
    pub fn new(all: impl IntoIterator<Item = HostPort>) -> Option<HostPorts> {
        let all: Vec<HostPort> = all.into_iter().collect();
        (!all.is_empty()).then_some(HostPorts(all))
    }

    /// The address at position `turn`, counted from 0. After the last comes the first again.
    pub fn at(&self, turn: usize) -> &HostPort {
        &self.0[turn % self.0.len()]
    }

    /// The number of addresses, at least 1.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All addresses in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &HostPort> {
        self.0.iter()
    }
}

impl FromStr for HostPorts {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<HostPorts, HostPortError> {
        text.split(',').map(HostPort::from_str).collect::<Result<_, _>>().map(HostPorts)
    }
}

impl fmt::Display for HostPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(HostPort::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

impl From<HostPort> for HostPorts {
    fn from(one: HostPort) -> HostPorts {
        HostPorts(vec![one])
    }
}

impl From<SocketAddr> for HostPorts {
    fn from(one: SocketAddr) -> HostPorts {
        HostPort::from(one).into()
    }
}

/// Why a text is not a [`HostPort`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostPortError {
    /// The text does not end in `:PORT`.
    #[error("`{0}` has no port: write HOST:PORT, for example {0}:50051")]
    NoPort(String),
    /// The text after the last colon is not a port.
    #[error("`{0}` is not a port: it goes from 1 to 65535")]
    BadPort(String),
    /// The text before the port cannot be a host.
    #[error("`{0}` is not a host: write a name, an IPv4 address, or an IPv6 address in [brackets]")]
    BadHost(String),
}

impl HostPort {
    /// The URI to which gRPC connects.
    pub fn uri(&self) -> String {
        format!("http://{self}")
    }

    /// Looks the host up. There is at least one address, and they come in the system's order of preference.
    ///
    /// # Errors
    /// The name is not known, or it has no address.
    pub async fn resolve_all(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<HostPort, HostPortError> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| HostPortError::NoPort(text.to_owned()))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bracketed {
            Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
            None if is_name(host) => host,
            _ => return Err(HostPortError::BadHost(host.to_owned())),
        };
        match port.parse() {
            Ok(0) | Err(_) => Err(HostPortError::BadPort(port.to_owned())),
            Ok(port) => Ok(HostPort { host: host.to_owned(), port }),
        }
    }
}

/// Whether `host` consists of letters, digits and the three signs of host names and IPv4 addresses. That is enough to refuse a URL
/// or a typing slip here, where the message can say what is wrong, and not when a connection fails.
fn is_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPort { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> HostPort {
        HostPort { host: address.ip().to_string(), port: address.port() }
    }
}

/// Whether a socket that is bound to every address of a family (`bound` is `0.0.0.0` or `::`) is reached by a peer at `peer`. A
/// socket on `::` takes IPv4 as well.
pub fn hears(bound: IpAddr, peer: IpAddr) -> bool {
    bound.is_ipv6() || peer.is_ipv4()
}

/// The local address from which packets to `peer` leave, which is the one to which `peer` can answer. No packet is sent to find out.
///
/// # Errors
/// This machine has no route to `peer`.
pub fn local_towards(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types() {
        for text in ["localhost:50051", "10.0.0.5:1", "pi_1.local:65535", "[::1]:50051"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        let uri = "[::1]:50051".parse::<HostPort>().unwrap().uri();
        assert_eq!(uri, "http://[::1]:50051");
    }

    #[test]
    fn what_is_wrong_is_named() {
        use HostPortError::{BadHost, BadPort, NoPort};
        let cases = [
            ("pi", NoPort("pi".into())),
            ("pi:", BadPort(String::new())),
            ("pi:0", BadPort("0".into())),
            ("pi:70000", BadPort("70000".into())),
            (":50051", BadHost(String::new())),
            ("::1:50051", BadHost("::1".into())),
            ("[pi]:1", BadHost("[pi]".into())),
            ("http://pi:1", BadHost("http://pi".into())),
        ];
        for (text, problem) in cases {
            assert_eq!(text.parse::<HostPort>(), Err(problem), "{text}");
        }
    }

    #[test]
    fn several_go_round() {
        let masters: HostPorts = "a:1,[::1]:2".parse().unwrap();
        assert_eq!((masters.to_string().as_str(), masters.count()), ("a:1,[::1]:2", 2));
        let turns: Vec<String> = (0..3).map(|turn| masters.at(turn).to_string()).collect();
        assert_eq!(turns, ["a:1", "[::1]:2", "a:1"]);
        for (text, problem) in
            [("a:1,", HostPortError::NoPort(String::new())), ("a:1, b:2", HostPortError::BadHost(" b".into()))]
        {
            assert_eq!(text.parse::<HostPorts>(), Err(problem), "{text}");
        }
    }

    #[test]
    fn an_ipv4_socket_is_not_reached_by_ipv6_and_one_for_both_is() {
        let [any4, any6, peer4, peer6] = ["0.0.0.0", "::", "192.0.2.7", "2001:db8::7"].map(|ip| ip.parse().unwrap());
        assert_eq!([hears(any4, peer4), hears(any4, peer6)], [true, false]);
        assert_eq!([hears(any6, peer4), hears(any6, peer6)], [true, true]);
    }

    #[test]
    fn loopback_is_reached_from_loopback() {
        let local = local_towards("127.0.0.1:9".parse().unwrap()).unwrap();
        assert_eq!(local, IpAddr::from(Ipv4Addr::LOCALHOST));
    }
}
