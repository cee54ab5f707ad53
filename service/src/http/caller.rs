//! Tells for whom a request is made: for the peer itself, or for somebody behind a peer that forwards requests. Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header in which a proxy says for whom it forwards a request (RFC 7239).
pub const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
/// The header in which most proxies say for whom they forward a request, though no standard has it.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The own address of a connection, at which the peer reached this machine. Handlers find it as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct ReachedAt(pub SocketAddr);

/// The one who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The address of the peer of the connection.
    pub peer: IpAddr,
    /// The one for whom the peer says that it asks, if it forwards the request. The unspecified address stands for somebody unknown.
    ///
    /// Of several addresses in the headers the last one counts, because the ones before it may have been made up by the visitor. More
    /// exactly, it is the last one that is not a loopback address: a master behind a proxy on the same machine names first the browser
    /// and then that proxy. So somebody on the master's machine can pass for others, but could as well ask without the master.
    pub behind: Option<IpAddr>,
}

impl Caller {
    /// Reads the caller from the peer's address and the headers of a request.
    pub fn of(peer: SocketAddr, headers: &HeaderMap) -> Caller {
        let callers = callers(headers);
        let behind = last_beyond(&callers).or(callers.last());
        Caller { peer: peer.ip(), behind: behind.map(|caller| caller.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))) }
    }
}

impl From<IpAddr> for Caller {
    fn from(peer: IpAddr) -> Caller {
        Caller { peer, behind: None }
    }
}

/// Whether the request comes from this machine and is made for somebody on this machine. A proxy on this machine that does not say
/// for whom it asks counts as somebody on this machine.
pub fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    is_loopback(peer.ip()) && last_beyond(&callers(headers)).is_none()
}

