//! Serving browsers and monitoring: HTTP/1.1 on a port of its own, with limits that a stranger cannot move.
//!
//! A program passes its pages as an axum router: [`site`] adds what every site of ours has, and [`serve`] serves it.
//!
//! # How strangers are kept out
//!
//! There are no cookies and no sessions. Whatever changes something, or shows faces beyond this machine, requires a token in the
//! header `Authorization` ([`token`]).
//!
//! - **A page of another site** in a visitor's browser (`fetch("http://192.168.1.5:8080/api/admin")`) does not know the token, and
//!   the browser adds none by itself. The page cannot even try tokens: `Authorization` and a body of JSON both need permission by
//!   CORS, which is never given. `Cross-Origin-Resource-Policy` keeps the page from showing our pictures inside of itself, and
//!   `frame-ancestors` from putting our page under its buttons. So the header `Origin` need not be checked.
//! - **A page whose host name is made to lead here** (DNS rebinding) has our origin as far as the browser knows, and could read
//!   whatever needs no token: the state of the cluster, and the pictures that this machine may see without one. Its requests carry
//!   its own host name in `Host`, and are answered 421 ([`host`]).
//! - **Somebody who guesses tokens** gets five tries at once, and one more every ten seconds ([`token::Gate`]).
//! - **A stranger that joins as a worker** is asked for pictures by the master, but is not given the token of the browser that wants
//!   them ([`proof`]).
//! - **A name with markup in it** stays text: data goes out as JSON, the page writes it as text, and the `Content-Security-Policy`
//!   runs no script that is not one of our files.
//!
//! Nothing is encrypted, so whoever listens to the network can read tokens and pictures. Outside of a trusted network, put a proxy
//! with TLS in front.

mod body;
pub mod caller;
pub mod host;
pub mod proof;
pub mod refusal;
mod rejected;
mod server;
mod site;
pub mod token;
mod write_timeout;

pub use body::body;
pub use server::{MAX_CONNECTIONS, connections, serve};
pub use site::{Probes, site};
