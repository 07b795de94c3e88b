use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageFormat, Limits,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder},
};

use super::{Layout, MAX_BYTES, Orientation, Picture, Samples, Unrenderable, check_size};
use crate::colour::Profile;

/// Decodes the first frame of a file whose format the crate `image` knows.
pub(super) fn decode(format: ImageFormat, bytes: &[u8], orientation: Orientation) -> Result<Picture, Unrenderable> {
    let reader = Cursor::new(bytes);
    match format {
        ImageFormat::Png => read(PngDecoder::with_limits(reader, limits())?, orientation),
        ImageFormat::Gif => read(GifDecoder::new(reader)?, orientation),
        ImageFormat::WebP => read(WebPDecoder::new(reader)?, orientation),
        ImageFormat::Tiff => read(TiffDecoder::new(reader)?, orientation),
        ImageFormat::Bmp => read(BmpDecoder::new(reader)?, orientation),
        _ => Err(Unrenderable::UnknownType),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

fn read(mut decoder: impl ImageDecoder, orientation: Orientation) -> Result<Picture, Unrenderable> {
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), u64::from(decoder.color_type().bytes_per_pixel()))?;
    decoder.set_limits(limits())?;
    let profile = decoder.icc_profile()?.map(Profile::Icc);
    let (layout, samples) = match DynamicImage::from_decoder(decoder)? {
        DynamicImage::ImageLuma8(image) => (Layout::Grey, Samples::Eight(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (Layout::GreyAlpha, Samples::Eight(image.into_raw())),
        DynamicImage::ImageRgb8(image) => (Layout::Rgb, Samples::Eight(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (Layout::Rgba, Samples::Eight(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (Layout::Grey, Samples::Sixteen(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (Layout::GreyAlpha, Samples::Sixteen(image.into_raw())),
        DynamicImage::ImageRgb16(image) => (Layout::Rgb, Samples::Sixteen(image.into_raw())),
        DynamicImage::ImageRgba16(image) => (Layout::Rgba, Samples::Sixteen(image.into_raw())),
        // Floating-point samples of TIFF files.
        other => (Layout::Rgba, Samples::Sixteen(other.into_rgba16().into_raw())),
    };
    Ok(Picture { width, height, layout, samples, profile, orientation })
}
