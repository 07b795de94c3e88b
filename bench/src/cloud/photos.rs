//! The photos of the only user, generated rather than stored: photo `number` of `count`.
//!
//! `scripts/benchmark/library.py` computes the same names. They are in the order of the numbers, because photos are
//! uploaded in that order. The times at which they were taken are in the opposite order, and spread over ten years
//! whatever `count` is. One of four is a PNG, and one of ten is a favourite.

use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The only user's key: the `sub` of the token, which is a UUID in Cognito.
pub(crate) const USER: &str = "6f2e1c1e-0c0f-4b8e-9d53-0b6a9a4c1d2e";
/// The size of each photo.
pub(super) const PHOTO_BYTES: usize = 2_500_000;

/// The first bytes of a JPEG.
pub(super) const JPEG: [u8; 16] = [0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 1, 0, 72];

/// 2024-01-01, in milliseconds since 1970: when the first photo was uploaded.
const FIRST_UPLOAD: usize = 1_704_067_200_000;
/// 300 days in milliseconds: when the last photo was uploaded, after the first.
const UPLOADS: usize = 25_920_000_000;
/// 2014-01-01, in seconds since 1970: when the oldest photo was taken.
const FIRST_TAKEN: usize = 1_388_534_400;
/// The seconds of ten years.
const TAKEN: usize = 315_532_800;
const YEARS: std::ops::Range<usize> = 2014..2024;

/// The number of entries of the photo index that are generated at a time.
const ENTRIES: usize = 500;

/// An item of a table in DynamoDB's JSON: the value of each attribute is an object such as `{"S": "text"}`.
pub(super) type Item = Map<String, Value>;

/// The content of a photo of so many bytes.
pub(super) fn bytes_of_photo(bytes: usize) -> Bytes {
    JPEG.into_iter().chain((0..=u8::MAX).cycle()).take(bytes).collect()
}

/// A number of photos.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Photos {
    pub(super) count: usize,
}

impl Photos {
    pub(super) fn name(self, number: usize) -> String {
        let uploaded = millis(FIRST_UPLOAD + number * (UPLOADS / self.count.max(1)));
        let taken = self.taken(number).strftime("%Y%m%d_%H%M%S");
        format!("{}_IMG_{taken}.{}", uploaded.strftime("%Y%m%dT%H%M%S%3fZ"), extension(number))
    }

    fn taken(self, number: usize) -> Timestamp {
        let rank = self.count.saturating_sub(number + 1);
        millis(1000 * (FIRST_TAKEN + rank * (TAKEN / self.count.max(1))))
    }

    /// The photo's place in the order of time.
    pub(super) fn position(self, number: usize) -> String {
        format!("{}_{}", self.taken(number).strftime("%Y-%m-%dT%H:%M:%S%.3f"), self.name(number))
    }

    /// The number of the photo with this name.
    pub(super) fn find(self, name: &str) -> Option<usize> {
        let number = self.rank(|photo| self.name(photo).as_str() < name);
        (number < self.count && self.name(number) == name).then_some(number)
    }

