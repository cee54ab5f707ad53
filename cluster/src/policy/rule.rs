//! The interface of a policy.

use facefleet_proto::WorkerId;

use super::contender::Contender;
use super::pool::Pool;
use super::speed::speeds;

/// Chooses the workers that a stream may use.
pub trait Policy: Send {
    /// The `wanted` best workers of the pool, best first, each at most once; all that the request may have, if there are fewer.
    /// `wanted` is at least 1. A policy that looks at a number of workers that does not grow with the pool keeps the master
    /// quick, however large the cluster.
    fn choose(&mut self, pool: &mut Pool<'_>, wanted: usize) -> Vec<Contender>;

    /// Numbers above 0 to which the parts of the stream that the `chosen` get are in proportion: their speeds, unless the policy
    /// says otherwise.
    fn capacities(&self, chosen: &[Contender]) -> Vec<f64> {
        speeds(chosen)
    }

    /// A worker is in the pool from now on.
    fn enter(&mut self, _id: WorkerId, _weight: u32) {}

    /// A worker is in the pool no more: it has left, is lost or finishes what it holds. It may enter again.
    fn leave(&mut self, _id: WorkerId) {}
}
