//! Removes users who never confirmed their sign-up, so that their names are free again.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::{
    Client,
    error::ProvideErrorMetadata as _,
    primitives::DateTime,
    types::{UserStatusType, UserType},
};
use tokio::time::Instant;

use super::pool::PoolError;
use crate::{
    config::{ConfigError, required},
    storage::CloudError,
};

/// Only the users that may be deleted. A pool that ignores the filter returns others, too, so the status is checked.
const FILTER: &str = "cognito:user_status = \"UNCONFIRMED\"";

/// The unconfirmed users of the pool.
pub struct UnconfirmedUsers {
    pub(super) cognito: Client,
    pub(super) pool_id: String,
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub users: u64,
    /// Whether there was no time for all.
    pub incomplete: bool,
}

impl UnconfirmedUsers {
    /// The users of the pool that `USER_POOL_ID` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(cognito: Client) -> Result<Self, ConfigError> {
        Ok(Self { cognito, pool_id: required("USER_POOL_ID")? })
    }

    /// Deletes those who signed up more than `age` before `now`. Starts no deletion after `latest`. Keeps one page of
    /// users in memory, at most 60.
    ///
    /// # Errors
    /// The first error of Cognito.
    pub async fn remove(&self, age: Duration, now: DateTime, latest: Instant) -> Result<Removed, PoolError> {
        let before = now.secs().saturating_sub_unsigned(age.as_secs());
        let (mut removed, mut next) = (Removed::default(), None);
        loop {
            let request = self.cognito.list_users().user_pool_id(&self.pool_id).filter(FILTER);
            let page = request.set_pagination_token(next).send().await.map_err(CloudError::without_message)?;
            for user in page.users() {
                let Some(name) = to_remove(user, before) else { continue };
                if Instant::now() >= latest {
                    return Ok(Removed { incomplete: true, ..removed });
                }
                self.delete(name).await?;
                removed.users += 1;
            }
            next = page.pagination_token;
            if next.is_none() {
                return Ok(removed);
            }
        }
    }

    async fn delete(&self, username: &str) -> Result<(), PoolError> {
        match self.cognito.admin_delete_user().user_pool_id(&self.pool_id).username(username).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("UserNotFoundException") => Ok(()),
            Err(error) => Err(CloudError::without_message(error).into()),
        }
    }
}

/// The name of a user who has not confirmed a sign-up from before this time, in seconds since 1970.
fn to_remove(user: &UserType, before: i64) -> Option<&str> {
    let unconfirmed = user.user_status() == Some(&UserStatusType::Unconfirmed);
    let old = user.user_create_date().is_some_and(|created| created.secs() < before);
    user.username().filter(|_| unconfirmed && old)
}
