//! Reads video, spreads its frames over the cluster, writes what came back.
