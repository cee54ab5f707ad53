//! Questions to the master, one at a time, asked beside everything else.

use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Route, RouteQuery, wire};
use facefleet_service::grpc;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use tonic::transport::Channel;

/// The master, as one stream asks it.
pub(crate) struct Master {
    client: MasterClient<Channel>,
    asking: Fuse<BoxFuture<'static, Result<Route, String>>>,
}

impl Master {
    /// A master that was not asked yet.
    pub(crate) fn new(channel: Channel) -> Master {
        Master { client: MasterClient::new(channel), asking: Fuse::terminated() }
    }

    /// Asks. Its answer, or why there is none, is what [`Master::answer`] gives next.
    pub(crate) fn ask(&mut self, query: RouteQuery) {
        debug_assert!(self.asking.is_terminated(), "one question at a time");
        let mut client = self.client.clone();
        let ask = async move {
            let mut request = tonic::Request::new(wire::RouteRequest::from(query));
            request.set_timeout(grpc::CALL_TIMEOUT);
            let reply = client.route_guide(request).await.map_err(|status| grpc::explain(&status))?;
            Route::try_from(reply.into_inner()).map_err(|invalid| format!("its route is nonsense: {invalid}"))
        };
        self.asking = ask.boxed().fuse();
    }

    /// Waits for the answer to the question that is open; for ever, if none is.
    pub(crate) async fn answer(&mut self) -> Result<Route, String> {
        if self.asking.is_terminated() {
            return std::future::pending().await;
        }
        (&mut self.asking).await
    }
}
