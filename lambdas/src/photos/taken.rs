use std::fmt;

use jiff::{
    civil::{DateTime, date},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::PhotoName;

/// When a photo was taken, in local time: `YYYY-MM-DDTHH:MM:SS[.mmm][±HH:MM]`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String", inline)]
pub struct TakenAt {
    local: DateTime,
    has_milliseconds: bool,
    /// Minutes east of UTC, if the photo states them.
    offset: Option<i16>,
}

/// Where the time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TakenAtSource {
    /// The photo's EXIF data.
    Exif,
    /// The name that the camera or the messenger gave the file.
    Filename,
    /// When the photo was uploaded, in UTC.
    Upload,
    /// The user has set it.
    User,
}

/// When a photo was taken: its own time, and the one that the user has set instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub own: TakenAt,
    /// Never [`TakenAtSource::User`].
    pub own_source: TakenAtSource,
    pub chosen: Option<TakenAt>,
}

impl Taken {
    /// What counts: the user's time, or else the photo's own.
    #[must_use]
    pub fn at(&self) -> &TakenAt {
        self.chosen.as_ref().unwrap_or(&self.own)
    }

    #[must_use]
    pub const fn source(&self) -> TakenAtSource {
        if self.chosen.is_some() { TakenAtSource::User } else { self.own_source }
    }
}

impl TakenAt {
    /// The time in the photo's original name if there is one, else when it was uploaded.
    #[must_use]
    pub fn of(name: &PhotoName) -> (Self, TakenAtSource) {
        if let Some(taken_at) = find(name.original().as_bytes()) {
            return (taken_at, TakenAtSource::Filename);
        }
        let local = name.uploaded_at().to_zoned(TimeZone::UTC).datetime();
        (Self { local, has_milliseconds: true, offset: None }, TakenAtSource::Upload)
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const SECONDS: usize = "YYYY-MM-DDTHH:MM:SS".len();
        // The sign is the first one after the time.
        let sign = text.get(SECONDS..)?.find(['+', '-']).map_or(text.len(), |at| SECONDS + at);
        let (local, offset) = text.split_at_checked(sign)?;
        let offset = if offset.is_empty() { None } else { Some(read_offset(offset.as_bytes())?) };
        Some(Self { offset, ..Self::parse_local(local)? })
    }

    /// Reads a time without an offset. Seconds and milliseconds may be missing, and so may the time of day.
    #[must_use]
    pub fn parse_local(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (day, at) = read_date(bytes, 0, Some(b'-'))?;
        if at == bytes.len() {
            return Some(Self { local: day, has_milliseconds: false, offset: None });
        }
        let (hour, minute) = (number(bytes, at + 1, 2)?, number(bytes, at + 4, 2)?);
        if bytes.get(at) != Some(&b'T') || bytes.get(at + 3) != Some(&b':') {
            return None;
        }
        let (second, millisecond) = match bytes.get(at + 6..)? {
            [] => (0, None),
            [b':', _, _] => (number(bytes, at + 7, 2)?, None),
            [b':', _, _, b'.', _, _, _] => (number(bytes, at + 7, 2)?, Some(number(bytes, at + 10, 3)?)),
            _ => return None,
        };
        Self::new(day, [hour, minute, second], millisecond)
    }

    fn new(day: DateTime, [hour, minute, second]: [i16; 3], millisecond: Option<i16>) -> Option<Self> {
        let nanosecond = i32::from(millisecond.unwrap_or(0)) * 1_000_000;
        let small = |number: i16| i8::try_from(number).ok();
        let day = day.date();
        let local =
            DateTime::new(day.year(), day.month(), day.day(), small(hour)?, small(minute)?, small(second)?, nanosecond);
        Some(Self { local: local.ok()?, has_milliseconds: millisecond.is_some(), offset: None })
    }

    #[must_use]
    pub const fn local(&self) -> DateTime {
        self.local
    }

    /// With milliseconds and without the offset, so all texts have the same length and sort by local time.
    #[must_use]
    pub fn sort_key(&self) -> String {
        self.local.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
    }

    /// `YYYY-MM`.
    #[must_use]
    pub fn month(&self) -> String {
        self.local.strftime("%Y-%m").to_string()
    }
}

impl fmt::Display for TakenAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.has_milliseconds { "%Y-%m-%dT%H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S" };
        self.local.strftime(format).fmt(f)?;
        let Some(offset) = self.offset else { return Ok(()) };
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Serialize for TakenAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TakenAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a time at which a photo was taken"))
    }
}

impl TakenAtSource {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exif => "exif",
            Self::Filename => "filename",
            Self::Upload => "upload",
            Self::User => "user",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Exif, Self::Filename, Self::Upload, Self::User].into_iter().find(|source| source.as_str() == text)
    }
}

