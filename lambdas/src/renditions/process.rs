use std::{
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use flate2::Crc;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::mpsc::{Receiver, channel},
    task::spawn_blocking,
};

use super::{Metadata, Rendered};
use crate::hex::hex;

/// What the process that renders may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of memory. The function has some more for itself.
    pub memory: u64,
    /// From the moment when it has the whole photo to its end.
    pub time: Duration,
}

pub const LIMITS: Limits = Limits { memory: 1_500 << 20, time: Duration::from_secs(40) };

/// How many chunks of a photo wait for the process.
const CHUNKS: usize = 4;

/// The most bytes of an error message that are read.
const MAX_MESSAGE: u64 = 1_000;

/// The most bytes that the process writes: two JPEG files.
const MAX_OUTPUT: u64 = 64 << 20;

/// Decodes each photo in a process of its own, which runs the current program again: this must call
/// `renditions::child::serve` before anything else.
///
/// So a photo that makes a decoder crash, loop or use all memory ends that process only. The process has no
/// credentials: its environment is empty.
#[derive(Clone, Debug)]
pub struct Renderer {
    program: PathBuf,
    time: Duration,
}

/// What is known of a photo once it has been read.
pub struct Seen {
    /// Hexadecimal SHA-256 of its bytes.
    pub sha256: String,
    pub crc32: u32,
    pub metadata: Metadata,
    /// The renditions, or why there are none: then the photo can never be rendered by this program.
    pub rendered: Result<Rendered, String>,
}

/// It is not known whether the photo can be rendered. Trying again may help.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the process that renders cannot be used")]
    Process(#[from] io::Error),
    #[error("the photo cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The second line that the process writes. The bytes of the two files follow.
#[derive(Serialize, Deserialize)]
struct Header {
    width: u32,
    height: u32,
    thumbhash: String,
    thumbnail_bytes: usize,
    preview_bytes: usize,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new()
    }
}

impl Renderer {
    /// Uses the current program.
    #[must_use]
    pub fn new() -> Self {
        Self::of(PathBuf::from("/proc/self/exe"), LIMITS.time)
    }

    /// Uses another program, with less time.
    #[must_use]
    pub const fn of(program: PathBuf, time: Duration) -> Self {
        Self { program, time }
    }

    /// Reads a photo to its end, renders it, and hashes it on the way.
    ///
    /// # Errors
    /// [`RenderError`].
    pub async fn render<E>(&self, photo: impl Stream<Item = Result<Bytes, E>>) -> Result<Seen, RenderError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (program, time) = (self.program.clone(), self.time);
        let (sender, chunks) = channel(CHUNKS);
        let process = spawn_blocking(move || run(&program, chunks, time));
        let mut photo = std::pin::pin!(photo);
        let (mut hash, mut crc) = (Sha256::new(), Crc::new());
        while let Some(bytes) = photo.next().await {
            let bytes = bytes.map_err(|error| RenderError::Source(error.into()))?;
            hash.update(&bytes);
            crc.update(&bytes);
            // A process that has ended needs no more of the photo.
            let _ = sender.send(bytes).await;
        }
        drop(sender);
        let Ended { output, message, status } =
            process.await.map_err(|error| RenderError::Process(io::Error::other(error)))??;
        let (metadata, rest) = match split_line(&output) {
            Some((line, rest)) => (serde_json::from_slice(line).unwrap_or_default(), rest),
            None => (Metadata::default(), &[][..]),
        };
        let rendered = read_rendered(rest).filter(|_| status.success());
        Ok(Seen {
            sha256: hex(&hash.finalize()),
            crc32: crc.sum(),
            metadata,
            rendered: rendered.ok_or_else(|| format!("{status}: {message}")),
        })
    }
}

/// What a process leaves when it has ended.
struct Ended {
    output: Vec<u8>,
    /// Why it failed.
    message: String,
    status: ExitStatus,
}

/// Runs the process until it ends, or for `time` after it got the last chunk.
fn run(program: &Path, mut chunks: Receiver<Bytes>, time: Duration) -> io::Result<Ended> {
    let mut child = Command::new(program)
        .arg(ARGUMENT)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let none = || io::Error::other("the process has no pipes");
    let mut input = child.stdin.take().ok_or_else(none)?;
    let output = child.stdout.take().ok_or_else(none)?.take(MAX_OUTPUT);
    let errors = child.stderr.take().ok_or_else(none)?.take(MAX_MESSAGE);
    let (output, errors) = (read_to_end(output), read_to_end(errors));
    while let Some(bytes) = chunks.blocking_recv() {
        if input.write_all(&bytes).is_err() {
            break;
        }
    }
    drop((input, chunks));
    let read = output.recv_timeout(time);
    if read.is_err() {
        child.kill()?;
    }
    let message = errors.recv().unwrap_or_default();
    let status = child.wait()?;
    Ok(match read {
        Ok(output) => Ended { output, message: String::from_utf8_lossy(&message).trim().to_owned(), status },
        Err(_) => Ended { output: Vec::new(), message: "took too long".to_owned(), status },
    })
}

/// Reads a pipe in a thread, because the process may write to both of its pipes at once.
fn read_to_end(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, bytes) = mpsc::channel();
    thread::spawn(move || {
        let mut read = Vec::new();
        // What comes before an error counts.
        let _ = pipe.read_to_end(&mut read);
        let _ = sender.send(read);
    });
    bytes
}

/// The only argument of a process that renders.
pub const ARGUMENT: &str = "render-a-photo";

/// The first line that the process writes. It comes before the photo is decoded, so it is known even if that fails.
#[must_use]
pub fn write_metadata(metadata: &Metadata) -> Vec<u8> {
    let mut line = serde_json::to_vec(metadata).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What the process writes after the metadata.
#[must_use]
pub fn write_rendered(rendered: &Rendered) -> Vec<u8> {
    let Rendered { width, height, thumbhash, thumbnail, preview } = rendered;
    let header = Header {
        width: *width,
        height: *height,
        thumbhash: thumbhash.clone(),
        thumbnail_bytes: thumbnail.len(),
        preview_bytes: preview.len(),
    };
    let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend_from_slice(thumbnail);
    bytes.extend_from_slice(preview);
    bytes
}

fn read_rendered(bytes: &[u8]) -> Option<Rendered> {
    let (line, files) = split_line(bytes)?;
    let Header { width, height, thumbhash, thumbnail_bytes, preview_bytes } = serde_json::from_slice(line).ok()?;
    let (thumbnail, preview) = files.split_at_checked(thumbnail_bytes)?;
    (preview.len() == preview_bytes).then(|| Rendered {
        width,
        height,
        thumbhash,
        thumbnail: thumbnail.to_vec(),
        preview: preview.to_vec(),
    })
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_writes_is_read_again() {
        let rendered = Rendered {
            width: 4_000,
            height: 3_000,
            thumbhash: "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned(),
            thumbnail: b"\xFF\xD8\n".to_vec(),
            preview: b"\n\xFF\xD9".to_vec(),
        };
        let written = write_rendered(&rendered);
        assert!(read_rendered(&written).is_some_and(|read| read == rendered));
        for cut in 0..written.len() {
            assert!(read_rendered(&written[..cut]).is_none());
        }
    }
}
