//! Items of `DynamoDB` tables.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::error::CloudError;
use crate::time::rfc3339;

/// An item by the names of its attributes.
pub type Item = HashMap<String, AttributeValue>;

/// An attribute is missing or does not have the form that this service writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attribute {0} is missing or malformed")]
pub struct MalformedItem(pub &'static str);

impl From<MalformedItem> for CloudError {
    fn from(error: MalformedItem) -> Self {
        Self::caused("an item cannot be read", error)
    }
}

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[must_use]
pub fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// RFC 3339 with milliseconds: all of one length, so the order of the texts is the order of the times.
#[must_use]
pub fn time(value: Timestamp) -> AttributeValue {
    text(rfc3339(value))
}

/// Epoch seconds, as `DynamoDB` wants a time to live.
#[must_use]
pub fn epoch_seconds(value: Timestamp) -> AttributeValue {
    AttributeValue::N(value.as_second().to_string())
}

/// An attribute that must be there, read from its text by `parse`.
///
/// # Errors
/// [`MalformedItem`] if it is missing or `parse` rejects it.
pub fn required<T>(
    item: &Item,
    attribute: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, MalformedItem> {
    optional(item, attribute, parse)?.ok_or(MalformedItem(attribute))
}

/// An attribute that may be absent, read from its text by `parse`.
///
/// # Errors
/// [`MalformedItem`] if `parse` rejects it.
pub fn optional<T>(
    item: &Item,
    attribute: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, MalformedItem> {
    let Some(value) = item.get(attribute) else { return Ok(None) };
    value.as_s().ok().and_then(|text| parse(text)).map(Some).ok_or(MalformedItem(attribute))
}

/// A number that must be there.
///
/// # Errors
/// [`MalformedItem`] if it is missing or not a whole number of this range.
pub fn required_number(item: &Item, attribute: &'static str) -> Result<u64, MalformedItem> {
    let number = item.get(attribute).and_then(|value| value.as_n().ok());
    number.and_then(|number| number.parse().ok()).ok_or(MalformedItem(attribute))
}
