//! HEIC and AVIF: two codecs in one container (ISO/IEC 23008-12).

use heifer::{
    Image, Options,
    color::{ColorParams, frame_to_rgba_as},
    heifer_hevc_dec::recon::Frame,
    heifer_isobmff::{
        HeifFile, ItemId,
        boxes::{ColorInfo, Property},
    },
};
use re_rav1d::dav1d::{Decoder, Error, Picture as Av1Picture, PixelLayout, PlanarImageComponent, Settings, pixel};

use super::{Layout, MAX_PIXELS, Orientation, Picture, Samples, Unrenderable, check_size};
use crate::colour::Profile;

/// How many levels of images may be derived from other images. The files of cameras have one, a grid of tiles.
const MAX_DEPTH: u32 = 4;

/// What an auxiliary image with opacity is called (ISO/IEC 23008-12, 6.5.8; AV1 Image File Format, 4.1).
const ALPHA: [&str; 2] = ["urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1"];

/// Decodes the primary image, upright.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, Unrenderable> {
    let file = HeifFile::parse(bytes)?;
    let id = file.primary_id;
    if let Some((width, height)) = file.image_size(id)? {
        check_size(u64::from(width), u64::from(height), 4)?;
    }
    let profile = profile(&file, id)?;
    let image = if is_av1(&file, id, 0)? {
        decode_av1(&file, id, 0)?
    } else {
        heifer::decode_rgba8(bytes, &Options { max_threads: 1, max_pixels: MAX_PIXELS })?
    };
    Ok(Picture {
        width: image.width,
        height: image.height,
        layout: Layout::Rgba,
        samples: Samples::Eight(image.data),
        profile,
        // The container says how to rotate and mirror, and the Exif data only repeat it.
        orientation: Orientation::UPRIGHT,
    })
}

/// The colours of an image: its ICC profile, or the code points of ITU-T H.273. An image that is derived from others
/// may state neither, and then has those of the first.
fn profile(file: &HeifFile<'_>, mut id: ItemId) -> Result<Option<Profile>, Unrenderable> {
    for _ in 0..=MAX_DEPTH {
        let mut codes = None;
        for property in file.item_properties(id)? {
            match property {
                Property::Color(ColorInfo::Icc(icc)) if !icc.is_empty() => return Ok(Some(Profile::Icc(icc.clone()))),
                Property::Color(ColorInfo::Nclx { primaries, transfer, .. }) => {
                    codes = Some(Profile::Codes { primaries: *primaries, transfer: *transfer });
                }
                _ => {}
            }
        }
        match (codes, file.referenced_items(id, b"dimg").first()) {
            (Some(codes), _) => return Ok(Some(codes)),
            (None, Some(first)) => id = *first,
            (None, None) => return Ok(None),
        }
    }
    Ok(None)
}

fn is_av1(file: &HeifFile<'_>, id: ItemId, depth: u32) -> Result<bool, Unrenderable> {
    match (&file.item(id)?.item_type.0, file.referenced_items(id, b"dimg").first()) {
        (b"av01", _) => Ok(true),
        (b"grid", Some(first)) if depth < MAX_DEPTH => is_av1(file, *first, depth + 1),
        _ => Ok(false),
    }
}

/// Decodes an image of AV1 data or a grid of such images, with its opacity, and turns it upright.
fn decode_av1(file: &HeifFile<'_>, id: ItemId, depth: u32) -> Result<Image<u8>, Unrenderable> {
    if depth > MAX_DEPTH {
        return Err(Unrenderable::Unsupported("images that are derived from each other"));
    }
    let mut image = match &file.item(id)?.item_type.0 {
        b"av01" => decode_item(file, id)?,
        b"grid" => decode_grid(file, id, depth)?,
        _ => return Err(Unrenderable::Unsupported("an image of another codec")),
    };
    for auxiliary in file.referencing_items(id, b"auxl") {
        let is_alpha = |property: &Property| match property {
            Property::AuxiliaryType(name) => ALPHA.contains(&name.as_str()),
            _ => false,
        };
        if auxiliary != id && file.item_properties(auxiliary)?.any(is_alpha) {
            let alpha = decode_av1(file, auxiliary, depth + 1)?;
            if (alpha.width, alpha.height) == (image.width, image.height) {
                let (pixels, _) = image.data.as_chunks_mut::<4>();
                let (alphas, _) = alpha.data.as_chunks::<4>();
                pixels.iter_mut().zip(alphas).for_each(|(pixel, alpha)| pixel[3] = alpha[0]);
            }
        }
    }
    for property in file.item_properties(id)? {
        image = match *property {
            Property::CleanAperture { width, height, horiz_offset, vert_offset } => {
                let across = aperture(image.width, width, horiz_offset);
                let down = aperture(image.height, height, vert_offset);
                match (across, down) {
                    (Some((x, width)), Some((y, height))) => image.crop(x, y, width, height),
                    _ => image,
                }
            }
            Property::Rotation(quarters @ 1..) => image.rotate_ccw(quarters),
            Property::Mirror(top_bottom) => image.mirror(top_bottom),
            _ => image,
        };
    }
    Ok(image)
}

