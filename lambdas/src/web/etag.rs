//! Conditional requests.

use http::{HeaderMap, header};

/// Whether to send the full response: true unless `If-None-Match` matches `etag`, the current `ETag` (RFC 9110, 13.1.2:
/// weak comparison, a list, or `*`). The resource must exist, because `*` matches any. Malformed tags never match.
#[must_use]
pub fn is_none_match_satisfied(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let current = opaque(etag);
    !headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim() == "*" || tags(value).any(|tag| opaque(tag) == current))
}

/// The entity tags in a list. A tag may contain commas (RFC 9110, 8.8.3), so the list is split at quotes.
fn tags(mut list: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        list = list.trim_start_matches([' ', '\t', ',']);
        let opening = list.find('"').filter(|at| matches!(list.get(..*at), Some("" | "W/")))?;
        let closing = list.get(opening + 1..)?.find('"')? + opening + 2;
        let (tag, rest) = list.split_at_checked(closing)?;
        list = rest;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn is_sent_in_full(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
        }
        is_none_match_satisfied(&headers, "\"a,b\"")
    }

    #[test]
    fn a_matching_tag_avoids_the_full_response() {
        for values in [
            &["\"a,b\""] as &[&str],
            &["W/\"a,b\""],
            &["*"],
            &[" * "],
            &["\"x\", \"a,b\""],
            &["\"x\",W/\"a,b\",\"y\""],
            &[", ,\"x\" ,\t\"a,b\""],
            &["\"x\"", "\"a,b\""],
            &["\"\", \"a,b\""],
        ] {
            assert!(!is_sent_in_full(values), "{values:?}");
        }
    }

    #[test]
    fn other_tags_get_the_full_response() {
        for values in [
            &[] as &[&str],
            &[""],
            &["\"x\""],
            &["a,b"],
            &["\"a\", \"b\""],
            &["\"A,B\""],
            &["\"a,b"],
            &["w/\"a,b\""],
            &["\"x\", *"],
            &["\"x\" \"a,b"],
        ] {
            assert!(is_sent_in_full(values), "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn a_tag_is_found_anywhere_in_a_list(
            before in prop::collection::vec("(W/)?\"[!#-~]{0,8}\"", 0..5),
            after in prop::collection::vec("(W/)?\"[!#-~]{0,8}\"", 0..5),
        ) {
            let others = before.iter().chain(&after).all(|tag| tag.trim_start_matches("W/") != "\"a,b\"");
            prop_assume!(others);
            let with = [before.clone(), vec!["\"a,b\"".to_owned()], after.clone()].concat().join(", ");
            let without = [before, after].concat().join(", ");
            prop_assert!(!is_sent_in_full(&[with.as_str()]));
            prop_assert!(is_sent_in_full(&[without.as_str()]));
        }
    }
}
