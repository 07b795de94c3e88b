use std::fmt;

use jiff::civil::{Date, DateTime, Time};

/// The year of the oldest photo.
const FIRST_YEAR: i16 = 1826;

/// Where the clocks of cameras and file systems begin. A photo that claims to be taken at such a moment was taken by a
/// camera whose clock was not set.
const UNSET: [i16; 3] = [1904, 1970, 1980];

/// The largest distance of a local time from UTC, in minutes (14 hours, in Kiribati).
const MAX_OFFSET: i16 = 14 * 60;

/// When a photo was taken: `YYYY-MM-DDTHH:MM:SS[.mmm][±HH:MM]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    local: DateTime,
    has_milliseconds: bool,
    /// Of the local time from UTC, in minutes.
    offset: Option<i16>,
}

impl Taken {
    /// `None` if no photo was taken then: a wrong date, or a clock that was not set or is ahead of `latest`.
    fn new(date: Date, time: Time, milliseconds: Option<i32>, offset: Option<i16>, latest: DateTime) -> Option<Self> {
        let time = time.with().subsec_nanosecond(milliseconds.unwrap_or(0) * 1_000_000).build().ok()?;
        let is_unset = UNSET.contains(&date.year()) && date.day_of_year() == 1 && time == Time::midnight();
        let local = date.to_datetime(time);
        let is_plausible = date.year() >= FIRST_YEAR && !is_unset && local <= latest;
        is_plausible.then_some(Self { local, has_milliseconds: milliseconds.is_some(), offset })
    }

    /// Reads the tags of Exif (3.0, 4.6.6.6): `YYYY:MM:DD HH:MM:SS`, a fraction of the second in digits, and `±HH:MM`.
    pub(super) fn of_exif(
        date_time: &[u8],
        fraction: Option<&[u8]>,
        offset: Option<&[u8]>,
        latest: DateTime,
    ) -> Option<Self> {
        let text = str::from_utf8(date_time).ok()?.trim_matches(['\0', ' ']);
        let (date, time) = text.split_once([' ', 'T'])?;
        let fraction = fraction.and_then(|fraction| str::from_utf8(fraction).ok()).and_then(milliseconds);
        let offset = offset.and_then(|offset| str::from_utf8(offset).ok()).and_then(read_offset);
        Self::new(read_date(date)?, read_time(time)?, fraction, offset, latest)
    }

    /// Reads a date of XMP ("XMP specification part 1", 8.2.1.1): `YYYY-MM-DD[Thh:mm[:ss[.s]][Z|±hh:mm]]`.
    pub(super) fn of_xmp(text: &str, latest: DateTime) -> Option<Self> {
        let text = text.trim();
        let Some((date, time)) = text.split_once('T') else {
            return Self::new(read_date(text)?, Time::midnight(), None, None, latest);
        };
        let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (time, offset) = time.split_at_checked(at)?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
        Self::new(read_date(date)?, read_time(time)?, milliseconds(fraction), read_offset(offset), latest)
    }

    /// A GPS time, which is UTC.
    pub(super) fn of_satellites(date: &[u8], [hour, minute, second]: [f64; 3], latest: DateTime) -> Option<Self> {
        let date = read_date(str::from_utf8(date).ok()?.trim_matches(['\0', ' ']))?;
        #[expect(clippy::cast_possible_truncation, reason = "a conversion saturates, and Time checks it")]
        let time = Time::new(hour as i8, minute as i8, second as i8, 0).ok()?;
        Self::new(date, time, None, Some(0), latest)
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.has_milliseconds { "%Y-%m-%dT%H:%M:%S%.3f" } else { "%Y-%m-%dT%H:%M:%S" };
        self.local.strftime(format).fmt(f)?;
        if let Some(offset) = self.offset {
            let sign = if offset < 0 { '-' } else { '+' };
            write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)?;
        }
        Ok(())
    }
}

fn read_date(text: &str) -> Option<Date> {
    let mut numbers = text.split([':', '-', '.', '/']);
    let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let is_complete = numbers.next().is_none() && year.len() == 4;
    is_complete.then(|| Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok())?
}