/// The first date with a time, as in `IMG_20240102_030405`, `PXL_20240102_030405678`, `2024-01-02 03.04.05`,
/// `Screenshot_20240102-030405` and `WhatsApp Image 2024-01-02 at 03.04.05`. Other messengers' names have a date and a
/// number: `IMG-20240102-WA0001` is midnight.
fn find(name: &[u8]) -> Option<TakenAt> {
    (0..name.len()).filter(|at| !is_digit(name, at.wrapping_sub(1))).find_map(|at| {
        let (day, end) = read_date(name, at, None)?;
        let rest = name.get(end..)?;
        if let [b'-', b'W', b'A', first, ..] = rest
            && first.is_ascii_digit()
        {
            return Some(TakenAt { local: day, has_milliseconds: false, offset: None });
        }
        let gap = [" at ", " ", "_", "-", "T"].into_iter().find(|gap| rest.starts_with(gap.as_bytes()))?;
        read_time(name, end + gap.len(), day)
    })
}

/// `±HH:MM` in minutes. The hours go to 23, as in RFC 3339.
fn read_offset(text: &[u8]) -> Option<i16> {
    let [sign, _, _, b':', _, _] = text else { return None };
    let (hours, minutes) = (number(text, 1, 2)?, number(text, 4, 2)?);
    let offset = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(if *sign == b'-' { -offset } else { offset })
}

/// A date at `at`, as the start of its day, and where it ends. Its three numbers have the `separator` between them;
/// `None` allows `-` or nothing.
fn read_date(text: &[u8], at: usize, separator: Option<u8>) -> Option<(DateTime, usize)> {
    let found = text.get(at + 4).copied().filter(|byte| *byte == b'-');
    if separator.is_some() && separator != found {
        return None;
    }
    let width = usize::from(found.is_some());
    let (month, day) = (at + 4 + width, at + 6 + 2 * width);
    if found.is_some() && text.get(day - 1) != Some(&b'-') {
        return None;
    }
    let (year, end) = (number(text, at, 4)?, day + 2);
    let small = |number: i16| i8::try_from(number).ok();
    let day = date_of(year, small(number(text, month, 2)?)?, small(number(text, day, 2)?)?)?;
    (!is_digit(text, end)).then_some((day, end))
}

fn date_of(year: i16, month: i8, day: i8) -> Option<DateTime> {
    let valid = jiff::civil::Date::new(year, month, day).ok()?;
    Some(date(valid.year(), valid.month(), valid.day()).at(0, 0, 0, 0))
}

/// A time at `at`: `HHMMSS`, or with `.`, `-` or `_` between the numbers, and three more digits for the milliseconds.
fn read_time(name: &[u8], at: usize, day: DateTime) -> Option<TakenAt> {
    let separator = name.get(at + 2).copied().filter(|byte| b".-_".contains(byte));
    let width = usize::from(separator.is_some());
    let (minute, second) = (at + 2 + width, at + 4 + 2 * width);
    if separator.is_some() && name.get(second - 1).copied() != separator {
        return None;
    }
    let time = [number(name, at, 2)?, number(name, minute, 2)?, number(name, second, 2)?];
    let end = second + 2;
    let millisecond = number(name, end, 3).filter(|_| !is_digit(name, end + 3));
    if millisecond.is_none() && is_digit(name, end) {
        return None;
    }
    TakenAt::new(day, time, millisecond)
}

