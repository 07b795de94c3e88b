use aws_sdk_dynamodb::types::ReturnValue;

use serde::Deserialize;

use super::UserKey;
use crate::{
    storage::{
        CloudError,
        table::{Table, item_key, optional, required, send, text, time},
    },
    time::now,
};

/// The records in the table `library`: the item `record` of their user.
#[derive(Clone, Debug)]
pub struct Records {
    table: Table,
}

/// What is stored about a user, under a key that names the user. The user name and the email address are not stored:
/// they are in the caller's verified token, and a copy would be wrong once they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// The user's preferred name.
    pub display_name: Option<String>,
    /// When the record was created; RFC 3339 in UTC with milliseconds.
    pub created_at: String,
}

impl Records {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Reads a user's record, or creates it. If two calls find none, one of them creates it and both return it.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get(&self, user: &UserKey) -> Result<Record, CloudError> {
        self.update(user, "", None).await
    }

    /// Changes the display name in a user's record, and creates the record if there is none.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn rename(&self, user: &UserKey, name: Option<&str>) -> Result<Record, CloudError> {
        self.update(user, ", displayName = :name", Some(name.unwrap_or_default())).await
    }

    /// Takes over a record that an earlier version stored. What the user has set since stays.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn take_over(&self, user: &UserKey, old: &Record) -> Result<(), CloudError> {
        let update =
            self.table.client.update_item().table_name(&self.table.name).set_key(Some(item_key(user, "record")));
        let update = update.expression_attribute_values(":createdAt", text(&old.created_at));
        let update = match &old.display_name {
            Some(name) => update
                .update_expression("SET createdAt = :createdAt, displayName = if_not_exists(displayName, :name)")
                .expression_attribute_values(":name", text(name)),
            None => update.update_expression("SET createdAt = :createdAt"),
        };
        send(update).await?;
        Ok(())
    }

    async fn update(&self, user: &UserKey, change: &str, name: Option<&str>) -> Result<Record, CloudError> {
        let update = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(item_key(user, "record")))
            .update_expression(format!("SET createdAt = if_not_exists(createdAt, :now){change}"))
            .expression_attribute_values(":now", time(now()))
            .return_values(ReturnValue::AllNew);
        let update = match name {
            Some(name) => update.expression_attribute_values(":name", text(name)),
            None => update,
        };
        let updated = send(update).await?;
        let item = updated.attributes.ok_or_else(|| CloudError::unusable("an update returned no item"))?;
        let owned = |text: &str| Some(text.to_owned());
        Ok(Record {
            // A name that was set to null is an empty text, so that it differs from one that was never set.
            display_name: optional(&item, "displayName", owned)?.filter(|name| !name.is_empty()),
            created_at: required(&item, "createdAt", owned)?,
        })
    }
}