/// `HH:MM` or `HH:MM:SS`.
fn read_time(text: &str) -> Option<Time> {
    let mut numbers = text.trim().split(':').map(str::parse);
    let (hour, minute) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let second = numbers.next().unwrap_or(Ok(0)).ok()?;
    numbers.next().is_none().then(|| Time::new(hour, minute, second, 0).ok())?
}

/// The first three digits of a fraction.
fn milliseconds(fraction: &str) -> Option<i32> {
    let fraction = fraction.trim_matches(['\0', ' ']);
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| fraction.bytes().chain(*b"00").take(3).fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0')))
}

/// `±HH:MM` in minutes, or `Z`.
fn read_offset(text: &str) -> Option<i16> {
    let text = text.trim_matches(['\0', ' ']);
    if text == "Z" {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = hours * 60 + minutes;
    (minutes < 60 && offset <= MAX_OFFSET).then_some(sign * offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest() -> DateTime {
        jiff::civil::date(2026, 11, 22).at(2, 0, 0, 0)
    }

    fn exif(text: &str, fraction: Option<&str>, offset: Option<&str>) -> Option<String> {
        Taken::of_exif(text.as_bytes(), fraction.map(str::as_bytes), offset.map(str::as_bytes), latest())
            .map(|taken| taken.to_string())
    }

    #[test]
    fn an_exif_time_is_local_and_has_an_offset_if_one_is_stated() {
        for (text, fraction, offset, expected) in [
            ("2024:01:02 03:04:05", None, None, "2024-01-02T03:04:05"),
            ("2024:01:02 03:04:05\0", Some("6"), Some("+01:00"), "2024-01-02T03:04:05.600+01:00"),
            ("2024:01:02 03:04:05", Some("678901"), Some("-09:30"), "2024-01-02T03:04:05.678-09:30"),
            ("2024-01-02 03:04:05", Some("  "), Some("   :  "), "2024-01-02T03:04:05"),
            ("2024:01:02 03:04:05", Some("x"), Some("+99:00"), "2024-01-02T03:04:05"),
            ("2024:01:02 03:04:05", None, Some("Z"), "2024-01-02T03:04:05+00:00"),
            ("1904:07:08 00:00:00", None, None, "1904-07-08T00:00:00"),
        ] {
            assert_eq!(exif(text, fraction, offset).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_time_at_which_no_photo_was_taken_is_ignored() {
        for text in [
            "",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "1970:01:01 00:00:00",
            "1980:01:01 00:00:00",
            "1825:01:01 00:00:00",
            "2026:11:22 02:00:01",
            "2089:01:02 03:04:05",
            "2024:02:30 03:04:05",
            "2024:01:02 24:00:00",
            "2024:01:02 03:04:60",
            "24:01:02 03:04:05",
            "2024:01:02",
        ] {
            assert_eq!(exif(text, None, None), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_xmp_may_be_short() {
        for (text, expected) in [
            ("2024-01-02", Some("2024-01-02T00:00:00")),
            ("2024-01-02T03:04", Some("2024-01-02T03:04:00")),
            ("2024-01-02T03:04:05Z", Some("2024-01-02T03:04:05+00:00")),
            ("2024-01-02T03:04:05.67-05:00", Some("2024-01-02T03:04:05.670-05:00")),
            ("2024-01", None),
            ("2024", None),
            ("2024-01-02T", None),
        ] {
            assert_eq!(Taken::of_xmp(text, latest()).map(|taken| taken.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_the_satellites_is_utc() {
        let taken = |date: &[u8], time| Taken::of_satellites(date, time, latest()).map(|taken| taken.to_string());
        assert_eq!(taken(b"2024:01:02\0", [3.0, 4.0, 5.9]).as_deref(), Some("2024-01-02T03:04:05+00:00"));
        assert_eq!(taken(b"2024:01:02", [24.0, 0.0, 0.0]), None);
        assert_eq!(taken(b"2024:01:02", [f64::NAN, f64::INFINITY, 0.0]), None);
    }
}
