//! What masters share that keep one registry: which registrations are whose, what administrators have set, and which other
//! masters there are.

pub mod book;
pub mod masters;
pub mod settings;
