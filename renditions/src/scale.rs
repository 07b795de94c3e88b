//! Scaling in linear light: the average of black and white is the grey that the eye sees from a distance.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U16x3,
};

use crate::{
    colour::{LIGHT_OF_8, LIGHT_OF_16, OF_LIGHT, ToSrgb},
    decode::{Layout, Orientation, Picture, Samples, Unrenderable},
};

/// How many rows of the source are in memory as light, besides those at the edges.
const STRIP: f64 = 256.0;

/// How far the filter (Catmull-Rom) reaches, in pixels of the smaller of source and target.
const REACH: f64 = 2.0;

const ALGORITHM: ResizeAlg = ResizeAlg::Convolution(FilterType::CatmullRom);

/// A picture as red, green and blue light in linear steps.
pub(crate) struct Light {
    pub width: u32,
    pub height: u32,
    pixels: Vec<U16x3>,
}

/// A picture of eight bits per sample.
pub(crate) struct Rgb {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
}

/// Scales a picture so that its longer side has at most `longer` pixels. It is never enlarged.
///
/// The light of the whole source would take twice the memory of its samples, so it is made strip by strip.
pub(crate) fn shrink(picture: &Picture, to_srgb: Option<&ToSrgb>, longer: u32) -> Result<Light, Unrenderable> {
    let (width, height) = fit(picture.width, picture.height, longer);
    let mut pixels = vec![U16x3::default(); width as usize * height as usize];
    if (width, height) == (picture.width, picture.height) {
        rows_to_light(picture, to_srgb, 0, &mut pixels);
        return Ok(Light { width, height, pixels });
    }
    let scale = f64::from(picture.height) / f64::from(height);
    let margin = REACH * scale.max(1.0) + 1.0;
    let strip_height = to_u32((STRIP / scale).ceil()).max(1);
    let mut resizer = Resizer::new();
    let mut source = Vec::new();
    let mut from = 0;
    for target in pixels.chunks_mut(width as usize * strip_height as usize) {
        let to = height.min(from + strip_height);
        let (top, bottom) = (f64::from(from) * scale, f64::from(to) * scale);
        let first = to_u32((top - margin).floor().max(0.0));
        let last = to_u32((bottom + margin).ceil()).min(picture.height);
        source.resize(picture.width as usize * (last - first) as usize, U16x3::default());
        rows_to_light(picture, to_srgb, first as usize, &mut source);
        let strip = TypedImageRef::new(picture.width, last - first, &source)?;
        let mut scaled = TypedImage::from_pixels_slice(width, to - from, target)?;
        // What is cut out must be inside the strip, in spite of rounding.
        let offset = top - f64::from(first);
        let cut = (bottom - top).min(f64::from(last - first) - offset);
        let options = ResizeOptions::new().resize_alg(ALGORITHM).crop(0.0, offset, f64::from(picture.width), cut);
        resizer.resize_typed(&strip, &mut scaled, &options)?;
        from = to;
    }
    Ok(Light { width, height, pixels })
}

impl Light {
    /// As [`shrink`].
    pub(crate) fn shrink(&self, longer: u32) -> Result<Self, Unrenderable> {
        let (width, height) = fit(self.width, self.height, longer);
        let source = TypedImageRef::new(self.width, self.height, &self.pixels)?;
        let mut target = TypedImage::new(width, height);
        Resizer::new().resize_typed(&source, &mut target, &ResizeOptions::new().resize_alg(ALGORITHM))?;
        Ok(Self { width, height, pixels: target.pixels().to_vec() })
    }

    /// The picture in sRGB, upright.
    pub(crate) fn to_rgb(&self, source: &Picture, to_srgb: Option<&ToSrgb>) -> Rgb {
        let encode = |light: u16| OF_LIGHT.get(usize::from(light)).copied().unwrap_or_default();
        let mut pixels: Vec<u8> = self.pixels.iter().flat_map(|pixel| pixel.0.map(encode)).collect();
        if let Some(to_srgb) = to_srgb {
            to_srgb.convert(matches!(source.layout, Layout::Grey | Layout::GreyAlpha), &mut pixels);
        }
        upright(Rgb { width: self.width, height: self.height, pixels }, source.orientation)
    }
}

