//! The numbers by which streams are known.
//!
//! A client chooses the number of its stream at random and sends it with every route request, with every `Analyze` call and
//! with the result. A client that chooses none, as an old one does, is given a number by the master.

use facefleet_proto::StreamLeaseId;
use fastrand::Rng;

/// Draws numbers for streams whose clients choose none.
///
/// Whoever ends a stream names it by its number. Numbers that counted up would let a client end other people's streams by
/// submitting small ones.
#[derive(Clone, Debug)]
pub struct StreamLeases(Rng);

impl StreamLeases {
    /// Equal seeds draw equal numbers, so masters that share a registry need seeds of their own.
    pub fn new(seed: u64) -> StreamLeases {
        StreamLeases(Rng::with_seed(seed))
    }

    /// The number of one more stream.
    pub fn draw(&mut self) -> StreamLeaseId {
        self.0.u64(1..)
    }
}
