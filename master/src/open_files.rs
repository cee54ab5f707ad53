//! How many files the system lets this process have open: a connection is one.

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::limits::MAX_CONNECTIONS;

/// Files that are open beside the connections: the log, those of the runtime, and connections that are being accepted or closed.
const OTHERS: u64 = 256;

/// Asks the system for as many open files as a master takes connections, and some more.
pub(crate) fn make_room() {
    let needed = MAX_CONNECTIONS as u64 + OTHERS;
    match raise(needed) {
        Ok(room) if room < needed => {
            let connections = room.saturating_sub(OTHERS);
            tracing::warn!(
                "the system lets this process open {room} files, so that about {connections} workers and clients can be \
                 connected at once: for {MAX_CONNECTIONS} let it open {needed} (`ulimit -Hn`; `LimitNOFILE` of systemd)"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!("the limit of open files cannot be raised: {error}; see `ulimit -n`"),
    }
}

/// Raises the limit as far as the system lets it, up to `needed` files, and returns it.
fn raise(needed: u64) -> Result<u64, Errno> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // Not to the hard limit itself, which may be no number that the system takes, as on macOS.
    let wanted = needed.min(hard);
    if soft >= wanted {
        return Ok(soft);
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes_and_never_lowered() {
        let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let soft = || getrlimit(Resource::RLIMIT_NOFILE).unwrap().0;
        // The most that is safe to ask for everywhere; other tests of this process go on with half of it.
        let most = hard.min(4096);
        setrlimit(Resource::RLIMIT_NOFILE, most / 2, hard).unwrap();
        assert_eq!((raise(most), soft()), (Ok(most), most));
        assert_eq!((raise(1), soft()), (Ok(most), most));
        if hard < u64::MAX {
            assert_eq!((raise(hard + 1), soft()), (Ok(hard), hard));
        }
        setrlimit(Resource::RLIMIT_NOFILE, before, hard).unwrap();
    }
}
