use super::{
    images::{PhotoIndex, PhotoIndexStore},
    protocol::{Claim, Millis},
    schedule::{IndexSchedule, now_millis},
};
use crate::{
    photos::{Library, USAGE, Usage},
    storage::{
        CloudError, ErrorKind,
        table::{item_key, millis, number, send},
    },
    users::UserKey,
};

/// Writes the photo indexes. See [`super::protocol`].
#[derive(Clone, Debug)]
pub struct Indexer {
    pub library: Library,
    pub indexes: PhotoIndexStore,
    pub schedule: IndexSchedule,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexed {
    /// The index contains this many changes.
    Written(u64),
    /// It was right already.
    Current,
    /// It was written less than a minute ago. If it is outdated, another message is on its way.
    TooSoon,
}

impl Indexer {
    /// Handles a message that was due at `due`.
    ///
    /// # Errors
    /// After an error, the message must be handled again.
    pub async fn index(&self, user: &UserKey, due: Millis) -> Result<Indexed, CloudError> {
        let Some(usage) = self.claim(user, Claim::new(due, now_millis())).await? else {
            self.schedule.poke(user).await?;
            return Ok(Indexed::TooSoon);
        };
        if usage.indexed >= usage.changes {
            return Ok(Indexed::Current);
        }
        let index = PhotoIndex::read(&self.library, user).await?;
        self.indexes.write(user, index, usage.changes).await?;
        self.confirm(user, usage.changes).await?;
        Ok(Indexed::Written(usage.changes))
    }

    /// Claims a slot. Returns the usage at that moment; `None` if another call holds the slot.
    async fn claim(&self, user: &UserKey, claim: Claim) -> Result<Option<Usage>, CloudError> {
        let update = self
            .update(user)
            .update_expression("SET indexAfter = :until REMOVE indexScheduled")
            .condition_expression("attribute_not_exists(indexAfter) OR indexAfter <= :from")
            .expression_attribute_values(":until", millis(claim.until))
            .expression_attribute_values(":from", millis(claim.from))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        match send(update).await.map_err(CloudError::from) {
            Ok(updated) => Ok(Some(Usage::from_item(updated.attributes.as_ref()))),
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn confirm(&self, user: &UserKey, changes: u64) -> Result<(), CloudError> {
        let update = self
            .update(user)
            .update_expression("SET #indexed = :changes")
            .condition_expression("attribute_not_exists(#indexed) OR #indexed < :changes")
            .expression_attribute_names("#indexed", "indexed")
            .expression_attribute_values(":changes", number(changes));
        match send(update).await.map_err(CloudError::from) {
            Err(error) if error.kind() != ErrorKind::Precondition => Err(error),
            _ => Ok(()),
        }
    }

    fn update(&self, user: &UserKey) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let table = self.library.table();
        table.client.update_item().table_name(&table.name).set_key(Some(item_key(user, USAGE)))
    }
}
