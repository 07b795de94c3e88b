use std::io::{self, Read};

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipFileHeaderRecord, ZipSliceArchive};

use super::{
    name,
    report::{Failed, Reason, Skipped},
};
use crate::photos::PhotoType;

/// How many of an entry's first bytes are needed to recognise its type: a tar archive has its signature at offset 257.
pub(super) const HEAD_BYTES: usize = 512;

/// The bits of a Unix mode with the type of the file (`stat(2)`, `inode(7)`). The mode is in the upper half of the
/// external attributes.
const S_IFMT: u32 = 0o170_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFDIR: u32 = 0o040_000;

/// Checks what the directory says about an entry.
///
/// # Errors
/// Why the entry is skipped or cannot be read.
pub(super) fn check(record: &ZipFileHeaderRecord<'_>, name: &str) -> Result<(), Reason> {
    let unix = (record.external_attributes() >> 16) & S_IFMT;
    if name::is_directory(name) || unix == S_IFDIR || record.mode().value() & S_IFMT == S_IFDIR {
        return Err(Skipped::Directory.into());
    }
    if unix == S_IFLNK {
        return Err(Skipped::Link.into());
    }
    if name::is_hidden(name) {
        return Err(Skipped::Hidden.into());
    }
    let flags = record.flags();
    let method = record.compression_method();
    if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() || method == CompressionMethod::AES {
        return Err(Failed::Encrypted.into());
    }
    if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
        return Err(Failed::UnsupportedMethod.into());
    }
    Ok(())
}

/// The content of an entry, after [`check`] passes. Sizes and checksum are taken from the directory. But if the local
/// header has another name or compression method, the bytes belong to another entry.
///
/// # Errors
/// [`Failed::Damaged`] if the bytes are missing or belong to another entry.
pub(super) fn open<'a, T: AsRef<[u8]>>(
    archive: &'a ZipSliceArchive<T>,
    record: &ZipFileHeaderRecord<'_>,
) -> Result<Content<'a>, Failed> {
    let entry = archive.get_entry(record.wayfinder()).map_err(|_| Failed::Damaged)?;
    let header = entry.local_header();
    let method = record.compression_method();
    if header.compression_method() != method || header.file_path().as_bytes() != record.file_path().as_bytes() {
        return Err(Failed::Damaged);
    }
    Ok(if method == CompressionMethod::STORE {
        Content::Stored(entry.data())
    } else {
        Content::Deflated(DeflateDecoder::new(entry.data()))
    })
}

/// The type of a photo by the first [`HEAD_BYTES`] of an entry.
///
/// # Errors
/// Why the entry is skipped.
pub(super) fn kind(head: &[u8]) -> Result<PhotoType, Skipped> {
    if is_archive(head) {
        return Err(Skipped::Archive);
    }
    PhotoType::detect(head).ok_or(Skipped::NotAPhoto)
}

/// Recognises an archive by its first bytes. A document in a ZIP container counts as an archive.
fn is_archive(head: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 10] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x07\x08",
        b"\x1f\x8b\x08",
        b"BZh",
        b"\xfd7zXZ\0",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x28\xb5\x2f\xfd",
        b"MSCF\0\0\0\0",
    ];
    SIGNATURES.iter().any(|signature| head.starts_with(signature)) || head.get(257..262) == Some(b"ustar")
}

/// Reads the unpacked bytes of an entry.
pub(super) enum Content<'a> {
    Stored(&'a [u8]),
    Deflated(DeflateDecoder<&'a [u8]>),
}

impl Content<'_> {
    /// The number of packed bytes that are not read yet.
    pub(super) fn packed_left(&self) -> usize {
        match self {
            Self::Stored(bytes) => bytes.len(),
            Self::Deflated(decoder) => decoder.get_ref().len(),
        }
    }

    /// Whether all packed bytes are read. If some are left at the end, the declared packed size was wrong.
    pub(super) fn is_exhausted(&self) -> bool {
        self.packed_left() == 0
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(bytes) => bytes.read(buffer),
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}
