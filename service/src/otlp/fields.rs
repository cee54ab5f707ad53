//! The fields of spans and events as attributes.

use std::fmt;

use opentelemetry::{KeyValue, Value};
use tracing::field::{Field, Visit};

/// What a span or an event says, under the names that the log has for it.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<KeyValue>);

impl Fields {
    /// All that `record` shows.
    pub(super) fn of(record: impl FnOnce(&mut Fields)) -> Fields {
        let mut fields = Fields::default();
        record(&mut fields);
        fields
    }

    /// Removes the field of this name. None: there is none.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|field| field.key.as_str() == name)?;
        Some(self.0.remove(at).value)
    }

    /// The value of the field of this name. None: there is none.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.key.as_str() == name).map(|field| &field.value)
    }

    /// Those that were not taken.
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
        // OpenTelemetry knows no greater numbers.
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
