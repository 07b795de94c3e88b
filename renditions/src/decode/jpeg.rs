use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::{Layout, Orientation, Picture, Samples, Unrenderable, check_size};
use crate::colour::Profile;

/// The most scans of a progressive file. Cameras and editors write about ten.
const MAX_SCANS: usize = 100;

/// Decodes a JPEG file. Of a truncated file, the part that is missing is grey.
pub(super) fn decode(bytes: &[u8], orientation: Orientation) -> Result<Picture, Unrenderable> {
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_max_width(side).set_max_height(side).jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    let info = decoder.info().ok_or(Unrenderable::Unsupported("a JPEG file without a size"))?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let (wanted, layout) = match stored {
        ColorSpace::Luma => (ColorSpace::Luma, Layout::Grey),
        ColorSpace::CMYK | ColorSpace::YCCK => (stored, Layout::Cmyk),
        _ => (ColorSpace::RGB, Layout::Rgb),
    };
    check_size(u64::from(info.width), u64::from(info.height), layout.channels() as u64)?;
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let mut samples = decoder.decode()?;
    match stored {
        ColorSpace::YCCK => samples.as_chunks_mut().0.iter_mut().for_each(ycck_to_cmyk),
        // Programs that write CMYK into JPEG files store 255 for no ink, as Photoshop does.
        ColorSpace::CMYK => samples.iter_mut().for_each(|sample| *sample = 255 - *sample),
        _ => {}
    }
    Ok(Picture {
        width: u32::from(info.width),
        height: u32::from(info.height),
        layout,
        samples: Samples::Eight(samples),
        profile: decoder.icc_profile().map(Profile::Icc),
        orientation,
    })
}

/// The first three samples are CMY, inverted, as if it were RGB (Adobe Technical Note 5116, section 18).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the values are from 0 to 255")]
fn ycck_to_cmyk([c, m, y, k]: &mut [u8; 4]) {
    let (luma, blue, red) = (f32::from(*c), f32::from(*m) - 128.0, f32::from(*y) - 128.0);
    let ink = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    (*c, *m, *y) = (ink(luma + 1.402 * red), ink(luma - 0.344_136 * blue - 0.714_136 * red), ink(luma + 1.772 * blue));
    *k = 255 - *k;
}
