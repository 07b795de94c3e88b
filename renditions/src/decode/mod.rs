//! Photos as pixels.

mod heif;
mod jpeg;
mod others;

use yourplace::photos::PhotoType;

use crate::colour::Profile;

/// The most pixels of a photo: more than any camera makes (16,384 × 16,384).
pub(crate) const MAX_PIXELS: u64 = 1 << 28;

/// The most bytes that the pixels of a photo take.
pub(crate) const MAX_BYTES: u64 = 1 << 30;

/// A decoded photo. `Debug` does not show its samples.
pub(crate) struct Picture {
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    pub samples: Samples,
    pub profile: Option<Profile>,
    pub orientation: Orientation,
}

/// The samples of all pixels, row by row.
pub(crate) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// The samples of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// 0 is no ink.
    Cmyk,
}

impl Layout {
    pub(crate) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// How stored rows and columns become upright, as the tag `Orientation` says (Exif 3.0, 4.6.5.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Whether rows become columns. This comes first.
    pub transpose: bool,
    pub flip_horizontally: bool,
    pub flip_vertically: bool,
}

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self { transpose: false, flip_horizontally: false, flip_vertically: false };

    /// Reads the tag. Values that the standard does not define are upright.
    pub(crate) const fn of_tag(tag: u32) -> Self {
        let (transpose, flip_horizontally, flip_vertically) = match tag {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transpose, flip_horizontally, flip_vertically }
    }
}

/// A photo that cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Unrenderable {
    #[error("not a photo of a known type")]
    UnknownType,
    #[error("{width} × {height} pixels are too many")]
    TooLarge { width: u64, height: u64 },
    #[error("not a readable JPEG file")]
    Jpeg(#[from] zune_jpeg::errors::DecodeErrors),
    #[error("not a readable file")]
    Image(#[from] image::ImageError),
    #[error("not a readable HEIF file")]
    Heif(#[from] heifer::Error),
    #[error("not readable AV1 data")]
    Av1(#[from] re_rav1d::dav1d::Error),
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("the picture cannot be scaled")]
    Resize(#[from] fast_image_resize::ResizeError),
    #[error("the rows of the picture have different lengths")]
    Rows(#[from] fast_image_resize::InvalidPixelsSize),
}

impl From<heifer::heifer_isobmff::Error> for Unrenderable {
    fn from(error: heifer::heifer_isobmff::Error) -> Self {
        Self::Heif(error.into())
    }
}

/// Decodes a photo. `orientation` is what its Exif data say; files of other kinds that state it elsewhere ignore it.
pub(crate) fn decode(kind: PhotoType, bytes: &[u8], orientation: Orientation) -> Result<Picture, Unrenderable> {
    match kind {
        PhotoType::Jpg => jpeg::decode(bytes, orientation),
        PhotoType::Heic | PhotoType::Avif => heif::decode(bytes),
        PhotoType::Png => others::decode(image::ImageFormat::Png, bytes, orientation),
        PhotoType::Gif => others::decode(image::ImageFormat::Gif, bytes, orientation),
        PhotoType::Webp => others::decode(image::ImageFormat::WebP, bytes, orientation),
        PhotoType::Tiff => others::decode(image::ImageFormat::Tiff, bytes, orientation),
        PhotoType::Bmp => others::decode(image::ImageFormat::Bmp, bytes, orientation),
    }
}

/// Refuses a picture that takes too much memory, before any is taken.
fn check_size(width: u64, height: u64, bytes_per_pixel: u64) -> Result<(), Unrenderable> {
    let pixels = width.saturating_mul(height);
    if pixels == 0 || pixels > MAX_PIXELS || pixels.saturating_mul(bytes_per_pixel) > MAX_BYTES {
        return Err(Unrenderable::TooLarge { width, height });
    }
    Ok(())
}
