//! The queue `renditions`: events of the bucket, and photos that a repair found without current renditions

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use futures_util::stream;
use lambda_runtime::Error;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    handlers::worker::Consumer,
    photos::{Described, Description, Dimensions, Library, PhotoName, PhotoRecord, Rendition, TakenAt, read_notice},
    renditions::{Metadata, RECIPE, RenderError, Rendered, Renderer, RenditionStore, Seen, Task},
    storage::{CloudError, Objects, keys},
    users::UserKey,
};

/// How long to wait for the record of a photo. The request that stored the photo records it at once; if it died, an
/// event does so after some seconds.
const RECORD_AFTER: Duration = Duration::from_millis(500);
const MAX_ATTEMPTS: u32 = 20;

/// Makes the renditions of photos, and records what photos say about themselves.
///
/// Renditions are deleted after their photo, whatever order events come in: a deletion's event finds no photo and
/// deletes what is there, and a call that has stored renditions looks whether the photo is still there.
pub struct RenderPhotos {
    pub library: Library,
    pub objects: Objects,
    pub renditions: RenditionStore,
    pub renderer: Renderer,
}

/// Why a message stays in the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("a call to a cloud service failed")]
    Cloud(#[from] CloudError),
    #[error("not rendered")]
    Render(#[from] RenderError),
    #[error("the photo has no record yet")]
    Unrecorded,
}

impl Consumer for RenderPhotos {
    type Task = Vec<Task>;

    /// Leaves time to report the messages that stay in the queue.
    const MARGIN: Duration = Duration::from_secs(2);

    fn read(&self, message: &SqsMessage) -> Option<Vec<Task>> {
        read(message.body.as_deref()?, self.objects.bucket())
    }

    async fn consume(&self, tasks: Vec<Task>, until: Instant) -> Result<(), Error> {
        for task in tasks {
            timeout_at(until, self.render(&task)).await??;
        }
        Ok(())
    }
}

/// The photos that a message is about; `None` if it cannot be read.
fn read(body: &str, bucket: &str) -> Option<Vec<Task>> {
    if let Some(task) = Task::parse(body) {
        return Some(vec![task]);
    }
    let notice = read_notice(body, bucket);
    let tasks = notice.photos.into_iter().flat_map(|(user, changes)| {
        changes.into_iter().map(move |change| Task { user: user.clone(), name: change.name })
    });
    notice.is_understood.then(|| tasks.collect())
}

impl RenderPhotos {
    async fn render(&self, Task { user, name }: &Task) -> Result<(), Failure> {
        let key = keys::photo(user, name);
        let Some(object) = self.objects.get(&key).await? else {
            return Ok(self.renditions.delete(user, name, None).await?);
        };
        let before = self.library.get(user, name).await?;
        if before.as_ref().is_some_and(PhotoRecord::is_rendered) {
            return Ok(());
        }
        let size = object.content_length;
        let start = Instant::now();
        let photo = stream::unfold(object.body, async |mut body| body.next().await.map(|bytes| (bytes, body)));
        let seen = self.renderer.render(photo).await?;
        match &seen.rendered {
            Ok(_) => tracing::info!(
                user = user.as_str(),
                kind = name.kind().extension(),
                size,
                milliseconds = start.elapsed().as_millis(),
                "rendered"
            ),
            Err(reason) => {
                tracing::warn!(
                    user = user.as_str(),
                    kind = name.kind().extension(),
                    size,
                    reason,
                    "cannot be rendered"
                );
            }
        }
        self.store(user, name, seen).await?;
        if !self.objects.exists(&key).await? {
            self.renditions.delete(user, name, None).await?;
        } else if before.is_some_and(|before| before.recipe != 0) {
            // Nobody gets URLs of those of the older recipe any more.
            self.renditions.delete(user, name, Some(RECIPE)).await?;
        }
        Ok(())
    }

    /// Stores the renditions, then records them.
    async fn store(&self, user: &UserKey, name: &PhotoName, seen: Seen) -> Result<(), Failure> {
        let Seen { sha256, crc32, metadata: Metadata { taken_at, place, camera }, rendered } = seen;
        let mut description = Description {
            sha256,
            crc32,
            dimensions: None,
            taken_at: taken_at.as_deref().and_then(TakenAt::parse),
            place,
            camera,
            rendition: Rendition::Unavailable,
            recipe: RECIPE,
            thumbhash: None,
        };
        if let Ok(Rendered { width, height, thumbhash, thumbnail, preview }) = rendered {
            description.dimensions = Some(Dimensions { width, height });
            description.thumbhash = Some(thumbhash);
            description.rendition = Rendition::Ready;
            self.renditions.put(user, name, thumbnail, preview).await?;
        }
        for _ in 0..MAX_ATTEMPTS {
            match self.library.describe(user, name, &description).await? {
                Described::Recorded | Described::Deleted => return Ok(()),
                Described::Unrecorded => sleep(RECORD_AFTER).await,
            }
            if !self.objects.exists(&keys::photo(user, name)).await? {
                return Ok(());
            }
        }
        Err(Failure::Unrecorded)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAME: &str = "20261121T020304056Z_cat.jpg";

    #[test]
    fn a_message_comes_from_the_bucket_or_from_a_repair() {
        let event = |key: &str| json!({"s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
        let tasks = |body: &str| {
            let tasks = read(body, "b")?.into_iter().map(|task| (task.user.to_string(), task.name.to_string()));
            Some(tasks.collect::<Vec<_>>())
        };
        let ann = vec![("ann".to_owned(), NAME.to_owned())];
        let records = json!({"Records": [event(&format!("photos/ann/{NAME}")), event("index/ann/images.json")]});
        assert_eq!(tasks(&records.to_string()), Some(ann.clone()));
        assert_eq!(tasks(&json!({"user": "ann", "filename": NAME}).to_string()), Some(ann));
        assert_eq!(tasks(&json!({"Event": "s3:TestEvent"}).to_string()), Some(vec![]));
        for wrong in ["", "{}", "{\"user\": \"a/b\"}", "{\"Records\": [{}]}"] {
            assert_eq!(tasks(wrong), None, "{wrong}");
        }
    }
}