/// The `Forwarded` header for a request that is forwarded. It names all those for whom the request was made already, and then
/// `peer`. Somebody unknown is written as `unknown`, which never counts as a loopback address.
pub fn forwarded(peer: SocketAddr, headers: &HeaderMap) -> HeaderValue {
    let all = callers(headers).into_iter().chain([Some(peer.ip().to_canonical())]);
    let elements: Vec<String> = all
        .map(|caller| match caller {
            Some(IpAddr::V4(v4)) => format!("for={v4}"),
            Some(IpAddr::V6(v6)) => format!("for=\"[{v6}]\""),
            None => "for=unknown".to_owned(),
        })
        .collect();
    HeaderValue::try_from(elements.join(", ")).expect("addresses and ASCII make a header")
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The last of the callers that is not on the machine that names it. Somebody unknown may be anywhere, and so counts.
fn last_beyond(callers: &[Option<IpAddr>]) -> Option<&Option<IpAddr>> {
    callers.iter().rfind(|caller| !caller.is_some_and(is_loopback))
}

/// The callers for whom the request is said to be made, where None stands for somebody unknown.
///
/// A proxy may write one of the two headers and let through the other as the visitor made it up. Nobody can see which one that is, so
/// where the two do not end with the same caller, the caller is unknown. A visitor who adds a header therefore counts as one of those
/// who do so, and as nobody else.
fn callers(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let elements = |name| headers.get_all(name).into_iter().flat_map(|value| value.to_str().unwrap_or("?").split(','));
    let by_standard = elements(FORWARDED).map(|element| {
        let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for")).and_then(|(_, node)| address(node))
    });
    let (mut callers, by_most): (Vec<_>, Vec<_>) =
        (by_standard.collect(), elements(X_FORWARDED_FOR).map(address).collect());
    match (last_beyond(&callers), last_beyond(&by_most)) {
        (Some(one), Some(other)) if one != other => vec![None],
        _ => {
            callers.extend(by_most);
            callers
        }
    }
}

/// Reads an address as the two headers have it: with or without a port, quotes and brackets.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    let bare = || node.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let address: Option<IpAddr> = node.parse::<SocketAddr>().map(|address| address.ip()).ok().or_else(bare);
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(headers: &[(HeaderName, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn local_is_who_is_here_and_asks_for_nobody_elsewhere() {
        let [here, six, mapped, there] =
            ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9", "10.0.0.7:9"].map(|peer| peer.parse().unwrap());
        for peer in [here, six, mapped] {
            assert!(is_local(peer, &said(&[])), "{peer}");
        }
        assert!(!is_local(there, &said(&[])));
        assert!(!is_local(there, &said(&[(FORWARDED, "for=127.0.0.1")])), "anybody can say that");
        for value in ["for=127.0.0.1", "For=\"[::1]:80\";proto=http", "for=127.0.0.1:80, for=127.0.0.2"] {
            assert!(is_local(here, &said(&[(FORWARDED, value)])), "{value}");
        }
        for value in
            ["for=10.0.0.7", "for=127.0.0.1, for=10.0.0.7", "for=unknown", "for=_hidden", "by=10.0.0.1", "", "é"]
        {
            assert!(!is_local(here, &said(&[(FORWARDED, value)])), "{value}");
        }
        assert!(is_local(here, &said(&[(X_FORWARDED_FOR, "127.0.0.1, ::1")])));
        assert!(!is_local(here, &said(&[(X_FORWARDED_FOR, "127.0.0.1, 203.0.113.9")])));
        assert!(!is_local(here, &said(&[(FORWARDED, "for=127.0.0.1"), (X_FORWARDED_FOR, "203.0.113.9")])));
    }

    #[test]
    fn of_those_that_a_peer_speaks_for_the_last_is_its_own_word() {
        let peer: SocketAddr = "10.0.0.7:9".parse().unwrap();
        let behind = |headers: &[_]| Caller::of(peer, &said(headers)).behind.map(|ip| ip.to_string());
        assert_eq!(Caller::of(peer, &said(&[])), peer.ip().into());
        assert_eq!(behind(&[(FORWARDED, "for=1.2.3.4, for=10.0.0.9")]).as_deref(), Some("10.0.0.9"));
        assert_eq!(behind(&[(X_FORWARDED_FOR, "1.2.3.4, 10.0.0.9")]).as_deref(), Some("10.0.0.9"));
        assert_eq!(behind(&[(FORWARDED, "for=10.0.0.9, for=_hidden")]).as_deref(), Some("0.0.0.0"));
    }

    #[test]
    fn browsers_behind_a_proxy_on_the_masters_machine_are_not_one() {
        let (proxy, master) = ("127.0.0.1:9".parse().unwrap(), "10.0.0.7:9".parse().unwrap());
        let behind = |headers: &[_]| {
            let passed_on = HeaderMap::from_iter([(FORWARDED, forwarded(proxy, &said(headers)))]);
            Caller::of(master, &passed_on).behind.map(|ip| ip.to_string())
        };
        for browser in ["10.0.0.8", "10.0.0.9"] {
            assert_eq!(behind(&[(X_FORWARDED_FOR, browser)]).as_deref(), Some(browser));
        }
        assert_eq!(behind(&[(X_FORWARDED_FOR, "1.2.3.4, 10.0.0.9")]).as_deref(), Some("10.0.0.9"), "made up");
        assert_eq!(behind(&[(FORWARDED, "for=unknown")]).as_deref(), Some("0.0.0.0"));
        assert_eq!(behind(&[]).as_deref(), Some("127.0.0.1"), "who is there itself");
    }

    #[test]
    fn a_header_that_the_proxy_did_not_write_makes_a_visitor_nobody_else() {
        let (here, there): (SocketAddr, SocketAddr) = ("127.0.0.1:9".parse().unwrap(), "10.0.0.7:9".parse().unwrap());
        let cases = [
            ("for=1.2.3.4", "10.0.0.9", "0.0.0.0"),
            ("for=10.0.0.9", "1.2.3.4", "0.0.0.0"),
            ("for=10.0.0.9", "nobody", "0.0.0.0"),
            ("for=127.0.0.1", "10.0.0.9", "10.0.0.9"),
            ("for=10.0.0.9", "127.0.0.1", "10.0.0.9"),
            ("for=\"[::ffff:10.0.0.9]:80\"", "1.2.3.4, 10.0.0.9", "10.0.0.9"),
        ];
        for (standard, most, behind) in cases {
            let headers = said(&[(FORWARDED, standard), (X_FORWARDED_FOR, most)]);
            let passed_on = HeaderMap::from_iter([(FORWARDED, forwarded(here, &headers))]);
            for headers in [headers, passed_on] {
                assert_eq!(Caller::of(there, &headers).behind.unwrap().to_string(), behind, "{headers:?}");
                assert!(!is_local(here, &headers), "{headers:?}");
            }
        }
    }

    #[test]
    fn who_is_behind_whom_is_passed_on() {
        let here = "127.0.0.1:9".parse().unwrap();
        let cases = [
            (&[][..], "for=127.0.0.1"),
            (&[(FORWARDED, "for=10.0.0.7")], "for=10.0.0.7, for=127.0.0.1"),
            (&[(FORWARDED, "for=\"[fd00::7]\", for=_hidden")], "for=\"[fd00::7]\", for=unknown, for=127.0.0.1"),
            (&[(FORWARDED, "for=\"[fd00::7]\""), (X_FORWARDED_FOR, "nobody")], "for=unknown, for=127.0.0.1"),
        ];
        for (headers, value) in cases {
            let forwarded = forwarded(here, &said(headers));
            assert_eq!(forwarded, value);
            let passed_on = HeaderMap::from_iter([(FORWARDED, forwarded)]);
            assert_eq!(is_local(here, &passed_on), is_local(here, &said(headers)));
        }
        let six: SocketAddr = "[fd00::1]:9".parse().unwrap();
        assert_eq!(forwarded(six, &HeaderMap::new()), "for=\"[fd00::1]\"");
    }
}
