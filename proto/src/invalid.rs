//! Checks of a message's fields, and the error that names a bad field.

use std::net::{IpAddr, SocketAddr};

/// The error that a field of a message cannot mean anything. It becomes the gRPC status `INVALID_ARGUMENT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// Message and field, named as in the `.proto` file.
    pub field: &'static str,
    /// What the field contained, and what would be accepted.
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

/// The length of the longest IP address as text, which is an IPv6 address that ends like an IPv4 address.
const MAX_IP_BYTES: usize = 45;
/// The most detector threads of a worker.
const MAX_CORES: u32 = 1024;

/// Whether peers can connect to an IP address: it is that of one machine.
fn is_reachable(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}

/// Parses the address at which a program is said to be reachable, as a person writes it: `10.0.0.5:50050` or `[fd00::1]:50050`.
///
/// # Errors
/// Says what to write instead.
pub fn parse_reachable(text: &str) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = text.parse().map_err(|_| "write IP:PORT, an IPv6 address in [brackets]")?;
    if !is_reachable(address.ip()) || address.port() == 0 {
        return Err("nobody can be reached there; give one address of this machine and a port from 1 up");
    }
    Ok(address)
}

/// Reads the address at which a peer can be reached from two fields of a message.
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
    if !is_reachable(parsed) {
        return Err(Invalid::new(ip_field, format!("nobody can be reached at {parsed}")));
    }
    match u16::try_from(port) {
        Ok(0) | Err(_) => Err(Invalid::new(port_field, format!("{port} is not a port: it goes from 1 to 65535"))),
        Ok(port) => Ok(SocketAddr::new(parsed, port)),
    }
}

/// Checks a short text for people: it has at most `max` bytes, and no control characters, which could garble a log line or a
/// terminal. The error says what is wrong.
pub(crate) fn check_label(text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("has {} bytes; at most {max} are taken", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("`{}` has control characters", text.escape_debug()));
    }
    Ok(())
}

/// Reads a short text for people; see [`check_label`].
pub(crate) fn label(field: &'static str, text: String, max: usize) -> Result<String, Invalid> {
    check_label(&text, max).map_err(|problem| Invalid::new(field, problem))?;
    Ok(text)
}

/// Reads a text for people that is worth having even when it is too long or has control characters: it is cut after `max` bytes at
/// most, and control characters become spaces.
pub(crate) fn remark(text: &str, max: usize) -> String {
    let kept = &text[..text.floor_char_boundary(max)];
    kept.replace(char::is_control, " ")
}

/// Reads a number of detector threads. 0 says that the number is not known, and counts as 1.
pub(crate) fn cores(field: &'static str, cores: u32) -> Result<u32, Invalid> {
    if cores > MAX_CORES {
        return Err(Invalid::new(field, format!("{cores} is above {MAX_CORES}")));
    }
    Ok(cores.max(1))
}

/// Reads a number that is at least 0 and finite.
pub(crate) fn measure(field: &'static str, value: f32) -> Result<f32, Invalid> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(Invalid::new(field, format!("{value} is not a finite number from 0 up")))
    }
}

/// Reads a number that is at least 0 and finite, where 0 says that nothing was measured.
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
