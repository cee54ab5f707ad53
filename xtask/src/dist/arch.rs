//! The processors that packages are made for.

use clap::ValueEnum;

/// A processor, by the name that Debian has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit PCs
    Amd64,
    /// 64-bit Raspberry Pis and boards like them
    Arm64,
}

impl Arch {
    /// All of them.
    pub(crate) const ALL: [Arch; 2] = [Arch::Amd64, Arch::Arm64];

    /// What `dpkg --print-architecture` says there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Arch> {
        Arch::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// What the compiler calls it.
    pub(super) fn triple(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-unknown-linux-gnu",
            Arch::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}
