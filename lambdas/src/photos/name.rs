use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::PhotoType;

/// The longest sanitised name, without timestamp and extension, in bytes of UTF-8. Even with the longest user key (512
/// bytes), the key of a photo stays within the 1,024 bytes that S3 allows.
pub const MAX_NAME_BYTES: usize = 100;

/// The length of `YYYYMMDDTHHMMSSmmmZ`.
const TIMESTAMP_BYTES: usize = 19;

// The timestamp comes first because S3 lists keys in alphabetical order, so a listing is in order of upload. A
// `PhotoName` never contains `/`, so a key made from it never leaves the user's folder.
/// The file name of a stored photo: `{timestamp}_{name}.{ext}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String", inline)]
pub struct PhotoName {
    text: String,
    uploaded_at: Timestamp,
    kind: PhotoType,
}

/// The text is not a file name that the service generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the file name of a stored photo")]
pub struct WrongName;

impl PhotoName {
    /// The name of a photo that the client calls `original`.
    #[must_use]
    pub fn new(original: &str, kind: PhotoType, uploaded_at: Timestamp) -> Self {
        Self::assemble(&sanitise(original, kind), kind, uploaded_at)
    }

    fn assemble(name: &str, kind: PhotoType, uploaded_at: Timestamp) -> Self {
        let uploaded_at = Timestamp::from_millisecond(uploaded_at.as_millisecond()).unwrap_or(uploaded_at);
        let text = format!("{}_{name}.{}", Self::timestamp(uploaded_at), kind.extension());
        Self { text, uploaded_at, kind }
    }

    /// How the names of photos that were uploaded at this time begin.
    #[must_use]
    pub fn timestamp(uploaded_at: Timestamp) -> String {
        uploaded_at.strftime("%Y%m%dT%H%M%S%3fZ").to_string()
    }

    /// The same name some milliseconds later, to be tried if this one is taken.
    #[must_use]
    pub fn later(&self, millis: i64) -> Self {
        let later = Timestamp::from_millisecond(self.uploaded_at.as_millisecond().saturating_add(millis));
        let name = self.original();
        let name = name.strip_suffix(self.kind.extension()).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
        Self::assemble(name, self.kind, later.unwrap_or(self.uploaded_at))
    }

    /// Parses a file name that the service generated.
    ///
    /// # Errors
    /// [`WrongName`] if the format is different, the extension is not that of a [`PhotoType`], or the name contains `/`
    /// or another character that is never kept.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let (timestamp, rest) = text.split_at_checked(TIMESTAMP_BYTES).ok_or(WrongName)?;
        let uploaded_at = parse_timestamp(timestamp).ok_or(WrongName)?;
        let (name, extension) = rest.strip_prefix('_').and_then(|rest| rest.rsplit_once('.')).ok_or(WrongName)?;
        let kind = PhotoType::of_extension(extension).ok_or(WrongName)?;
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(is_kept) {
            return Err(WrongName);
        }
        Ok(Self { text: text.to_owned(), uploaded_at, kind })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name without its timestamp: the file name of a download.
    #[must_use]
    pub fn original(&self) -> &str {
        self.text.get(TIMESTAMP_BYTES + 1..).unwrap_or(&self.text)
    }

    /// In whole milliseconds.
    #[must_use]
    pub const fn uploaded_at(&self) -> Timestamp {
        self.uploaded_at
    }

    #[must_use]
    pub const fn kind(&self) -> PhotoType {
        self.kind
    }
}