/// The size of a picture whose longer side has at most `longer` pixels.
pub(crate) fn fit(width: u32, height: u32, longer: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longer {
        return (width, height);
    }
    let scale = |side: u32| to_u32((f64::from(side) * f64::from(longer) / f64::from(longest)).round()).max(1);
    (scale(width), scale(height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a conversion saturates")]
const fn to_u32(number: f64) -> u32 {
    number as u32
}

/// Reads rows of a picture, from the row `first` on, as many as fit into `light`.
fn rows_to_light(picture: &Picture, to_srgb: Option<&ToSrgb>, first: usize, light: &mut [U16x3]) {
    let start = first * picture.width as usize * picture.layout.channels();
    match &picture.samples {
        Samples::Eight(samples) => {
            let samples = samples.get(start..).unwrap_or_default();
            if picture.layout == Layout::Cmyk {
                read_pixels(Layout::Rgb, &ink_to_rgb(samples, light.len(), to_srgb), light);
            } else {
                read_pixels(picture.layout, samples, light);
            }
        }
        Samples::Sixteen(samples) => read_pixels(picture.layout, samples.get(start..).unwrap_or_default(), light),
    }
}

trait Sample: Copy {
    fn to_light(self) -> u16;

    /// This sample of a transparent pixel, laid on white, as browsers show it on a page.
    fn on_white(self, alpha: Self) -> Self;
}

impl Sample for u8 {
    fn to_light(self) -> u16 {
        LIGHT_OF_8.get(usize::from(self)).copied().unwrap_or_default()
    }

    #[expect(clippy::cast_possible_truncation, reason = "an average of eight bits has eight bits")]
    fn on_white(self, alpha: Self) -> Self {
        let (sample, alpha, max) = (u32::from(self), u32::from(alpha), u32::from(Self::MAX));
        ((sample * alpha + max * (max - alpha) + max / 2) / max) as Self
    }
}

impl Sample for u16 {
    fn to_light(self) -> u16 {
        LIGHT_OF_16.get(usize::from(self)).copied().unwrap_or_default()
    }

    #[expect(clippy::cast_possible_truncation, reason = "an average of sixteen bits has sixteen bits")]
    fn on_white(self, alpha: Self) -> Self {
        let (sample, alpha, max) = (u64::from(self), u64::from(alpha), u64::from(Self::MAX));
        ((sample * alpha + max * (max - alpha) + max / 2) / max) as Self
    }
}

fn read_pixels<S: Sample>(layout: Layout, samples: &[S], light: &mut [U16x3]) {
    match layout {
        Layout::Grey => {
            for (light, grey) in light.iter_mut().zip(samples) {
                *light = U16x3::new([grey.to_light(); 3]);
            }
        }
        Layout::GreyAlpha => {
            for (light, [grey, alpha]) in light.iter_mut().zip(samples.as_chunks().0) {
                *light = U16x3::new([grey.on_white(*alpha).to_light(); 3]);
            }
        }
        Layout::Rgb => {
            for (light, rgb) in light.iter_mut().zip(samples.as_chunks::<3>().0) {
                *light = U16x3::new(rgb.map(Sample::to_light));
            }
        }
        Layout::Rgba | Layout::Cmyk => {
            for (light, [red, green, blue, alpha]) in light.iter_mut().zip(samples.as_chunks().0) {
                *light = U16x3::new([red, green, blue].map(|sample| sample.on_white(*alpha).to_light()));
            }
        }
    }
}

/// The first `count` pixels of CMYK as sRGB. Without a profile, ink takes its part of the light away.
fn ink_to_rgb(samples: &[u8], count: usize, to_srgb: Option<&ToSrgb>) -> Vec<u8> {
    let samples = samples.get(..4 * count).unwrap_or(samples);
    let mut rgb = vec![0; samples.len() / 4 * 3];
    if to_srgb.is_some_and(|to_srgb| to_srgb.is_for_ink() && to_srgb.convert_ink(samples, &mut rgb)) {
        return rgb;
    }
    for ([cyan, magenta, yellow, black], rgb) in samples.as_chunks().0.iter().zip(rgb.as_chunks_mut().0) {
        let mix = |ink: u8| {
            let light = u16::from(255 - ink) * u16::from(255 - black);
            u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
        };
        *rgb = [mix(*cyan), mix(*magenta), mix(*yellow)];
    }
    rgb
}

/// Rotates and mirrors a picture so that it is upright.
fn upright(picture: Rgb, orientation: Orientation) -> Rgb {
    if orientation == Orientation::UPRIGHT {
        return picture;
    }
    let Orientation { transpose, flip_horizontally, flip_vertically } = orientation;
    let (stored_width, stored_height) = (picture.width as usize, picture.height as usize);
    let (width, height) = if transpose { (stored_height, stored_width) } else { (stored_width, stored_height) };
    let (source, _) = picture.pixels.as_chunks::<3>();
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for y in 0..height {
        let y = if flip_vertically { height - 1 - y } else { y };
        for x in 0..width {
            let x = if flip_horizontally { width - 1 - x } else { x };
            let (column, row) = if transpose { (y, x) } else { (x, y) };
            pixels.extend(source.get(row * stored_width + column).copied().unwrap_or_default());
        }
    }
    let (width, height) = if transpose { (picture.height, picture.width) } else { (picture.width, picture.height) };
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, layout: Layout, samples: Samples) -> Picture {
        Picture { width, height, layout, samples, profile: None, orientation: Orientation::UPRIGHT }
    }

    fn noise(width: u32, height: u32) -> Picture {
        let samples = (0..width * height * 3).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        picture(width, height, Layout::Rgb, Samples::Eight(samples))
    }

    #[test]
    fn the_longer_side_fits_and_nothing_is_enlarged() {
        for (size, longer, expected) in [
            ((4000, 3000), 2048, (2048, 1536)),
            ((3000, 4000), 512, (384, 512)),
            ((2048, 1), 2048, (2048, 1)),
            ((100_000, 1), 512, (512, 1)),
            ((100, 50), 512, (100, 50)),
        ] {
            assert_eq!(fit(size.0, size.1, longer), expected);
        }
    }

    #[test]
    fn black_and_white_lines_become_the_grey_that_they_look_like() {
        let samples = (0..1_000 * 1_000).map(|at| if at / 1_000 % 2 == 0 { 0 } else { 255 }).collect();
        let lines = picture(1_000, 1_000, Layout::Grey, Samples::Eight(samples));
        let scaled = shrink(&lines, None, 250).unwrap().to_rgb(&lines, None);
        let (middle, _) = scaled.pixels[100 * 250 * 3..].as_chunks::<3>();
        // Half of the light. An average of the samples would be 128.
        assert!(middle[..1_000].iter().flatten().all(|sample| sample.abs_diff(188) <= 2), "{:?}", middle[0]);
    }

    #[test]
    fn strips_leave_no_seam() {
        let picture = noise(700, 1_500);
        let strips = shrink(&picture, None, 400).unwrap();
        let mut whole = vec![U16x3::default(); 700 * 1_500];
        rows_to_light(&picture, None, 0, &mut whole);
        let whole = Light { width: 700, height: 1_500, pixels: whole }.shrink(400).unwrap();
        assert_eq!((strips.width, strips.height), (whole.width, whole.height));
        let differences = strips.pixels.iter().flat_map(|pixel| pixel.0).zip(whole.pixels.iter().flat_map(|p| p.0));
        assert_eq!(differences.map(|(a, b)| a.abs_diff(b)).max(), Some(0));
    }

    #[test]
    fn every_height_can_be_cut_into_strips() {
        for height in 513..6_000 {
            let column = picture(1, height, Layout::Grey, Samples::Eight(vec![200; height as usize]));
            let scaled = shrink(&column, None, 512).unwrap().to_rgb(&column, None);
            assert_eq!((scaled.width, scaled.height), (1, 512));
            assert!(scaled.pixels.iter().all(|sample| *sample == 200), "{height}");
        }
    }

    #[test]
    fn transparent_pixels_are_laid_on_white() {
        let eight = picture(2, 1, Layout::Rgba, Samples::Eight(vec![255, 0, 0, 0, 0, 0, 255, 128]));
        assert_eq!(shrink(&eight, None, 9).unwrap().to_rgb(&eight, None).pixels, [255, 255, 255, 127, 127, 255]);
        let sixteen = picture(2, 1, Layout::GreyAlpha, Samples::Sixteen(vec![7, 0, 0, u16::MAX]));
        assert_eq!(shrink(&sixteen, None, 9).unwrap().to_rgb(&sixteen, None).pixels, [255, 255, 255, 0, 0, 0]);
    }

    #[test]
    fn ink_takes_light_away() {
        let inks = vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255];
        let inks = picture(4, 1, Layout::Cmyk, Samples::Eight(inks));
        let rgb = shrink(&inks, None, 9).unwrap().to_rgb(&inks, None).pixels;
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 255, 0, 0, 0, 0, 0]);
    }
}
