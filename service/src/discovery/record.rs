//! The names in the DNS records of a master.

/// The service of which masters are instances. Its name may have at most 15 characters (RFC 6763, section 7).
pub(super) const SERVICE: &str = "_facefleet._tcp.local.";
/// The version of the keys in TXT, which has to be the first key (RFC 6763, section 6.7).
pub(super) const TXT_VERSION: (&str, &str) = ("txtvers", "1");
/// The version of the protocol. Additions to the protocol do not change it; another version would not be understood.
pub(super) const PROTOCOL_VERSION: (&str, &str) = ("protovers", "1");
/// The key of the cluster's epoch.
pub(super) const CLUSTER: &str = "cluster";
/// The most bytes of a label of a domain name (RFC 1035), such as the name of an instance (RFC 6763, section 4.1.1).
pub(super) const MAX_LABEL_BYTES: usize = 63;
