//! Formats of values in JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Writes an id as 16 hexadecimal digits.
pub(super) fn hex<S: Serializer>(id: &u64, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&format_args!("{id:016x}"))
}

/// Writes a time in whole milliseconds.
pub(super) fn ms<S: Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(whole_ms(*time))
}

/// Writes a time in whole milliseconds, or `null`.
pub(super) fn ms_or_null<S: Serializer>(time: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    time.map(whole_ms).serialize(out)
}

/// Writes a measurement with two decimal places. A view has thousands of measurements, and nobody reads more places.
pub(super) fn short<S: Serializer>(value: &f32, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f32((value * 100.0).round() / 100.0)
}

/// Writes a measurement with two decimal places, or `null`.
pub(super) fn short_or_null<S: Serializer>(value: &Option<f32>, out: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => short(value, out),
        None => out.serialize_none(),
    }
}

/// A time in whole milliseconds, as messages carry it.
pub(super) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
