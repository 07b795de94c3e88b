//! Renditions: small versions of photos that browsers show quickly, and the metadata in photos.
//!
//! This crate keeps the decoders out of all other functions. [`metadata()`] and [`render`] take bytes and use neither
//! the network nor files. [`child`] runs them in a process of their own, under limits, for [`yourplace::renditions`].

pub mod child;
mod colour;
mod decode;
mod metadata;
mod scale;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use image::codecs::jpeg::JpegEncoder;
use jiff::civil::DateTime;
use yourplace::{
    photos::PhotoType,
    renditions::{Metadata, PREVIEW, Rendered, THUMBNAIL},
};

use colour::ToSrgb;
pub use decode::Unrenderable;
use scale::Rgb;

/// The quality of the JPEG files, from 1 to 100.
const QUALITY: u8 = 82;

/// The longer side of the picture of which the thumbhash is made (<https://evanw.github.io/thumbhash/>).
const HASHED: u32 = 100;

/// The metadata in a photo. It never fails: what cannot be read is left out. `latest` is the latest local time,
/// anywhere in the world, at which the photo can have been taken.
#[must_use]
pub fn metadata(bytes: &[u8], latest: DateTime) -> Metadata {
    metadata::read(bytes, latest).0
}

/// Makes the renditions of a photo.
///
/// # Errors
/// [`Unrenderable`]; it is the same for the same bytes.
pub fn render(bytes: &[u8]) -> Result<Rendered, Unrenderable> {
    let kind = PhotoType::detect(bytes).ok_or(Unrenderable::UnknownType)?;
    let (_, orientation) = metadata::read(bytes, DateTime::MAX);
    let picture = decode::decode(kind, bytes, orientation)?;
    let to_srgb = ToSrgb::new(picture.profile.as_ref());
    let to_srgb = to_srgb.as_ref();
    let preview = scale::shrink(&picture, to_srgb, PREVIEW)?;
    let thumbnail = preview.shrink(THUMBNAIL)?;
    let hashed = thumbnail.shrink(HASHED)?.to_rgb(&picture, to_srgb);
    let (width, height) =
        if picture.orientation.transpose { (picture.height, picture.width) } else { (picture.width, picture.height) };
    Ok(Rendered {
        width,
        height,
        thumbhash: thumbhash(&hashed),
        thumbnail: encode(&thumbnail.to_rgb(&picture, to_srgb))?,
        preview: encode(&preview.to_rgb(&picture, to_srgb))?,
    })
}

/// A JPEG file without metadata.
fn encode(picture: &Rgb) -> Result<Vec<u8>, Unrenderable> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
    encoder.encode(&picture.pixels, picture.width, picture.height, image::ExtendedColorType::Rgb8)?;
    Ok(file)
}

fn thumbhash(picture: &Rgb) -> String {
    let rgba: Vec<u8> =
        picture.pixels.as_chunks::<3>().0.iter().flat_map(|[red, green, blue]| [*red, *green, *blue, 255]).collect();
    BASE64_STANDARD.encode(thumbhash::rgba_to_thumb_hash(picture.width as usize, picture.height as usize, &rgba))
}
