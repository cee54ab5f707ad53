//! The command `nodes`: lists the workers of a cluster.

mod list;
mod table;
mod watch;

pub use list::{NodesError, list};
pub use table::{json, table};
pub use watch::watch;
