//! What masters with one registry share: which registrations each of them keeps, what administrators have set, and which other
//! masters there are.

pub mod book;
pub mod masters;
pub mod settings;