impl fmt::Display for PhotoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for PhotoName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let byte = |value: i16| i8::try_from(value).ok();
    if text.as_bytes().get(8) != Some(&b'T') || text.as_bytes().get(18) != Some(&b'Z') {
        return None;
    }
    let time = DateTime::new(
        number(0, 4)?,
        byte(number(4, 6)?)?,
        byte(number(6, 8)?)?,
        byte(number(9, 11)?)?,
        byte(number(11, 13)?)?,
        byte(number(13, 15)?)?,
        i32::from(number(15, 18)?) * 1_000_000,
    );
    Some(time.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Cleans the last part of a path. An extension that fits the type is removed, because the canonical one is appended
/// later. Characters that are not kept are removed, and the rest is cut to [`MAX_NAME_BYTES`]. Returns `photo` if
/// nothing remains.
fn sanitise(original: &str, kind: PhotoType) -> String {
    let last = original.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match last.rsplit_once('.') {
        Some((stem, ending)) if kind.has_ending(&ending.to_ascii_lowercase()) => stem,
        _ => last,
    };
    let mut name = String::with_capacity(stem.len().min(MAX_NAME_BYTES));
    for kept in stem.chars().filter(|c| is_kept(*c)) {
        if name.len() + kept.len_utf8() > MAX_NAME_BYTES {
            break;
        }
        name.push(kept);
    }
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() { "photo".to_owned() } else { name.to_owned() }
}

/// Whether a name may contain a character. Excluded are control characters, separators of paths and lines, invisible
/// characters that reverse the direction of text (they make `gpj.exe` look like `exe.jpg`), and code points that are
/// not allowed in XML, the format of S3's listings. Joiners are kept because emoji and some scripts need them.
fn is_kept(c: char) -> bool {
    let code = u32::from(c);
    !(c.is_control()
        || matches!(c, '/' | '\\')
        || matches!(code, 0x061C | 0x200B | 0x200E | 0x200F | 0x2028..=0x202E | 0x2060..=0x206F)
        || matches!(code, 0xFDD0..=0xFDEF | 0xFEFF | 0xFFF9..=0xFFFB)
        || code & 0xFFFE == 0xFFFE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_consists_of_timestamp_and_original() {
        let name = PhotoName::new("IMG_0001.JPG", PhotoType::Jpg, at("2026-11-21T02:03:04.056Z"));
        assert_eq!(name.as_str(), "20261121T020304056Z_IMG_0001.jpg");
        assert_eq!(name.original(), "IMG_0001.jpg");
        assert_eq!(PhotoName::parse(name.as_str()), Ok(name));
    }

    #[test]
    fn the_next_name_is_one_millisecond_later() {
        let name = PhotoName::new("a.b.png", PhotoType::Png, at("2026-12-31T23:59:59.999Z"));
        assert_eq!(name.later(1).as_str(), "20270101T000000000Z_a.b.png");
    }

    #[test]
    fn only_the_last_part_of_a_path_is_kept() {
        for (original, expected) in [
            ("../../etc/cat.png", "cat.png"),
            ("C:\\photos\\cat.png", "cat.png"),
            ("/", "photo.png"),
            ("", "photo.png"),
            ("...", "photo.png"),
            (".png", "photo.png"),
            ("cat.jpeg", "cat.jpeg.png"),
            ("cat\u{202e}gpj.exe", "catgpj.exe.png"),
            ("a\0b\nc", "abc.png"),
            ("  Mañana + 100% 🏳️‍🌈 ", "Mañana + 100% 🏳️‍🌈.png"),
        ] {
            let name = PhotoName::new(original, PhotoType::Png, Timestamp::UNIX_EPOCH);
            assert_eq!(name.original(), expected, "{original:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = PhotoName::new(&"é".repeat(300), PhotoType::Gif, Timestamp::UNIX_EPOCH);
        assert_eq!(name.original(), format!("{}.gif", "é".repeat(50)));
    }

    #[test]
    fn other_names_are_rejected() {
        for text in [
            "",
            "cat.jpg",
            "20261121T020304056Z_.jpg",
            "20261121T020304056Z_cat",
            "20261121T020304056Z_cat.exe",
            "20261121T020304056Z_../cat.jpg",
            "20261121T020304056Z_a\u{202e}b.jpg",
            "20261321T020304056Z_cat.jpg",
            "+0261121T020304056Z_cat.jpg",
            "2026112éT020304056Z_cat.jpg",
            "../20261121T020304056Z_cat.jpg",
        ] {
            assert_eq!(PhotoName::parse(text), Err(WrongName), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_original_becomes_a_safe_name(original in any::<String>(), millis in 0i64..4_000_000_000_000) {
            let name = PhotoName::new(&original, PhotoType::Jpg, Timestamp::from_millisecond(millis).unwrap());
            prop_assert!(!name.as_str().contains(['/', '\\']));
            prop_assert!(name.as_str().len() <= TIMESTAMP_BYTES + 1 + MAX_NAME_BYTES + 5);
            prop_assert_eq!(PhotoName::parse(name.as_str()), Ok(name.clone()));
            let next = name.later(1);
            prop_assert!(next > name);
            prop_assert_eq!(next.original(), name.original());
        }

        #[test]
        fn parsing_any_text_gives_the_same_text_or_an_error(text in any::<String>()) {
            if let Ok(name) = PhotoName::parse(&text) {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
