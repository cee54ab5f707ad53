//! Host names under which a site may be requested. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Endings of names that only servers of the own network resolve (RFC 6761, 6762, 8375, and ICANN's `internal`), or that are customary
/// there. So nobody outside can make such a name lead here.
const PRIVATE_ENDINGS: [&str; 6] = ["localhost", "local", "lan", "home", "home.arpa", "internal"];

/// Whether a request's `Host` is a name that a page of a stranger cannot have: an IP address, a name without dots, a name of a private
/// network, or `own`, the host name of this machine.
pub fn is_own(host: &str, own: Option<&str>) -> bool {
    let Some(name) = name(host) else { return false };
    if name.parse::<Ipv4Addr>().is_ok() || in_brackets(name).is_some() {
        return true;
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_private =
        PRIVATE_ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')));
    !name.is_empty() && (!name.contains('.') || is_private || own.is_some_and(|own| own.eq_ignore_ascii_case(&name)))
}

/// The part of a `Host` before the port, or None when the text cannot be a `Host`.
fn name(host: &str) -> Option<&str> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if in_brackets(host).is_none() => (name, port),
        _ => (host, "0"),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = in_brackets(name).is_some() || name.bytes().all(allowed);
    (is_name && port.parse::<u16>().is_ok()).then_some(name)
}

fn in_brackets(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_of_this_network() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "192.168.1.5:8080",
            "[::1]",
            "[fd00::7]:8080",
            "localhost:8080",
            "pi-1",
            "Pi-1:80",
            "pi-1.local:8080",
            "pi-1.local.",
            "pi.home.arpa",
            "a.b.lan:1",
            "faces.example.org:8080",
        ] {
            assert!(is_own(host, Some("faces.example.org")), "{host}");
        }
    }

    #[test]
    fn names_that_anybody_can_have_made_and_what_is_no_name() {
        for host in [
            "evil.example:8080",
            "192.168.1.5.evil.example",
            "local.evil.example",
            "evillocal.com",
            "127.0.0.1.nip.io",
            "",
            ":8080",
            ".",
            "a b",
            "pi-1:http",
            "pi-1:70000",
            "[::1",
            "::1",
            "[::1]x",
            "user@pi-1",
            "pi-1/x",
            "pi-1:1:2",
            "пи",
        ] {
            assert!(!is_own(host, None), "{host}");
        }
    }
}
