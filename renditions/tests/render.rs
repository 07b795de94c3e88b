//! Photos that other programs made (`make_photos.py`), and the colours that these programs see in them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration, time::Instant};

use futures_util::stream;
use image::RgbImage;
use jiff::civil::{DateTime, date};
use renditions::{Unrenderable, metadata, render};
use yourplace::{
    photos::Place,
    renditions::{Metadata, Rendered, Renderer, Seen},
};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn photo(name: &str) -> Vec<u8> {
    fs::read(folder("photos").join(name)).unwrap()
}

fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn pixels(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap().into_rgb8()
}

/// The colours in the middle of twelve patches, in four columns and three rows.
fn patches(image: &RgbImage) -> Vec<[u8; 3]> {
    let at =
        (0..12).map(|patch| ((2 * (patch % 4) + 1) * image.width() / 8, (2 * (patch / 4) + 1) * image.height() / 6));
    at.map(|(x, y)| image.get_pixel(x, y).0).collect()
}

/// A colour in CIE Lab.
fn lab(rgb: [u8; 3]) -> [f64; 3] {
    let light = rgb.map(|sample| {
        let value = f64::from(sample) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    // From sRGB to XYZ, relative to the white point D65.
    let rows = [
        ([0.412_4, 0.357_6, 0.180_5], 0.950_47),
        ([0.212_6, 0.715_2, 0.072_2], 1.0),
        ([0.019_3, 0.119_2, 0.950_5], 1.088_83),
    ];
    let [x, y, z] = rows.map(|(row, white)| {
        let value = row.iter().zip(light).map(|(weight, light)| weight * light).sum::<f64>() / white;
        if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn difference(a: [u8; 3], b: [u8; 3]) -> f64 {
    lab(a).iter().zip(lab(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn photos_of_all_kinds_are_upright_and_have_the_right_colours() {
    let expected = fs::read(folder("expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<[u8; 3]>> = serde_json::from_slice(&expected).unwrap();
    assert!(expected.len() > 30);
    let mut wrong = Vec::new();
    for (name, colours) in expected {
        let rendered = match render(&photo(&name)) {
            Ok(rendered) => rendered,
            Err(error) => {
                wrong.push(format!("{name}: {error:?}"));
                continue;
            }
        };
        if (rendered.width * 3, rendered.height % 3) != (rendered.height * 4, 0) {
            wrong.push(format!("{name}: {} × {}", rendered.width, rendered.height));
        }
        for file in [&rendered.thumbnail, &rendered.preview] {
            let worst = patches(&pixels(file)).into_iter().zip(&colours).map(|(a, b)| difference(a, *b));
            let worst = worst.fold(0.0, f64::max);
            if worst > 2.0 {
                wrong.push(format!("{name}: {worst:.1}: {:?} {colours:?}", patches(&pixels(file))));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn renditions_have_the_sizes_of_their_kinds() {
    let rendered = render(&photo("large.jpg")).unwrap();
    assert_eq!((rendered.width, rendered.height), (2_800, 2_100));
    assert_eq!(pixels(&rendered.preview).dimensions(), (2_048, 1_536));
    assert_eq!(pixels(&rendered.thumbnail).dimensions(), (512, 384));
    let small = render(&photo("plain.png")).unwrap();
    assert_eq!(pixels(&small.preview).dimensions(), (96, 72));
    assert_eq!(pixels(&small.thumbnail).dimensions(), (96, 72));
}

/// The markers of a JPEG file up to its pixels.
fn markers(jpeg: &[u8]) -> Vec<u8> {
    let mut markers = Vec::new();
    let mut at = 2;
    while jpeg[at + 1] != 0xDA {
        assert_eq!(jpeg[at], 0xFF);
        markers.push(jpeg[at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    markers
}

#[test]
fn renditions_contain_no_metadata() {
    for (name, bytes) in files("photos") {
        let Ok(rendered) = render(&bytes) else { continue };
        for file in [rendered.thumbnail, rendered.preview] {
            // Comments, and application segments except the header of JFIF.
            assert!(markers(&file).iter().all(|marker| *marker <= 0xE0), "{name}");
            for secret in ["Exif", "SECRET", "adobe", "ICC_PROFILE", "Acme", "Phone"] {
                assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name}: {secret}");
            }
        }
    }
}

fn latest() -> DateTime {
    date(2026, 11, 22).at(0, 0, 0, 0)
}

#[test]
fn a_photo_tells_when_where_and_with_what_it_was_taken() {
    let expected = Metadata {
        taken_at: Some("2024-05-04T12:34:56.789+02:00".to_owned()),
        place: Some(Place { latitude: 52.52, longitude: -13.41 }),
        camera: Some("Acme Phone 12".to_owned()),
    };
    for name in ["exif.jpg", "exif.png", "exif.webp", "exif.heic", "exif.avif", "xmp.jpg", "xmp.heic"] {
        assert_eq!(metadata(&photo(name), latest()), expected, "{name}");
    }
    assert_eq!(metadata(&photo("plain.png"), latest()), Metadata::default());
    for (_, bytes) in files("bombs") {
        assert_eq!(metadata(&bytes, latest()).place, None);
    }
}

#[test]
fn of_a_truncated_jpeg_file_the_beginning_is_shown() {
    let rendered = render(&photo("truncated.jpg")).unwrap();
    assert_eq!((rendered.width, rendered.height), (96, 72));
}

#[test]
fn what_is_not_a_photo_is_refused() {
    assert!(matches!(render(b"hello"), Err(Unrenderable::UnknownType)));
    assert!(render(&photo("truncated.png")).is_err());
    for (name, bytes) in files("photos") {
        // The signature is there, and little else.
        assert!(render(&bytes[..40.min(bytes.len())]).is_err(), "{name}");
    }
}

#[test]
fn bombs_are_refused_at_once() {
    for (name, bytes) in files("bombs") {
        let measure = || {
            let start = Instant::now();
            let is_refused = render(&bytes).is_err();
            assert!(is_refused, "{name}");
            start.elapsed()
        };
        // The machine may be busy with something else.
        let fastest = (0..5).map(|_| measure()).min().unwrap();
        assert!(fastest < Duration::from_millis(50), "{name}: {fastest:?}");
    }
}

#[test]
fn a_photo_of_a_hundred_megapixels_is_rendered() {
    let side = 10_000;
    let grey = image::GrayImage::from_fn(side, side, |x, y| image::Luma([u8::try_from(x / 100 + y / 100).unwrap()]));
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 50).encode_image(&grey).unwrap();
    let rendered = render(&file).unwrap();
    assert_eq!((rendered.width, rendered.height), (side, side));
    let thumbnail = pixels(&rendered.thumbnail);
    assert_eq!(thumbnail.dimensions(), (512, 512));
    assert!(thumbnail.get_pixel(256, 256).0[0].abs_diff(100) < 3);
}

/// Renders in a process of its own.
fn in_a_process(photo: &[u8], time: Duration) -> Seen {
    let renderer = Renderer::of(PathBuf::from(env!("CARGO_BIN_EXE_render_photos")), time);
    let chunks: Vec<_> = photo.chunks(1_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec().into())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(renderer.render(stream::iter(chunks))).unwrap()
}

const PATIENT: Duration = Duration::from_mins(1);

#[test]
fn a_process_of_its_own_renders_the_same_and_hashes() {
    let bytes = photo("exif.heic");
    let Seen { sha256, crc32, metadata, rendered } = in_a_process(&bytes, PATIENT);
    // By sha256sum, and by Python's zlib.crc32.
    assert_eq!(sha256, include_str!("exif.heic.sha256").trim());
    assert_eq!(crc32, 0xca22_ae45);
    assert_eq!(metadata.camera.as_deref(), Some("Acme Phone 12"));
    let Rendered { width, height, thumbhash, thumbnail, preview } = rendered.unwrap();
    let here = render(&bytes).unwrap();
    assert_eq!((width, height, thumbhash), (here.width, here.height, here.thumbhash));
    assert!(thumbnail == here.thumbnail && preview == here.preview);
}

#[test]
fn a_process_that_fails_leaves_the_reason_the_hash_and_the_metadata() {
    let mut broken = photo("exif.jpg");
    let scan = broken.windows(2).rposition(|window| window == [0xFF, 0xC0]).unwrap();
    broken[scan + 5..scan + 9].fill(0);
    let Seen { sha256, metadata, rendered, .. } = in_a_process(&broken, PATIENT);
    assert_eq!(sha256.len(), 64);
    assert_eq!(metadata.camera.as_deref(), Some("Acme Phone 12"));
    assert!(rendered.err().unwrap().contains("JPEG"));
}

#[test]
fn a_process_that_takes_too_long_is_ended() {
    let seen = in_a_process(&photo("large.jpg"), Duration::ZERO);
    assert!(seen.rendered.err().unwrap().contains("too long"));
}
