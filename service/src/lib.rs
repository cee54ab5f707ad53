//! What every facefleet process needs to be a service: clock, logging, shutdown, backoff, gRPC set-up.
