use aws_sdk_dynamodb::types::AttributeValue;

use jiff::Timestamp;

use super::{PhotoName, Place, Rendition, Taken, TakenAt, TakenAtSource};
use crate::{
    renditions::RECIPE,
    storage::table::{
        Item, MalformedItem, item_key, number, optional, optional_number, required, required_number, text, time,
    },
    users::UserKey,
};

/// How the range key of a photo's record begins.
pub(super) const PHOTO: &str = "photo#";

/// What the table knows about a stored photo.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoRecord {
    pub name: PhotoName,
    /// In bytes.
    pub size: u64,
    /// Hexadecimal SHA-256 of the bytes, in lower case, once something has computed it.
    pub sha256: Option<String>,
    /// The CRC-32 of the bytes, as archives have it, once something has computed it.
    pub crc32: Option<u32>,
    pub dimensions: Option<Dimensions>,
    pub taken: Taken,
    pub place: Option<Place>,
    pub camera: Option<String>,
    pub favourite: bool,
    /// When the photo was moved to the trash, if it is there.
    pub trashed_at: Option<Timestamp>,
    pub rendition: Rendition,
    /// The recipe of the renditions, or of the attempt to make them: see [`crate::renditions::RECIPE`]. 0 before that.
    pub recipe: u32,
    pub thumbhash: Option<String>,
    /// How often the record was changed. A change is written only if nobody else has changed the record meanwhile.
    pub(super) version: u64,
}

/// In pixels, as displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    pub width: u32,
    pub height: u32,
}

impl PhotoRecord {
    /// The record of a new photo. All of it follows from the object, so it can be made again.
    #[must_use]
    pub fn new(name: PhotoName, size: u64) -> Self {
        let (own, own_source) = TakenAt::of(&name);
        Self {
            name,
            size,
            sha256: None,
            crc32: None,
            dimensions: None,
            taken: Taken { own, own_source, chosen: None },
            place: None,
            camera: None,
            favourite: false,
            trashed_at: None,
            rendition: Rendition::Pending,
            recipe: 0,
            thumbhash: None,
            version: 0,
        }
    }

    /// Whether there are renditions of the current recipe, or none can be made.
    #[must_use]
    pub fn is_rendered(&self) -> bool {
        self.rendition != Rendition::Pending && self.recipe == RECIPE
    }

    /// The photo's position by time: when it was taken, then its name.
    #[must_use]
    pub fn position(&self) -> String {
        format!("{}_{}", self.taken.at().sort_key(), self.name)
    }

    pub(super) fn to_item(&self, user: &UserKey) -> Item {
        let Self {
            name,
            size,
            sha256,
            crc32,
            dimensions,
            taken,
            place,
            camera,
            favourite,
            trashed_at,
            rendition,
            recipe,
            thumbhash,
            version,
        } = self;
        let mut item = item_key(user, &photo_item(name));
        let optional = [
            ("sha256", sha256.as_ref().map(text)),
            ("crc32", crc32.map(|crc32| number(crc32.into()))),
            ("width", dimensions.map(|dimensions| number(dimensions.width.into()))),
            ("height", dimensions.map(|dimensions| number(dimensions.height.into()))),
            ("chosenTakenAt", taken.chosen.as_ref().map(|chosen| text(chosen.to_string()))),
            ("latitude", place.map(|place| AttributeValue::N(place.latitude.to_string()))),
            ("longitude", place.map(|place| AttributeValue::N(place.longitude.to_string()))),
            ("camera", camera.as_ref().map(text)),
            ("favourite", favourite.then_some(AttributeValue::Bool(true))),
            ("trashedAt", trashed_at.map(time)),
            ("rendition", (*rendition != Rendition::Pending).then(|| text(rendition.as_str()))),
            ("recipe", (*recipe > 0).then(|| number((*recipe).into()))),
            ("thumbhash", thumbhash.as_ref().map(text)),
            ("version", (*version > 0).then(|| number(*version))),
        ];
        item.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let values = [
            ("size", number(*size)),
            ("takenAt", text(taken.own.to_string())),
            ("takenAtSource", text(taken.own_source.as_str())),
            ("position", text(self.position())),
        ];
        item.extend(values.map(|(name, value)| (name.to_owned(), value)));
        for timeline in Timeline::ALL {
            let filter = timeline.filter(trashed_at.is_some(), Some(name.kind().extension()), Some(*favourite));
            item.insert(timeline.attribute().to_owned(), text(format!("{user}{filter}")));
        }
        item
    }

