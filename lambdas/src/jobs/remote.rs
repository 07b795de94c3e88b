use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use rawzip::ReaderAt;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{
    archive::View,
    storage::{CloudError, Objects, objects::ObjectVersion},
};

/// How much is read at a time.
const BLOCK_BYTES: u64 = 4 << 20;

/// How many blocks are kept: the one that is read, and the end of the archive.
const BLOCKS: usize = 2;

/// An object in the bucket as a file. It reads whole blocks.
pub struct Remote {
    objects: Objects,
    key: String,
    version: ObjectVersion,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The blocks read last, with their positions.
    blocks: Vec<(u64, Bytes)>,
    /// The first error. Reading continues after some errors, so it must be kept.
    failure: Option<CloudError>,
}

impl ReaderAt for Remote {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.version.size {
            return Ok(0);
        }
        let from = offset / BLOCK_BYTES * BLOCK_BYTES;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.blocks.iter().find(|(at, _)| *at == from).map(|(_, block)| block.clone());
        let block = match known {
            Some(block) => block,
            None => match self.runtime.block_on(self.read(from)) {
                Ok(block) => {
                    if state.blocks.len() == BLOCKS {
                        state.blocks.remove(0);
                    }
                    state.blocks.push((from, block.clone()));
                    block
                }
                Err(error) => {
                    state.failure.get_or_insert(error);
                    return Err(io::Error::other("the archive cannot be read"));
                }
            },
        };
        let rest = usize::try_from(offset - from).ok().and_then(|at| block.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(bytes)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(bytes);
        }
        Ok(length)
    }
}

impl Remote {
    async fn read(&self, from: u64) -> Result<Bytes, CloudError> {
        self.objects.read_bytes(&self.key, &self.version, from, from + BLOCK_BYTES).await
    }
}

/// Reads an archive in the bucket, on a thread where reading may block.
///
/// # Errors
/// Any [`CloudError`]. What `read` returns is lost then: it may have taken the error for damage.
pub async fn read_archive<T: Send + 'static>(
    objects: &Objects,
    key: String,
    version: ObjectVersion,
    read: impl FnOnce(View<Arc<Remote>>) -> T + Send + 'static,
) -> Result<T, CloudError> {
    let (objects, runtime, length) = (objects.clone(), Handle::current(), version.size);
    let result = spawn_blocking(move || {
        let remote = Arc::new(Remote { objects, key, version, runtime, state: Mutex::default() });
        let result = read(View::new(Arc::clone(&remote), length));
        let failure = remote.state.lock().unwrap_or_else(PoisonError::into_inner).failure.take();
        failure.map_or(Ok(result), Err)
    });
    result.await.map_err(|error| CloudError::caused("reading an archive failed", error))?
}
