use aws_sdk_dynamodb::types::AttributeValue;

use super::{PhotoName, TakenAt, TakenAtSource};
use crate::{
    storage::table::{Item, MalformedItem, item_key, number, optional, required, required_number, text},
    users::UserKey,
};

/// How the range key of a photo's record begins.
pub(super) const PHOTO: &str = "photo#";

/// What the table knows about a stored photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotoRecord {
    pub name: PhotoName,
    /// In bytes.
    pub size: u64,
    /// Hexadecimal SHA-256 of the bytes, once something has computed it.
    pub sha256: Option<String>,
    pub taken_at: TakenAt,
    pub taken_at_source: TakenAtSource,
    pub favourite: bool,
}

impl PhotoRecord {
    /// The record of a new photo. All of it follows from the object, so it can be made again.
    #[must_use]
    pub fn new(name: PhotoName, size: u64) -> Self {
        let (taken_at, taken_at_source) = TakenAt::of(&name);
        Self { name, size, sha256: None, taken_at, taken_at_source, favourite: false }
    }

    /// The photo's position by time: when it was taken, then its name.
    #[must_use]
    pub fn position(&self) -> String {
        format!("{}_{}", self.taken_at.sort_key(), self.name)
    }

    pub(super) fn to_item(&self, user: &UserKey) -> Item {
        let mut item = item_key(user, &photo_item(&self.name));
        let values = [
            ("size", number(self.size)),
            ("takenAt", text(self.taken_at.to_string())),
            ("takenAtSource", text(self.taken_at_source.as_str())),
            ("position", text(self.position())),
        ];
        item.extend(values.map(|(name, value)| (name.to_owned(), value)));
        if let Some(sha256) = &self.sha256 {
            item.insert("sha256".to_owned(), text(sha256));
        }
        let kind = self.name.kind();
        for timeline in Timeline::ALL {
            let filter = timeline.filter(Some(kind.extension()), Some(self.favourite));
            item.insert(timeline.attribute().to_owned(), text(format!("{user}{filter}")));
        }
        if self.favourite {
            item.insert("favourite".to_owned(), AttributeValue::Bool(true));
        }
        item
    }

    pub(super) fn from_item(item: &Item) -> Result<Self, MalformedItem> {
        let name = |item: &str| item.strip_prefix(PHOTO).and_then(|name| PhotoName::parse(name).ok());
        Ok(Self {
            name: required(item, "item", name)?,
            size: required_number(item, "size")?,
            sha256: optional(item, "sha256", |text| Some(text.to_owned()))?,
            taken_at: required(item, "takenAt", TakenAt::parse)?,
            taken_at_source: required(item, "takenAtSource", TakenAtSource::parse)?,
            favourite: item.contains_key("favourite"),
        })
    }
}

pub(super) fn photo_item(name: &PhotoName) -> String {
    format!("{PHOTO}{name}")
}

/// An index of the table that orders photos by time: all of them, or those that a filter selects. Its range key is
/// [`PhotoRecord::position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeline {
    All,
    OfType,
    OfFavourites,
    OfTypeAndFavourites,
}

impl Timeline {
    pub(super) const ALL: [Self; 4] = [Self::All, Self::OfType, Self::OfFavourites, Self::OfTypeAndFavourites];

    /// The index for these filters.
    pub(super) const fn of(by_type: bool, by_favourite: bool) -> Self {
        match (by_type, by_favourite) {
            (false, false) => Self::All,
            (true, false) => Self::OfType,
            (false, true) => Self::OfFavourites,
            (true, true) => Self::OfTypeAndFavourites,
        }
    }

    /// The name of the index and of its hash key.
    pub(super) const fn attribute(self) -> &'static str {
        match self {
            Self::All => "timeline",
            Self::OfType => "timelineOfType",
            Self::OfFavourites => "timelineOfFavourites",
            Self::OfTypeAndFavourites => "timelineOfTypeAndFavourites",
        }
    }

    /// What follows the user in the hash key. A user's key contains no `#`.
    pub(super) fn filter(self, kind: Option<&str>, favourite: Option<bool>) -> String {
        let kind = format!("#{}", kind.unwrap_or_default());
        let favourite = if favourite == Some(true) { "#favourite" } else { "#other" };
        match self {
            Self::All => String::new(),
            Self::OfType => kind,
            Self::OfFavourites => favourite.to_owned(),
            Self::OfTypeAndFavourites => format!("{kind}{favourite}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::photos::PhotoType;

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            original in any::<String>(),
            millis in 0i64..4_000_000_000_000,
            size in any::<u64>(),
            favourite in any::<bool>(),
            sha256 in proptest::option::of("[0-9a-f]{64}"),
        ) {
            let name = PhotoName::new(&original, PhotoType::Png, jiff::Timestamp::from_millisecond(millis).unwrap());
            let record = PhotoRecord { sha256, favourite, ..PhotoRecord::new(name, size) };
            let item = record.to_item(&UserKey::from_segment("ann").unwrap());
            prop_assert_eq!(PhotoRecord::from_item(&item), Ok(record));
        }
    }
}