    pub(super) fn from_item(item: &Item) -> Result<Self, MalformedItem> {
        let name = |item: &str| item.strip_prefix(PHOTO).and_then(|name| PhotoName::parse(name).ok());
        let owned = |text: &str| Some(text.to_owned());
        let small = |name| optional_number(item, name).and_then(|number| u32::try_from(number).ok());
        let degrees = |name| item.get(name).and_then(|degrees| degrees.as_n().ok()?.parse().ok());
        Ok(Self {
            name: required(item, "item", name)?,
            size: required_number(item, "size")?,
            sha256: optional(item, "sha256", owned)?,
            crc32: small("crc32"),
            dimensions: small("width").zip(small("height")).map(|(width, height)| Dimensions { width, height }),
            taken: Taken {
                own: required(item, "takenAt", TakenAt::parse)?,
                own_source: required(item, "takenAtSource", TakenAtSource::parse)?,
                chosen: optional(item, "chosenTakenAt", TakenAt::parse)?,
            },
            place: degrees("latitude")
                .zip(degrees("longitude"))
                .map(|(latitude, longitude)| Place { latitude, longitude }),
            camera: optional(item, "camera", owned)?,
            favourite: item.contains_key("favourite"),
            trashed_at: optional(item, "trashedAt", |time| time.parse().ok())?,
            rendition: optional(item, "rendition", Rendition::parse)?.unwrap_or(Rendition::Pending),
            recipe: small("recipe").unwrap_or_default(),
            thumbhash: optional(item, "thumbhash", owned)?,
            version: optional_number(item, "version").unwrap_or_default(),
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

    /// What follows the user in the hash key. A user's key contains no `#`. Photos in the trash have keys of their own,
    /// so no other selection finds them.
    pub(super) fn filter(self, in_trash: bool, kind: Option<&str>, favourite: Option<bool>) -> String {
        let trash = if in_trash { "#trash" } else { "" };
        let kind = format!("#{}", kind.unwrap_or_default());
        let favourite = if favourite == Some(true) { "#favourite" } else { "#other" };
        match self {
            Self::All => trash.to_owned(),
            Self::OfType => format!("{trash}{kind}"),
            Self::OfFavourites => format!("{trash}{favourite}"),
            Self::OfTypeAndFavourites => format!("{trash}{kind}{favourite}"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use proptest::{option, prelude::*};

    use super::*;
    use crate::photos::PhotoType;

    fn instant() -> impl Strategy<Value = Timestamp> {
        (0i64..4_000_000_000_000).prop_map(|millis| Timestamp::from_millisecond(millis).unwrap())
    }

    fn taken_at() -> impl Strategy<Value = TakenAt> {
        (instant(), option::of("[+-](0[0-9]|1[0-4]):[0-5][0-9]"), any::<bool>()).prop_map(
            |(time, offset, has_millis)| {
                let format = if has_millis { "%Y-%m-%dT%H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S" };
                TakenAt::parse(&format!("{}{}", time.strftime(format), offset.unwrap_or_default())).unwrap()
            },
        )
    }

    /// Any record.
    pub(crate) fn record() -> impl Strategy<Value = PhotoRecord> {
        let kind = prop::sample::select(PhotoType::ALL.to_vec());
        let place = (-90f64..=90.0, -180f64..=180.0).prop_map(|(latitude, longitude)| Place { latitude, longitude });
        let dimensions = any::<(u32, u32)>().prop_map(|(width, height)| Dimensions { width, height });
        let rendition = prop::sample::select(Rendition::ALL.to_vec());
        let hashes = (option::of("[0-9a-f]{64}"), option::of(any::<u32>()));
        let found = (hashes, option::of(dimensions), option::of(place), option::of(".{1,20}"));
        let shown = (rendition, any::<u32>(), option::of("[A-Za-z0-9+/]{30}"));
        let chosen = (option::of(taken_at()), option::of(taken_at()), any::<bool>(), option::of(instant()));
        (any::<String>(), kind, instant(), any::<(u64, u64)>(), found, shown, chosen).prop_map(
            |(original, kind, uploaded_at, (size, version), found, (rendition, recipe, thumbhash), chosen)| {
                let mut record = PhotoRecord::new(PhotoName::new(&original, kind, uploaded_at), size);
                let (exif, chosen, favourite, trashed_at) = chosen;
                if let Some(exif) = exif {
                    (record.taken.own, record.taken.own_source) = (exif, TakenAtSource::Exif);
                }
                record.taken.chosen = chosen;
                ((record.sha256, record.crc32), record.dimensions, record.place, record.camera) = found;
                PhotoRecord { favourite, trashed_at, rendition, recipe, thumbhash, version, ..record }
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(record in record()) {
            let item = record.to_item(&UserKey::from_segment("ann").unwrap());
            prop_assert_eq!(PhotoRecord::from_item(&item), Ok(record));
        }
    }

    #[test]
    fn each_selection_has_index_keys_of_its_own() {
        let kinds = PhotoType::ALL.map(PhotoType::extension);
        for timeline in Timeline::ALL {
            let (by_type, by_favourite) = match timeline {
                Timeline::All => (false, false),
                Timeline::OfType => (true, false),
                Timeline::OfFavourites => (false, true),
                Timeline::OfTypeAndFavourites => (true, true),
            };
            let mut keys = BTreeSet::new();
            for in_trash in [false, true] {
                for kind in kinds.iter().take(if by_type { kinds.len() } else { 1 }) {
                    for favourite in [false, true].into_iter().take(1 + usize::from(by_favourite)) {
                        assert!(keys.insert(timeline.filter(in_trash, Some(kind), Some(favourite))));
                    }
                }
            }
        }
    }
}
