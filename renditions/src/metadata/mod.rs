//! The metadata in a photo: Exif data, and an XMP packet.

mod exif;
mod time;
mod xmp;

use std::io::Cursor;

use jiff::civil::DateTime;
use yourplace::{photos::Place, renditions::Metadata};

use crate::decode::Orientation;
use time::Taken;

/// What one of these two sources states.
#[derive(Debug, Default, PartialEq)]
struct Statements {
    /// When the picture was taken.
    original: Option<Taken>,
    /// When it was digitised, or the file made.
    digitised: Option<Taken>,
    /// When the file was last changed.
    changed: Option<Taken>,
    /// The GPS time, in UTC.
    satellites: Option<Taken>,
    place: Option<Place>,
    camera: Option<String>,
}

/// Reads a photo's metadata. `latest` is the latest local time, anywhere in the world, at which it can have been taken:
/// later times come from a clock that was wrong.
pub(crate) fn read(bytes: &[u8], latest: DateTime) -> (Metadata, Orientation) {
    let (exif, orientation) = match ::exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(&mut Cursor::new(bytes))
        .or_else(|error| error.distill_partial_result(|_| {}))
    {
        Ok(fields) => exif::read(&fields, latest),
        Err(_) => (Statements::default(), Orientation::UPRIGHT),
    };
    let xmp = xmp::read(bytes, latest).unwrap_or_default();
    let times =
        [exif.original, xmp.original, exif.digitised, xmp.digitised, exif.satellites, xmp.satellites, exif.changed];
    let metadata = Metadata {
        taken_at: times.into_iter().flatten().next().map(|taken| taken.to_string()),
        place: exif.place.or(xmp.place),
        camera: exif.camera.or(xmp.camera),
    };
    (metadata, orientation)
}

/// A place; `None` if there is no such place, or if it is the one of a receiver that has no signal (0, 0).
fn place(latitude: f64, longitude: f64) -> Option<Place> {
    // A ten-millionth of a degree is a centimetre.
    let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
    let is_real = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude != 0.0 || longitude != 0.0);
    is_real.then(|| Place { latitude: round(latitude), longitude: round(longitude) })
}

/// The name of a camera: the model, after its maker unless it begins with that.
fn camera(maker: Option<&str>, model: Option<&str>) -> Option<String> {
    let first_word = |text: &str| text.split_whitespace().next().map(str::to_lowercase);
    let (maker, model) = (maker.and_then(clean), model.and_then(clean));
    match (maker, model) {
        (Some(maker), Some(model)) if first_word(&maker) != first_word(&model) => clean(&format!("{maker} {model}")),
        (maker, model) => model.or(maker),
    }
}

/// The longest name of a camera, in characters.
const MAX_CAMERA: usize = 100;

/// A text without control characters and repeated spaces; `None` if nothing is left.
fn clean(text: &str) -> Option<String> {
    let shown: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MAX_CAMERA).collect();
    let words: Vec<_> = shown.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_has_the_name_of_its_maker_once() {
        for (maker, model, expected) in [
            (Some("Apple"), Some("iPhone 15 Pro"), Some("Apple iPhone 15 Pro")),
            (Some("Canon"), Some("Canon EOS R5"), Some("Canon EOS R5")),
            (Some("NIKON CORPORATION"), Some("NIKON D850"), Some("NIKON D850")),
            (Some("  samsung\0\0"), Some("SM-G991B\0"), Some("samsung SM-G991B")),
            (None, Some("X-T4"), Some("X-T4")),
            (Some("Leica"), Some(" \0"), Some("Leica")),
            (None, None, None),
        ] {
            assert_eq!(camera(maker, model).as_deref(), expected);
        }
        assert_eq!(camera(None, Some(&"x".repeat(500))).unwrap().len(), MAX_CAMERA);
    }

    #[test]
    fn a_receiver_without_signal_has_no_place() {
        assert_eq!(place(0.0, 0.0), None);
        assert_eq!(place(90.1, 0.0), None);
        assert_eq!(place(1.0, -180.5), None);
        assert_eq!(place(f64::NAN, 1.0), None);
        assert_eq!(place(48.858_370_04, 2.294_481), Some(Place { latitude: 48.858_37, longitude: 2.294_481 }));
    }
}
