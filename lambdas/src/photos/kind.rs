use schemars::JsonSchema;
use serde::Serialize;

/// The photo formats that the service accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhotoType {
    Jpg,
    Png,
    Gif,
    Webp,
    /// A High Efficiency Image File encoded with HEVC, as iPhones create it.
    Heic,
    Avif,
    Tiff,
    Bmp,
}

impl PhotoType {
    pub const ALL: [Self; 8] =
        [Self::Jpg, Self::Png, Self::Gif, Self::Webp, Self::Heic, Self::Avif, Self::Tiff, Self::Bmp];

    /// The number of first bytes that [`PhotoType::detect`] needs at most.
    pub const SIGNATURE_BYTES: usize = 256;

    /// Recognises a photo by its first bytes. Its file name and declared media type are ignored.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some(Self::Tiff),
            // Many texts begin with "BM". The size of the header, which follows, has only a few valid values.
            [b'B', b'M', _, _, _, _, _, _, _, _, _, _, _, _, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
                Some(Self::Bmp)
            }
            [a, b, c, d, b'f', b't', b'y', b'p', brands @ ..] => {
                let box_size = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
                Self::of_brands(brands.get(..box_size.checked_sub(8)?).unwrap_or(brands))
            }
            _ => None,
        }
    }

    /// Recognises an ISO base media file by the brands in its `ftyp` box: the major brand, four bytes of version, then
    /// the compatible brands (ISO/IEC 14496-12, 4.3; the brands are from ISO/IEC 23008-12 and the AVIF specification).
    /// `mif1` and `msf1` only say "an image", so the first brand that names a codec decides.
    fn of_brands(brands: &[u8]) -> Option<Self> {
        let brands = brands.get(..Self::SIGNATURE_BYTES - 8).unwrap_or(brands);
        brands.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1).find_map(|(_, brand)| match brand {
            b"avif" | b"avis" => Some(Self::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Self::Heic),
            _ => None,
        })
    }

    /// The extension of the file name, and the `type` in responses.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Heic => "heic",
            Self::Avif => "avif",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
        }
    }

    /// The type with this extension, spelled exactly as [`PhotoType::extension`] returns it.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }

    /// Whether `ending`, in lower case, is one of the usual file name extensions for this type.
    #[must_use]
    pub fn has_ending(self, ending: &str) -> bool {
        match self {
            Self::Jpg => matches!(ending, "jpg" | "jpeg" | "jpe" | "jfif"),
            Self::Heic => matches!(ending, "heic" | "heif" | "hif"),
            Self::Tiff => matches!(ending, "tiff" | "tif"),
            Self::Bmp => matches!(ending, "bmp" | "dib"),
            Self::Png | Self::Gif | Self::Webp | Self::Avif => ending == self.extension(),
        }
    }

    /// The media type with which a photo is stored and served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_recognised_by_its_first_bytes() {
        let cases: [(&[u8], Option<PhotoType>); 12] = [
            (b"\xFF\xD8\xFF\xE1", Some(PhotoType::Jpg)),
            (b"\x89PNG\r\n\x1a\n", Some(PhotoType::Png)),
            (b"GIF89a", Some(PhotoType::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(PhotoType::Webp)),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(PhotoType::Heic)),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", Some(PhotoType::Avif)),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None),
            (b"II*\0\x08\0\0\0", Some(PhotoType::Tiff)),
            (b"MM\0*\0\0\0\x08", Some(PhotoType::Tiff)),
            (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Some(PhotoType::Bmp)),
            (b"BMW is a maker of cars and motorcycles", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(PhotoType::detect(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_version_of_an_ftyp_box_is_not_a_brand() {
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisom" as &[u8]), None);
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisomheicisom"), None);
    }

    #[test]
    fn brands_outside_the_ftyp_box_do_not_count() {
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisom\0\0\0\0isomheic"), None);
    }

    #[test]
    fn an_extension_identifies_its_type() {
        for kind in PhotoType::ALL {
            assert_eq!(PhotoType::of_extension(kind.extension()), Some(kind));
            assert!(kind.has_ending(kind.extension()));
        }
        assert_eq!(PhotoType::of_extension("jpeg"), None);
    }
}
