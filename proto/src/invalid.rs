//! What is wrong with a message.

use std::net::{IpAddr, SocketAddr};

/// A field of a message that cannot mean anything. Becomes the status `INVALID_ARGUMENT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Message and field, as in the `.proto` file.
    pub field: &'static str,
    /// What was found, and what would do.
    pub problem: String,
}

#[cfg(feature = "grpc")]
impl From<Invalid> for tonic::Status {
    fn from(invalid: Invalid) -> tonic::Status {
        tonic::Status::invalid_argument(invalid.to_string())
    }
}

impl Invalid {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Invalid {
        Invalid { field, problem: problem.into() }
    }
}

/// Longest IP address as text: an IPv6 one that ends as an IPv4 one.
const MAX_IP_BYTES: usize = 45;
/// Most detector threads that anybody has.
const MAX_CORES: u32 = 1024;

/// An address that a peer can be reached at.
pub(crate) fn address(
    ip_field: &'static str,
    ip: &str,
    port_field: &'static str,
    port: i32,
) -> Result<SocketAddr, Invalid> {
    if ip.len() > MAX_IP_BYTES {
        let problem = format!("has {} bytes; an IPv4 or IPv6 address has at most {MAX_IP_BYTES}", ip.len());
        return Err(Invalid::new(ip_field, problem));
    }
    let parsed: IpAddr = ip
        .parse()
        .map_err(|_| Invalid::new(ip_field, format!("`{}` is not an IPv4 or IPv6 address", ip.escape_debug())))?;
    if parsed.is_unspecified() || parsed.is_multicast() {
        return Err(Invalid::new(ip_field, format!("nobody can be reached at {parsed}")));
    }
    match u16::try_from(port) {
        Ok(0) | Err(_) => Err(Invalid::new(port_field, format!("{port} is not a port: it goes from 1 to 65535"))),
        Ok(port) => Ok(SocketAddr::new(parsed, port)),
    }
}

/// A short text for people: bounded, and without control characters that would tear a log line or a terminal.
pub(crate) fn label(field: &'static str, text: String, longest: usize) -> Result<String, Invalid> {
    if text.len() > longest {
        return Err(Invalid::new(field, format!("has {} bytes; at most {longest} are taken", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, format!("`{}` has control characters", text.escape_debug())));
    }
    Ok(text)
}

/// A text for people that is worth having even when it is too long or has control characters: it ends after `longest`
/// bytes at most, and they become spaces.
pub(crate) fn remark(text: &str, longest: usize) -> String {
    let kept = &text[..text.floor_char_boundary(longest)];
    kept.replace(char::is_control, " ")
}

/// A number of detector threads, where 0 says that it is not known, and so that there is at least one.
pub(crate) fn cores(field: &'static str, cores: u32) -> Result<u32, Invalid> {
    if cores > MAX_CORES {
        return Err(Invalid::new(field, format!("{cores} is above {MAX_CORES}")));
    }
    Ok(cores.max(1))
}

/// A number that is at least 0 and finite.
pub(crate) fn measure(field: &'static str, value: f32) -> Result<f32, Invalid> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Invalid::new(field, format!("{value} is not a finite number from 0 up")))
    }
}

/// [`measure`], where 0 says that nothing was measured.
pub(crate) fn measured(field: &'static str, value: f32) -> Result<Option<f32>, Invalid> {
    measure(field, value).map(|value| (value > 0.0).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_cut_between_characters_and_keeps_to_its_line() {
        assert_eq!(remark("a\nb\u{1b}[2J", 100), "a b [2J");
        assert_eq!(remark("aéé", 4), "aé");
        assert_eq!(remark("aéé", 5), "aéé");
    }
}