/// The first pixel and the length of a clean aperture along one side (ISO/IEC 14496-12, 12.1.4): `length` is cut out
/// around the middle, moved by `offset`. `None` if it is not inside the image.
fn aperture(side: u32, length: (u32, u32), offset: (i32, u32)) -> Option<(u32, u32)> {
    let length = length.0.checked_div(length.1).filter(|length| (1..=side).contains(length))?;
    let offset = i64::from(offset.0).checked_div(i64::from(offset.1))?;
    let first = u32::try_from(i64::from(side - length) / 2 + offset).ok()?;
    (first + length <= side).then_some((first, length))
}

fn decode_grid(file: &HeifFile<'_>, id: ItemId, depth: u32) -> Result<Image<u8>, Unrenderable> {
    let grid = file.grid(id)?;
    let tiles = file.referenced_items(id, b"dimg");
    let columns = usize::from(grid.columns);
    if tiles.len() != usize::from(grid.rows) * columns {
        return Err(Unrenderable::Unsupported("a grid that lacks tiles"));
    }
    check_size(u64::from(grid.output_width), u64::from(grid.output_height), 4)?;
    let mut canvas = Image::filled_samples(grid.output_width, grid.output_height, 8, [0, 0, 0, 255]);
    for (at, tile) in tiles.iter().enumerate() {
        let tile = decode_av1(file, *tile, depth + 1)?;
        let place = |at: usize, side: u32| i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(i64::from(side));
        canvas.draw(&tile, place(at % columns, tile.width), place(at / columns, tile.height));
    }
    Ok(canvas)
}

fn decode_item(file: &HeifFile<'_>, id: ItemId) -> Result<Image<u8>, Unrenderable> {
    let data = file.item_data(id)?.into_owned();
    // A debug build of the decoder would abort.
    if data.is_empty() {
        return Err(Unrenderable::Unsupported("a picture without data"));
    }
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(u32::try_from(MAX_PIXELS).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings)?;
    let mut sent = decoder.send_data(data, None, None, None);
    let picture = loop {
        match (decoder.get_picture(), sent) {
            (Ok(picture), _) => break picture,
            // The decoder has not taken all data yet.
            (Err(Error::Again), Err(Error::Again)) => sent = decoder.send_pending_data(),
            (Err(error), Ok(())) | (Err(_), Err(error)) => return Err(error.into()),
        }
    };
    let declared = file.item_properties(id)?.find_map(|property| match property {
        Property::Color(ColorInfo::Nclx { matrix, full_range, .. }) => {
            Some(ColorParams { matrix: *matrix, full_range: *full_range })
        }
        _ => None,
    });
    let frame = frame(&picture);
    Ok(frame_to_rgba_as(&frame, declared.unwrap_or_else(|| ColorParams::from_frame(&frame))))
}

/// The planes of a decoded picture, as the conversion to RGB takes them.
fn frame(picture: &Av1Picture) -> Frame {
    let (width, height) = (picture.width(), picture.height());
    let (chroma_format, chroma) = match picture.pixel_layout() {
        PixelLayout::I400 => (0, None),
        PixelLayout::I420 => (1, Some((width.div_ceil(2), height.div_ceil(2)))),
        PixelLayout::I422 => (2, Some((width.div_ceil(2), height))),
        PixelLayout::I444 => (3, Some((width, height))),
    };
    let (chroma_width, chroma_height) = chroma.unwrap_or_default();
    let bits = picture.bits_per_component().map_or(8, |bits| u8::try_from(bits.0).unwrap_or(8));
    let plane = |component| {
        let (width, height) = match component {
            PlanarImageComponent::Y => (width, height),
            PlanarImageComponent::U | PlanarImageComponent::V if chroma.is_some() => (chroma_width, chroma_height),
            PlanarImageComponent::U | PlanarImageComponent::V => return Vec::new(),
        };
        let (plane, stride) = (picture.plane(component), picture.stride(component) as usize);
        let rows = plane.chunks_exact(stride.max(1)).take(height as usize);
        if bits == 8 {
            rows.flat_map(|row| row.iter().take(width as usize).map(|sample| u16::from(*sample))).collect()
        } else {
            rows.flat_map(|row| row.as_chunks().0.iter().take(width as usize).map(|pair| u16::from_ne_bytes(*pair)))
                .collect()
        }
    };
    Frame {
        widths: [width, chroma_width, chroma_width],
        heights: [height, chroma_height, chroma_height],
        planes: [plane(PlanarImageComponent::Y), plane(PlanarImageComponent::U), plane(PlanarImageComponent::V)],
        bit_depth: [bits, bits],
        chroma_format,
        full_range: picture.color_range() == pixel::YUVRange::Full,
        matrix_coeffs: match picture.matrix_coefficients() {
            pixel::MatrixCoefficients::Identity => 0,
            pixel::MatrixCoefficients::BT709 => 1,
            pixel::MatrixCoefficients::BT2020NonConstantLuminance => 9,
            _ => 6,
        },
    }
}
