use serde::Serialize;

/// The kinds of photo that the service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhotoType {
    /// JPEG
    Jpg,
    /// Portable Network Graphics
    Png,
    /// Graphics Interchange Format
    Gif,
    /// `WebP`
    Webp,
    /// High Efficiency Image File, HEVC coded: what iPhones make
    Heic,
    /// AV1 Image File
    Avif,
    /// Tagged Image File Format
    Tiff,
    /// Windows bitmap
    Bmp,
}

impl PhotoType {
    /// Every kind, for messages and tests.
    pub const ALL: [Self; 8] =
        [Self::Jpg, Self::Png, Self::Gif, Self::Webp, Self::Heic, Self::Avif, Self::Tiff, Self::Bmp];

    /// As many first bytes as [`PhotoType::detect`] ever looks at.
    pub const SIGNATURE_BYTES: usize = 256;

    /// Tells a photo by its first bytes; its name and declared type count for nothing.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some(Self::Tiff),
            // "BM" alone begins many a text. The size of the header that follows is one of few.
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

    /// Tells an ISO base media file by the brands of its `ftyp` box: the major one first, then, after four bytes of
    /// version, the compatible ones (ISO/IEC 14496-12, 4.3; the brands are those of 23008-12 and of the AVIF
    /// specification). `mif1` and `msf1` say only "an image", so the first brand that says which coding decides.
    fn of_brands(brands: &[u8]) -> Option<Self> {
        let brands = brands.get(..Self::SIGNATURE_BYTES - 8).unwrap_or(brands);
        brands.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1).find_map(|(_, brand)| match brand {
            b"avif" | b"avis" => Some(Self::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Self::Heic),
            _ => None,
        })
    }

    /// The ending of the file name, and the `type` that the contract names.
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

    /// The kind whose ending this is; only the one that [`PhotoType::extension`] gives.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }

    /// Whether a client's file name may end like this for this kind, in lower case.
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

    /// The media type it is stored and served with.
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
    fn a_file_is_told_by_its_first_bytes() {
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
    fn the_version_of_an_ftyp_box_is_no_brand() {
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisom" as &[u8]), None);
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisomheicisom"), None);
    }

    #[test]
    fn brands_outside_the_ftyp_box_do_not_count() {
        assert_eq!(PhotoType::detect(b"\0\0\0\x14ftypisom\0\0\0\0isomheic"), None);
    }

    #[test]
    fn an_extension_names_its_kind() {
        for kind in PhotoType::ALL {
            assert_eq!(PhotoType::of_extension(kind.extension()), Some(kind));
            assert!(kind.has_ending(kind.extension()));
        }
        assert_eq!(PhotoType::of_extension("jpeg"), None);
    }
}
