use exif::{Context, Exif, In, Rational, Tag, Value};
use jiff::civil::DateTime;
use yourplace::photos::Place;

use super::{Statements, camera, place, time::Taken};
use crate::decode::Orientation;

/// The tags of a date, its fraction of a second, and its offset from UTC.
const ORIGINAL: [Tag; 3] = [Tag::DateTimeOriginal, Tag::SubSecTimeOriginal, Tag::OffsetTimeOriginal];
const DIGITISED: [Tag; 3] = [Tag::DateTimeDigitized, Tag::SubSecTimeDigitized, Tag::OffsetTimeDigitized];
const CHANGED: [Tag; 3] = [Tag::DateTime, Tag::SubSecTime, Tag::OffsetTime];

/// Reads the fields of the main image.
pub(super) fn read(exif: &Exif, latest: DateTime) -> (Statements, Orientation) {
    let taken = |[date_time, fraction, offset]: [Tag; 3]| {
        Taken::of_exif(text(exif, date_time)?, text(exif, fraction), text(exif, offset), latest)
    };
    let statements = Statements {
        original: taken(ORIGINAL),
        digitised: taken(DIGITISED),
        changed: taken(CHANGED),
        satellites: satellites(exif, latest),
        place: read_place(exif),
        camera: camera(string(exif, Tag::Make).as_deref(), string(exif, Tag::Model).as_deref()),
    };
    let tag = exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    (statements, tag.map_or(Orientation::UPRIGHT, Orientation::of_tag))
}

fn text(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    }
}

fn string(exif: &Exif, tag: Tag) -> Option<String> {
    text(exif, tag).map(|text| String::from_utf8_lossy(text).into_owned())
}

fn satellites(exif: &Exif, latest: DateTime) -> Option<Taken> {
    Taken::of_satellites(text(exif, Tag::GPSDateStamp)?, three(exif, Tag::GPSTimeStamp)?, latest)
}

fn read_place(exif: &Exif) -> Option<Place> {
    let degrees = |tag, reference, positive: &[u8], negative: &[u8]| {
        let [degrees, minutes, seconds] = three(exif, tag)?;
        let degrees = degrees + minutes / 60.0 + seconds / 3_600.0;
        let side = text(exif, reference)?.get(..1)?;
        match side.to_ascii_uppercase() {
            side if side == positive => Some(degrees),
            side if side == negative => Some(-degrees),
            _ => None,
        }
    };
    let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, b"N", b"S")?;
    place(latitude, degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, b"E", b"W")?)
}

/// Three rational numbers: degrees, or a time. Some programs write fewer; the rest is zero then.
fn three(exif: &Exif, tag: Tag) -> Option<[f64; 3]> {
    debug_assert!(tag.context() == Context::Gps);
    let Value::Rational(numbers) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let number = |at: usize| match numbers.get(at) {
        Some(Rational { num: 0, denom: 0 }) | None if at > 0 => Some(0.0),
        Some(number) if number.denom != 0 => Some(number.to_f64()),
        _ => None,
    };
    Some([number(0)?, number(1)?, number(2)?])
}
