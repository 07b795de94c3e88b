use std::collections::BTreeMap;

use serde_json::Value;

use super::PhotoName;
use crate::{
    storage::{keys, objects::decode_key},
    users::UserKey,
};

/// The contents of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// The photos that the message is about, by user. Nothing else in an event counts: events arrive late, more than
    /// once and in any order.
    pub photos: BTreeMap<UserKey, Vec<Change>>,
    /// Whether all of it was readable. An unreadable part must not be dropped: it may be about a photo.
    pub is_understood: bool,
}

/// A photo that was created or deleted, as an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: PhotoName,
    /// Whether the event is about a creation. It only saves requests for a photo that has a record already.
    pub is_creation: bool,
}

/// Reads the body of a message from S3 ("Event message structure" in the Amazon S3 User Guide).
///
/// Readable events about something else are ignored on purpose: the test event that S3 sends when the notification is
/// set up, other buckets, other prefixes, and objects whose names no upload generates.
#[must_use]
pub fn read_notice(body: &str, bucket: &str) -> Notice {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return Notice::default() };
    if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        tracing::info!("ignored a test event");
        return Notice { is_understood: true, ..Notice::default() };
    }
    let Some(records) = body.get("Records").and_then(Value::as_array) else { return Notice::default() };
    let mut notice = Notice { is_understood: true, ..Notice::default() };
    for record in records {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
        match (text("/s3/bucket/name"), text("/s3/object/key").and_then(decode_key)) {
            (Some(name), Some(key)) => {
                let Some((user, name)) = keys::parse_photo(&key).filter(|_| name == bucket) else {
                    tracing::info!(bucket = name, "ignored an event that is not about a user's photo");
                    continue;
                };
                let is_creation = text("/eventName").is_some_and(|name| name.starts_with("ObjectCreated:"));
                notice.photos.entry(user).or_default().push(Change { name, is_creation });
            }
            _ => notice.is_understood = false,
        }
    }
    notice
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::photos::PhotoType;

    const BUCKET: &str = "yourplace";

    fn record(key: &str) -> Value {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
            "eventTime": "2026-11-21T02:03:04.056Z", "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "photos",
                "bucket": {"name": BUCKET, "arn": "arn:aws:s3:::yourplace"},
                "object": {"key": key, "size": 1, "eTag": "e", "sequencer": "0055AED6DCD90281E5"},
            },
        })
    }

    fn notice(records: &[Value]) -> Notice {
        read_notice(&json!({"Records": records}).to_string(), BUCKET)
    }

    const NAME: &str = "20261121T020304056Z_cat.jpg";

    fn photos(notice: &Notice) -> Vec<(&str, &str)> {
        let photos = notice.photos.iter();
        photos.flat_map(|(user, changes)| changes.iter().map(|c| (user.as_str(), c.name.as_str()))).collect()
    }

    fn is_ignored(notice: &Notice) -> bool {
        notice.is_understood && notice.photos.is_empty()
    }

    #[test]
    fn an_event_names_a_photo_and_its_user() {
        for (key, user, name) in [
            ("photos/ann/20261121T020304056Z_cat.jpg", "ann", NAME),
            (
                "photos/ann/20261121T020304056Z_a+b%2Bc%25%F0%9F%8F%B3%EF%B8%8F.jpg",
                "ann",
                "20261121T020304056Z_a b+c%🏳️.jpg",
            ),
            ("photos/ann%2Bcats%40example.org/20261121T020304056Z_cat.jpg", "ann+cats@example.org", NAME),
            ("photos/ann%2540b/20261121T020304056Z_cat.jpg", "ann%40b", NAME),
            ("photos/auth0~google-oauth2%257C1/20261121T020304056Z_cat.jpg", "auth0~google-oauth2%7C1", NAME),
        ] {
            let notice = notice(&[record(key)]);
            assert!(notice.is_understood, "{key}");
            assert_eq!(photos(&notice), [(user, name)], "{key}");
        }
    }

    #[test]
    fn the_kind_of_an_event_tells_a_creation() {
        for (kind, expected) in [
            ("ObjectCreated:Put", true),
            ("ObjectCreated:CompleteMultipartUpload", true),
            ("ObjectRemoved:Delete", false),
            ("ObjectRemoved:DeleteMarkerCreated", false),
        ] {
            let mut event = record(&format!("photos/ann/{NAME}"));
            event["eventName"] = kind.into();
            let notice = notice(&[event]);
            assert!(notice.photos.values().flatten().all(|change| change.is_creation == expected), "{kind}");
        }
    }

    #[test]
    fn an_event_about_no_photo_is_ignored() {
        for key in [
            "index/ann/images.json",
            "photos/20261121T020304056Z_cat.jpg",
            "photos//20261121T020304056Z_cat.jpg",
            "photos/../20261121T020304056Z_cat.jpg",
            "photos/a+b/20261121T020304056Z_cat.jpg",
            "photos/ann/cat.jpg",
            "photos/ann/deeper/20261121T020304056Z_cat.jpg",
            "",
        ] {
            assert!(is_ignored(&notice(&[record(key)])), "{key}");
        }
        let mut elsewhere = record(&format!("photos/ann/{NAME}"));
        elsewhere["s3"]["bucket"]["name"] = "another".into();
        assert!(is_ignored(&notice(&[elsewhere])));
        assert!(is_ignored(&notice(&[])));
    }

    #[test]
    fn the_test_event_is_ignored() {
        let body = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z",
            "Bucket": BUCKET, "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
        });
        assert!(is_ignored(&read_notice(&body.to_string(), BUCKET)));
    }

    #[test]
    fn an_unreadable_part_is_reported_and_the_rest_counts() {
        for body in ["", "photos/ann/cat.jpg", "[]", "null", "{}", "{\"Records\": {}}", "{\"Event\": \"another\"}"] {
            assert!(read_notice(body, BUCKET) == Notice::default(), "{body}");
        }
        for wrong in [json!(null), json!({}), json!({"s3": {"object": {"key": 7}}}), record("photos/ann/%FF")] {
            let notice = notice(&[wrong.clone(), record(&format!("photos/bob/{NAME}"))]);
            assert!(!notice.is_understood, "{wrong}");
            assert_eq!(photos(&notice), [("bob", NAME)], "{wrong}");
        }
    }

    #[test]
    fn one_message_may_be_about_several_users() {
        let of = |user: &str, name: &str| record(&format!("photos/{user}/20261121T020304056Z_{name}.jpg"));
        let notice = notice(&[of("bob", "1"), of("ann", "2"), of("bob", "3")]);
        let users: Vec<_> = notice.photos.iter().map(|(user, changes)| (user.as_str(), changes.len())).collect();
        assert_eq!(users, [("ann", 1), ("bob", 2)]);
    }

    proptest! {
        #[test]
        fn every_photo_of_every_user_is_read(
            original in any::<String>(),
            millis in 0i64..4_000_000_000_000,
            user in "[a-z0-9._+@%~-]{1,40}",
        ) {
            prop_assume!(user != "." && user != "..");
            let name = PhotoName::new(&original, PhotoType::Gif, Timestamp::from_millisecond(millis).unwrap());
            let key: String = form_urlencoded::byte_serialize(format!("photos/{user}/{name}").as_bytes()).collect();
            let notice = notice(&[record(&key)]);
            prop_assert!(notice.is_understood);
            prop_assert_eq!(photos(&notice), [(user.as_str(), name.as_str())]);
        }

        #[test]
        fn reading_never_panics(body in any::<String>(), key in any::<String>()) {
            let _ = read_notice(&body, BUCKET);
            let _ = notice(&[record(&key)]);
        }
    }
}