    /// The number of leading photos that `is_before` accepts. It must accept none after the first one that it refuses.
    pub(super) fn rank(self, is_before: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// As [`Photos::rank`], for the photos in the order of time.
    pub(super) fn rank_by_time(self, is_before: impl Fn(usize) -> bool) -> usize {
        self.rank(|rank| is_before(self.number_by_time(rank)))
    }

    /// The number of the photo with this rank in the order of time.
    pub(super) fn number_by_time(self, rank: usize) -> usize {
        self.count.saturating_sub(rank + 1)
    }

    /// The photo's record, as `lambdas/src/photos/record.rs` writes it.
    pub(super) fn item(self, number: usize) -> Item {
        let mut item = Item::new();
        let mut text = |name: &str, value: String| item.insert(name.to_owned(), json!({ "S": value }));
        text("user", USER.to_owned());
        text("item", format!("photo#{}", self.name(number)));
        text("takenAt", self.taken(number).strftime("%Y-%m-%dT%H:%M:%S").to_string());
        text("takenAtSource", "filename".to_owned());
        text("position", self.position(number));
        for timeline in TIMELINES {
            text(timeline, partition(timeline, number));
        }
        item.insert("size".to_owned(), json!({ "N": PHOTO_BYTES.to_string() }));
        if is_favourite(number) {
            item.insert("favourite".to_owned(), json!({"BOOL": true}));
        }
        item
    }

    /// The user's usage: nothing is reserved, and the photo index is current.
    pub(super) fn usage(self) -> Item {
        let mut usage = with_key("usage");
        let changes = self.count;
        for (name, value) in [
            ("bytes", self.count * PHOTO_BYTES),
            ("photos", self.count),
            ("reservedBytes", 0),
            ("reservedPhotos", 0),
            ("changes", changes),
            ("indexed", changes),
        ] {
            usage.insert(name.to_owned(), json!({ "N": value.to_string() }));
        }
        usage
    }

    /// The items that count the photos of each month, by their range keys, in order.
    pub(super) fn months(self) -> impl DoubleEndedIterator<Item = (String, Item)> {
        let months = YEARS.flat_map(|year| (1..=12).map(move |month| format!("{year}-{month:02}")));
        months.filter_map(move |month| Some((format!("month#{month}"), self.month(&month)?)))
    }

    /// The item that counts the photos of a month such as `2014-01`.
    pub(super) fn month(self, month: &str) -> Option<Item> {
        let before = |end: &str| {
            let until = format!("{month}{end}");
            self.rank_by_time(|photo| self.position(photo) < until)
        };
        let count = before("~") - before("");
        let mut item = with_key(&format!("month#{month}"));
        item.insert("count".to_owned(), json!({ "N": count.to_string() }));
        (count > 0).then_some(item)
    }

    /// The photo index, which is what `index_images` writes, and its length in bytes.
    pub(super) fn index(self) -> (usize, impl Iterator<Item = Bytes> + Send + 'static) {
        let entry = move |number| {
            let (name, kind) = (self.name(number), extension(number));
            let start = if number == 0 { '[' } else { ',' };
            format!(r#"{start}{{"name":"{name}","type":"{kind}","size":{PHOTO_BYTES}}}"#)
        };
        // All entries have the same length, and after them there is a bracket.
        let length = self.count * entry(0).len() + 1;
        let chunks = (0..self.count).step_by(ENTRIES).map(move |first| {
            let end = self.count.min(first + ENTRIES);
            (first..end).map(entry).chain((end == self.count).then(|| "]".to_owned())).collect::<String>().into()
        });
        (length, chunks)
    }
}

/// The indexes of the table, which are named like their hash keys.
pub(super) const TIMELINES: [&str; 4] =
    ["timeline", "timelineOfType", "timelineOfFavourites", "timelineOfTypeAndFavourites"];

/// The photo's hash key in an index.
pub(super) fn partition(timeline: &str, number: usize) -> String {
    let favourite = if is_favourite(number) { "#favourite" } else { "#other" };
    let kind = extension(number);
    match timeline {
        "timelineOfType" => format!("{USER}#{kind}"),
        "timelineOfFavourites" => format!("{USER}{favourite}"),
        "timelineOfTypeAndFavourites" => format!("{USER}#{kind}{favourite}"),
        _ => USER.to_owned(),
    }
}

/// An item of the user with nothing but its key.
pub(super) fn with_key(item: &str) -> Item {
    Item::from_iter([("user".to_owned(), json!({ "S": USER })), ("item".to_owned(), json!({ "S": item }))])
}

fn extension(number: usize) -> &'static str {
    if number.is_multiple_of(4) { "png" } else { "jpg" }
}

fn is_favourite(number: usize) -> bool {
    number.is_multiple_of(10)
}

fn millis(since_1970: usize) -> Timestamp {
    let millis = i64::try_from(since_1970).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_found_by_name() {
        let photos = Photos { count: 1_000_000 };
        assert_eq!(photos.name(500_000), "20240530T000000000Z_IMG_20181228_215445.png");
        for number in [0, 1, 499_999, 999_999] {
            assert_eq!(photos.find(&photos.name(number)), Some(number));
        }
        assert_eq!(photos.find("20240101T000000000Z_IMG_20140101_000000.jpg"), None);
    }

    #[test]
    fn the_order_of_time_is_that_of_the_positions() {
        let photos = Photos { count: 1000 };
        let positions: Vec<_> = (0..1000).map(|rank| photos.position(photos.number_by_time(rank))).collect();
        assert!(positions.is_sorted());
        assert!(positions[0].starts_with("2014-01-01T00:00:00.000_2024"), "{}", positions[0]);
    }

    #[test]
    fn the_index_has_the_announced_length_and_an_entry_for_each_photo() {
        let (length, chunks) = Photos { count: 1234 }.index();
        let text = chunks.fold(String::new(), |text, chunk| text + str::from_utf8(&chunk).unwrap());
        assert_eq!(text.len(), length);
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(entries.len(), 1234);
        assert_eq!(entries[7]["name"], Photos { count: 1234 }.name(7));
    }

    #[test]
    fn the_months_count_all_photos() {
        for count in [1000, 100_000] {
            let months: Vec<_> = Photos { count }.months().collect();
            assert_eq!(months.len(), 120);
            let counts = months.iter().map(|(_, item)| item["count"]["N"].as_str().unwrap().parse::<usize>().unwrap());
            assert_eq!(counts.sum::<usize>(), count);
        }
    }
}
