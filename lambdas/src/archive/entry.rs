use std::io::{self, Read};

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipFileHeaderRecord, ZipSliceArchive};

use super::{
    name,
    report::{Failed, Reason, Skipped},
};

/// As many first bytes of an entry as tell what it is: those of a tar archive are at 257.
pub(super) const HEAD_BYTES: usize = 512;

/// The type of a file in a Unix mode, which is in the upper half of the external attributes (`stat(2)`, `inode(7)`).
const S_IFMT: u32 = 0o170_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFDIR: u32 = 0o040_000;

/// What the directory alone tells about an entry.
///
/// # Errors
/// The reason why the entry need not be read, or cannot be.
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

/// The bytes of an entry, once [`check`] has nothing against them. The directory counts for sizes and checksum;
/// but when the header before the bytes names another file or method, they are not this entry's bytes.
///
/// # Errors
/// [`Failed::Damaged`].
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

/// Tells an archive by its first bytes. Documents that are ZIP archives inside are archives here.
pub(super) fn is_archive(head: &[u8]) -> bool {
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

/// The bytes of an entry as they come out.
pub(super) enum Content<'a> {
    Stored(&'a [u8]),
    Deflated(DeflateDecoder<&'a [u8]>),
}

impl Content<'_> {
    /// How many bytes of the packed entry are not used yet.
    pub(super) fn packed_left(&self) -> usize {
        match self {
            Self::Stored(bytes) => bytes.len(),
            Self::Deflated(decoder) => decoder.get_ref().len(),
        }
    }

    /// Whether nothing comes after the end: otherwise the packed size was a lie.
    pub(super) fn is_used_up(&self) -> bool {
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
