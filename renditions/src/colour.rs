//! Colours: profiles, and the conversion between samples of sRGB and linear light.

use std::sync::{Arc, LazyLock};

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout as ProfileLayout, MatrixCoefficients,
    TransferCharacteristics, Transform8BitExecutor, TransformOptions,
};

/// What the samples of a photo mean.
#[derive(Debug)]
pub(crate) enum Profile {
    /// An ICC profile, which may be damaged.
    Icc(Vec<u8>),
    /// Code points of ITU-T H.273.
    Codes { primaries: u16, transfer: u16 },
}

impl Profile {
    /// `None` if it cannot be read, or if it counts as sRGB, which renditions have.
    fn read(&self) -> Option<ColorProfile> {
        match self {
            Self::Icc(icc) => ColorProfile::new_from_slice(icc).ok(),
            // BT.709, with its own transfer function or that of sRGB: browsers show both as sRGB.
            Self::Codes { primaries: 1 | 2, transfer: 1 | 2 | 6 | 13 } => None,
            Self::Codes { primaries, transfer } => {
                // The transfer function of video is made for displays like those of sRGB.
                let transfer = if matches!(transfer, 1 | 2 | 6 | 14 | 15) { 13 } else { *transfer };
                Some(ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries: CicpColorPrimaries::try_from(u8::try_from(*primaries).ok()?).ok()?,
                    transfer_characteristics: TransferCharacteristics::try_from(u8::try_from(transfer).ok()?).ok()?,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                }))
            }
        }
    }
}

/// Converts samples of eight bits to sRGB. A profile that cannot be used is ignored: strange colours are better than no
/// picture.
pub(crate) struct ToSrgb {
    space: DataColorSpace,
    transform: Arc<Transform8BitExecutor>,
}

impl ToSrgb {
    /// `None` if the samples are sRGB, or count as such.
    pub(crate) fn new(profile: Option<&Profile>) -> Option<Self> {
        let profile = profile?.read()?;
        let layout = match profile.color_space {
            DataColorSpace::Gray => ProfileLayout::Gray,
            DataColorSpace::Rgb => ProfileLayout::Rgb,
            // The name that this library has for four channels.
            DataColorSpace::Cmyk => ProfileLayout::Rgba,
            _ => return None,
        };
        let srgb = ColorProfile::new_srgb();
        let transform =
            profile.create_transform_8bit(layout, &srgb, ProfileLayout::Rgb, TransformOptions::default()).ok()?;
        Some(Self { space: profile.color_space, transform })
    }

    /// Whether it takes CMYK.
    pub(crate) fn is_for_ink(&self) -> bool {
        self.space == DataColorSpace::Cmyk
    }

    /// Converts pixels of RGB, in which grey ones have three equal samples. A profile of the other kind is ignored.
    pub(crate) fn convert(&self, is_grey: bool, pixels: &mut Vec<u8>) {
        let source = match (&self.space, is_grey) {
            (DataColorSpace::Gray, true) => pixels.as_chunks::<3>().0.iter().map(|[grey, ..]| *grey).collect(),
            (DataColorSpace::Rgb, false) => pixels.clone(),
            _ => return,
        };
        let mut converted = vec![0; pixels.len()];
        if self.transform.transform(&source, &mut converted).is_ok() {
            *pixels = converted;
        }
    }

    /// Converts pixels of CMYK to RGB; false if it cannot.
    pub(crate) fn convert_ink(&self, source: &[u8], target: &mut [u8]) -> bool {
        self.transform.transform(source, target).is_ok()
    }
}

/// The linear light, in 65,536 steps, of each 8-bit sample of sRGB.
pub(crate) static LIGHT_OF_8: LazyLock<[u16; 256]> =
    LazyLock::new(|| std::array::from_fn(|value| to_light(u8::try_from(value).map_or(1.0, f64::from) / 255.0)));

/// As [`LIGHT_OF_8`], for 16-bit samples.
pub(crate) static LIGHT_OF_16: LazyLock<Vec<u16>> =
    LazyLock::new(|| (0..=u16::MAX).map(|value| to_light(f64::from(value) / 65_535.0)).collect());

/// The reverse of [`LIGHT_OF_8`].
pub(crate) static OF_LIGHT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=u16::MAX).map(of_light).collect());

/// The transfer function of sRGB (IEC 61966-2-1).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is from 0 to 65,535")]
fn to_light(value: f64) -> u16 {
    let light = if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    (light * 65_535.0).round() as u16
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is from 0 to 255")]
fn of_light(light: u16) -> u8 {
    let light = f64::from(light) / 65_535.0;
    let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_becomes_the_same_sample_again() {
        for value in 0..=u8::MAX {
            let light = LIGHT_OF_8[usize::from(value)];
            assert_eq!(light, LIGHT_OF_16[usize::from(value) * 257]);
            assert_eq!(OF_LIGHT[usize::from(light)], value);
        }
    }

    #[test]
    fn a_damaged_profile_is_ignored() {
        assert!(ToSrgb::new(Some(&Profile::Icc(vec![7; 200]))).is_none());
        assert!(ToSrgb::new(Some(&Profile::Codes { primaries: 77, transfer: 77 })).is_none());
        assert!(ToSrgb::new(None).is_none());
    }
}
