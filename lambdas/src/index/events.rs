use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    storage::{keys, objects::decode_key},
    users::UserKey,
};

/// The contents of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Whose photos changed. Nothing else in an event counts: events arrive late, more than once and in any order.
    pub users: BTreeSet<UserKey>,
    /// Whether all of it was readable. An unreadable part must not be dropped: it may be about a photo.
    pub is_understood: bool,
}

/// Reads the body of a message from S3 ("Event message structure" in the Amazon S3 User Guide).
///
/// Readable events about something else are ignored on purpose: the test event that S3 sends when the notification is
/// set up, other buckets, other prefixes. The kind of event makes no difference.
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
                let user = keys::owner_of_photo(&key).filter(|_| name == bucket);
                if user.is_none() {
                    tracing::info!(bucket = name, "ignored an event that is not about a user's photo");
                }
                notice.users.extend(user);
            }
            _ => notice.is_understood = false,
        }
    }
    notice
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

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

    fn names(notice: &Notice) -> Vec<&str> {
        notice.users.iter().map(UserKey::as_str).collect()
    }

    fn is_ignored(notice: &Notice) -> bool {
        notice.is_understood && notice.users.is_empty()
    }

    #[test]
    fn an_event_names_the_folder_that_changed() {
        for (key, folder) in [
            ("photos/ann/20261121T020304056Z_cat.jpg", "ann"),
            ("photos/ann/20261121T020304056Z_a+b%2Bc%25%F0%9F%8F%B3%EF%B8%8F.jpg", "ann"),
            ("photos/ann/%D0%BA%D0%BE%D1%82.jpg", "ann"),
            ("photos/ann%2Bcats%40example.org/x.jpg", "ann+cats@example.org"),
            ("photos/ann%2540b/x.jpg", "ann%40b"),
            ("photos/auth0~google-oauth2%257C1/x.jpg", "auth0~google-oauth2%7C1"),
            ("photos/ann/deeper/x.jpg", "ann"),
        ] {
            let notice = notice(&[record(key)]);
            assert!(notice.is_understood, "{key}");
            assert_eq!(names(&notice), [folder], "{key}");
        }
    }

    #[test]
    fn an_event_about_no_users_folder_is_ignored() {
        for key in ["index/ann/images.json", "photos/cat.jpg", "photos//cat.jpg", "photos/../x", "photos/a+b/x", ""] {
            assert!(is_ignored(&notice(&[record(key)])), "{key}");
        }
        let mut elsewhere = record("photos/ann/cat.jpg");
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
            let notice = notice(&[wrong.clone(), record("photos/bob/cat.jpg")]);
            assert!(!notice.is_understood, "{wrong}");
            assert_eq!(names(&notice), ["bob"], "{wrong}");
        }
    }

    #[test]
    fn one_message_may_be_about_several_users() {
        let notice = notice(&[record("photos/bob/1.jpg"), record("photos/ann/2.jpg"), record("photos/bob/3.jpg")]);
        assert_eq!(names(&notice), ["ann", "bob"]);
    }

    proptest! {
        #[test]
        fn every_key_of_a_folder_names_it(name in any::<String>(), user in "[a-z0-9._+@%~-]{1,40}") {
            prop_assume!(user != "." && user != "..");
            let key: String = form_urlencoded::byte_serialize(format!("photos/{user}/{name}").as_bytes()).collect();
            let notice = notice(&[record(&key)]);
            prop_assert!(notice.is_understood);
            prop_assert_eq!(names(&notice), [user.as_str()]);
        }

        #[test]
        fn reading_never_panics(body in any::<String>(), key in any::<String>()) {
            let _ = read_notice(&body, BUCKET);
            let _ = notice(&[record(&key)]);
        }
    }
}