/// `count` digits at `at`.
fn number(text: &[u8], at: usize, count: usize) -> Option<i16> {
    let digits = text.get(at..at.checked_add(count)?)?;
    let digits = str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::photos::PhotoType;

    fn taken(original: &str) -> (String, TakenAtSource) {
        let uploaded_at = "2026-11-21T02:03:04.056Z".parse().unwrap();
        let (taken_at, source) = TakenAt::of(&PhotoName::new(original, PhotoType::Jpg, uploaded_at));
        (taken_at.to_string(), source)
    }

    #[test]
    fn names_of_cameras_and_messengers_contain_the_time() {
        for (name, expected) in [
            ("IMG_20240102_030405.jpg", "2024-01-02T03:04:05"),
            ("PXL_20240102_030405678.jpg", "2024-01-02T03:04:05.678"),
            ("PXL_20240102_030405678.MP.jpg", "2024-01-02T03:04:05.678"),
            ("20240102_030405.jpg", "2024-01-02T03:04:05"),
            ("20240102_030405(1).jpg", "2024-01-02T03:04:05"),
            ("2024-01-02 03.04.05.jpg", "2024-01-02T03:04:05"),
            ("Screenshot_20240102-030405_Maps.jpg", "2024-01-02T03:04:05"),
            ("signal-2024-01-02-030405.jpg", "2024-01-02T03:04:05"),
            ("signal-2024-01-02-03-04-05-678.jpg", "2024-01-02T03:04:05"),
            ("WhatsApp Image 2024-01-02 at 03.04.05.jpg", "2024-01-02T03:04:05"),
            ("IMG-20240102-WA0001.jpg", "2024-01-02T00:00:00"),
            ("photo_2024-02-29_23-59-59.jpg", "2024-02-29T23:59:59"),
        ] {
            assert_eq!(taken(name), (expected.to_owned(), TakenAtSource::Filename), "{name}");
        }
    }

    #[test]
    fn other_photos_were_taken_when_they_were_uploaded() {
        for name in [
            "IMG_0001.jpg",
            "IMG_20241302_030405.jpg",
            "IMG_20230229_030405.jpg",
            "IMG_20240102_240405.jpg",
            "IMG_20240102_0304.jpg",
            "IMG_20240102_03040567.jpg",
            "120240102_030405.jpg",
            "2024-01-02.jpg",
            "2024-0102 03.04.05.jpg",
            "2024-01-02 03.04-05.jpg",
            "IMG-20240102-WAX.jpg",
            "été.jpg",
        ] {
            assert_eq!(taken(name), ("2026-11-21T02:03:04.056".to_owned(), TakenAtSource::Upload), "{name}");
        }
    }

    #[test]
    fn local_dates_and_times_are_read() {
        for (text, expected) in [
            ("2026-01-02", "2026-01-02T00:00:00.000"),
            ("2026-01-02T03:04", "2026-01-02T03:04:00.000"),
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05.000"),
            ("2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678"),
        ] {
            assert_eq!(TakenAt::parse_local(text).unwrap().sort_key(), expected, "{text}");
        }
        for wrong in [
            "",
            "2026",
            "20260102",
            "2026-02-30",
            "2026-01-02T",
            "2026-01-02T03",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+01:00",
            "2026-01-02T03:04:05.6",
            "2026-01-02T25:04:05",
            "+026-01-02",
            "2026-01-02é",
        ] {
            assert_eq!(TakenAt::parse_local(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_full_time_may_have_an_offset() {
        for (text, sort_key) in [
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05.000"),
            ("2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678"),
            ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.000"),
            ("2026-01-02T03:04:05-09:30", "2026-01-02T03:04:05.000"),
            ("2026-01-02T03:04:05.678+14:00", "2026-01-02T03:04:05.678"),
            ("2026-01-02T03:04:05.678-23:59", "2026-01-02T03:04:05.678"),
        ] {
            let taken_at = TakenAt::parse(text).unwrap();
            assert_eq!((taken_at.to_string().as_str(), taken_at.sort_key().as_str()), (text, sort_key));
        }
        for wrong in [
            "",
            "2026-01-02",
            "2026-01-02T03:04",
            "2026-01-02T03:04+01:00",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+01",
            "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+01:60",
            "2026-01-02T03:04:05+01:00+01:00",
            "2026-01-02T03:04:05.67+01:00",
            "2026-01-02T03:04:05+é:00",
            "2026-02-30T03:04:05+01:00",
        ] {
            assert_eq!(TakenAt::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            original in any::<String>(),
            millis in 0i64..4_000_000_000_000,
            offset in proptest::option::of(-1_439i16..1_440),
        ) {
            let name = PhotoName::new(&original, PhotoType::Jpg, Timestamp::from_millisecond(millis).unwrap());
            let (taken_at, source) = TakenAt::of(&name);
            let taken_at = TakenAt { offset, ..taken_at };
            prop_assert_eq!(TakenAt::parse(&taken_at.to_string()), Some(taken_at.clone()));
            prop_assert_eq!(taken_at.sort_key().len(), 23);
            prop_assert_eq!(TakenAtSource::parse(source.as_str()), Some(source));
        }

        #[test]
        fn any_time_in_a_name_is_found(
            prefix in "[A-Za-z]{0,8}[_-]?",
            seconds in 0i64..4_000_000_000,
            millisecond in proptest::option::of(0i64..1_000),
        ) {
            let time = Timestamp::from_millisecond(seconds * 1_000 + millisecond.unwrap_or(0)).unwrap();
            let format = if millisecond.is_some() { "%Y%m%d_%H%M%S%3f" } else { "%Y%m%d_%H%M%S" };
            let (found, source) = TakenAt::of(&PhotoName::new(
                &format!("{prefix}{}.jpg", time.strftime(format)),
                PhotoType::Jpg,
                Timestamp::UNIX_EPOCH,
            ));
            prop_assert_eq!(source, TakenAtSource::Filename);
            prop_assert_eq!(found.local, time.to_zoned(TimeZone::UTC).datetime());
        }
    }
}
