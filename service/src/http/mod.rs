//! Serving browsers and monitoring: HTTP/1.1 on a port of its own, with limits that a stranger cannot move.
//!
//! A program hands its pages over as an axum router: [`site`] adds what every site here has, and [`serve`] serves it.
//!
//! # Who keeps out whom
//!
//! There are no cookies and no sessions. What changes something, or shows faces beyond this machine, wants a token in the
//! header `Authorization` ([`token`]).
//!
//! - **Another site's page** in a visitor's browser (`fetch("http://192.168.1.5:8080/api/admin")`) does not know the token,
//!   and a browser adds none by itself. It may not even try tokens: `Authorization` and a body of JSON both need leave by CORS,
//!   which is never given. `Cross-Origin-Resource-Policy` keeps it from showing our pictures inside of itself, and
//!   `frame-ancestors` from putting our page under its buttons. So no `Origin` is looked at.
//! - **A page whose name is made to lead here** (DNS rebinding) is of our origin as far as the browser knows, and may read what
//!   needs no token: what the cluster does, and the pictures that this machine may see without one. Its requests carry its own
//!   name in `Host`, and get 421 ([`host`]).
//! - **Who tries tokens** gets five tries, and one more every ten seconds ([`token::Gate`]).
//! - **Who joins as a worker** is asked for pictures by the master, and is not given the token of the browser that wants them
//!   ([`proof`]).
//! - **A name with markup in it** is text: data goes out as JSON, the page writes it as text, and the
//!   `Content-Security-Policy` runs no script that is not a file of ours.
//!
//! Nothing is encrypted: who listens to the network reads tokens and pictures. Beyond a network that is trusted, a proxy with TLS
//! belongs in front.

mod body;
pub mod caller;
mod doorstep;
pub mod host;
mod progress;
pub mod proof;
mod server;
mod site;
pub mod token;

pub use body::body;
pub use server::{MAX_CONNECTIONS, connections, serve};
pub use site::{Probes, site};
