//! Turns the fields of spans and events into attributes.

use std::fmt;

use opentelemetry::{KeyValue, Value};
use tracing::field::{Field, Visit};

/// The fields of a span or an event, under the names that they have in the log.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<KeyValue>);

impl Fields {
    /// Collects the fields that `record` visits.
    pub(super) fn of(record: impl FnOnce(&mut Fields)) -> Fields {
        let mut fields = Fields::default();
        record(&mut fields);
        fields
    }

    /// Removes the field of this name and returns its value, or None when there is no such field.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|field| field.key.as_str() == name)?;
        Some(self.0.remove(at).value)
    }

    /// The value of the field of this name, or None when there is no such field.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.key.as_str() == name).map(|field| &field.value)
    }

    /// The fields that were not taken.
    pub(super) fn into_attributes(self) -> Vec<KeyValue> {
        self.0
    }

    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push(KeyValue::new(field.name(), value));
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // OpenTelemetry has no larger integers.
        match i64::try_from(value) {
            Ok(value) => self.push(field, value),
            Err(_) => self.push(field, value.to_string()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}"));
    }
}
