//! Listens on an address that a person has chosen. An error says what that person can do.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// The error that an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; {} with {flag}", advice(source.kind()))]
pub struct ListenError {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The flag that sets the address.
    pub flag: &'static str,
    /// The error of the system.
    pub source: io::Error,
}

/// Listens on `address`, the value of `--listen`.
///
/// # Errors
/// Another program has the port, the address is not this machine's, or the system keeps the port for others.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, flag: "--listen", source })
}

/// Listens on `address`, the value of `--http`.
///
/// # Errors
/// Another program has the port, the address is not this machine's, or the system keeps the port for others.
pub async fn bind_http(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, flag: "--http", source })
}

/// What a person can do about the error.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop the program that has this port, or choose another",
        io::ErrorKind::AddrNotAvailable => "choose an address of this machine, or 0.0.0.0 for all that it has,",
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        _ => "choose another address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_and_what_to_do() {
        let holder = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = holder.local_addr().unwrap();
        let said = bind(taken).await.unwrap_err().to_string();
        assert!(said.starts_with(&format!("cannot listen on {taken}: ")), "{said}");
        assert!(said.ends_with("stop the program that has this port, or choose another with --listen"), "{said}");
        let said = bind_http(taken).await.unwrap_err().to_string();
        assert!(said.ends_with("or choose another with --http"), "{said}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named_and_what_to_do() {
        // Addresses of examples (RFC 5737), which no machine has.
        let said = bind("192.0.2.1:0".parse().unwrap()).await.unwrap_err().to_string();
        assert!(said.starts_with("cannot listen on 192.0.2.1:0: "), "{said}");
        assert!(said.contains("choose an address of this machine"), "{said}");
    }

    #[test]
    fn a_port_that_is_for_others_is_named_and_what_to_do() {
        let source = io::ErrorKind::PermissionDenied.into();
        let said = ListenError { address: "0.0.0.0:80".parse().unwrap(), flag: "--listen", source }.to_string();
        assert!(said.starts_with("cannot listen on 0.0.0.0:80: ") && said.contains("a port above 1023"), "{said}");
    }
}
