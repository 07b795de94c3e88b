use jiff::civil::DateTime;
use roxmltree::{Document, Node};
use yourplace::photos::Place;

use super::{Statements, camera, place, time::Taken};

const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const TIFF: &str = "http://ns.adobe.com/tiff/1.0/";
const XMP: &str = "http://ns.adobe.com/xap/1.0/";

/// The most bytes of a packet. Those of cameras have some thousand.
const MAX_BYTES: usize = 1 << 20;

/// Reads the first XMP packet in a file. A packet can be found without knowledge of the file's format: that is what it
/// was made for ("XMP specification part 3", 2.1, packet scanning).
pub(super) fn read(bytes: &[u8], latest: DateTime) -> Option<Statements> {
    let document = Document::parse(packet(bytes)?).ok()?;
    let value = |namespace, name| find(&document, namespace, name);
    let taken = |namespace, name| Taken::of_xmp(value(namespace, name)?, latest);
    let text = |namespace, name| value(namespace, name).map(str::to_owned);
    Some(Statements {
        original: taken(EXIF, "DateTimeOriginal").or_else(|| taken(PHOTOSHOP, "DateCreated")),
        digitised: taken(EXIF, "DateTimeDigitized").or_else(|| taken(XMP, "CreateDate")),
        changed: None,
        satellites: taken(EXIF, "GPSTimeStamp"),
        place: read_place(value(EXIF, "GPSLatitude"), value(EXIF, "GPSLongitude")),
        camera: camera(text(TIFF, "Make").as_deref(), text(TIFF, "Model").as_deref()),
    })
}

fn packet(bytes: &[u8]) -> Option<&str> {
    let start = position(bytes, b"<x:xmpmeta")?;
    let rest = bytes.get(start..)?;
    let rest = rest.get(..MAX_BYTES).unwrap_or(rest);
    let end = position(rest, b"</x:xmpmeta>")? + b"</x:xmpmeta>".len();
    str::from_utf8(rest.get(..end)?).ok()
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, pattern)
}

/// A property, which may be an attribute or an element.
fn find<'a>(document: &'a Document<'_>, namespace: &str, name: &str) -> Option<&'a str> {
    document.descendants().filter(Node::is_element).find_map(|node| {
        let element = node.has_tag_name((namespace, name)).then(|| node.text()).flatten();
        element.or_else(|| node.attribute((namespace, name))).map(str::trim).filter(|text| !text.is_empty())
    })
}

fn read_place(latitude: Option<&str>, longitude: Option<&str>) -> Option<Place> {
    place(degrees(latitude?, 'N', 'S')?, degrees(longitude?, 'E', 'W')?)
}

/// `48,51.5N` or `48,51,30N` ("XMP specification part 2", 2.5, `GPSCoordinate`).
fn degrees(text: &str, positive: char, negative: char) -> Option<f64> {
    let sign = if text.ends_with(positive) {
        1.0
    } else if text.ends_with(negative) {
        -1.0
    } else {
        return None;
    };
    let numbers: Result<Vec<f64>, _> = text.trim_end_matches([positive, negative]).split(',').map(str::parse).collect();
    match numbers.ok()?.as_slice() {
        [degrees, minutes] => Some(sign * (degrees + minutes / 60.0)),
        [degrees, minutes, seconds] => Some(sign * (degrees + minutes / 60.0 + seconds / 3_600.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(rdf: &str) -> Option<Statements> {
        let packet = format!(
            "\u{1}junk<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
             <r:RDF xmlns:r=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
             xmlns:e=\"{EXIF}\" xmlns:p=\"{PHOTOSHOP}\" xmlns:t=\"{TIFF}\">{rdf}</r:RDF></x:xmpmeta>junk"
        );
        read(packet.as_bytes(), jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0))
    }

    #[test]
    fn properties_may_be_attributes_or_elements() {
        for rdf in [
            "<r:Description e:DateTimeOriginal='2024-01-02T03:04:05.5+01:00' e:GPSLatitude='48,51.5N' \
             e:GPSLongitude='2,17,40W' t:Make='Leica' t:Model='Q3'/>",
            "<r:Description><p:DateCreated>2024-01-02T03:04:05.5+01:00</p:DateCreated>\
             <e:GPSLatitude>48,51.5N</e:GPSLatitude><e:GPSLongitude>2,17.6666666667W</e:GPSLongitude>\
             <t:Make>Leica</t:Make><t:Model>Q3</t:Model></r:Description>",
        ] {
            let found = statements(rdf).unwrap();
            assert_eq!(found.original.unwrap().to_string(), "2024-01-02T03:04:05.500+01:00");
            assert_eq!(found.place, Some(Place { latitude: 48.858_333_3, longitude: -2.294_444_4 }));
            assert_eq!(found.camera.as_deref(), Some("Leica Q3"));
        }
    }

    #[test]
    fn what_is_not_a_place_or_a_time_is_ignored() {
        let rdf = "<r:Description e:DateTimeOriginal='yesterday' e:GPSLatitude='48' e:GPSLongitude='2,17E'/>";
        assert_eq!(statements(rdf), Some(Statements::default()));
        assert_eq!(statements("<r:Description"), None);
        assert_eq!(statements("<!DOCTYPE a [<!ENTITY b 'c'>]>"), None);
    }
}
