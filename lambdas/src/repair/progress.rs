use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use std::time::Duration;
use uuid::Uuid;

use crate::{
    config::ConfigError,
    storage::{
        CloudError, ErrorKind,
        table::{Item, MalformedItem, Table, epoch_seconds, number, optional, send, text},
    },
    time::now,
    users::UserKey,
};

/// How long the progress of a run is kept.
const LIFETIME: Duration = Duration::from_hours(90 * 24);

/// The item that tells how far a run has listed the users. No user has this key.
const USERS: &str = "#users";

/// The progress of runs, in the table `library`. The partition `repair#{run}` belongs to no user, because a user's key
/// contains no `#`. Its items are `#users` and one for each user, named like the user.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    table: Table,
}

/// How far a part of a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Start,
    /// The entries up to this key are done.
    After(String),
    /// All entries are done, and the sums are to be checked.
    Compared,
    Done,
}

impl Position {
    /// The last key that is done.
    pub(super) fn after(&self) -> Option<&str> {
        match self {
            Self::After(key) => Some(key),
            Self::Start | Self::Compared | Self::Done => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "compared" => Some(Self::Compared),
            "done" => Some(Self::Done),
            text => text.strip_prefix("after ").map(|key| Self::After(key.to_owned())),
        }
    }

    /// The attribute `at`; `None` if it is absent.
    fn attribute(&self) -> Option<AttributeValue> {
        Some(text(match self {
            Self::Start => return None,
            Self::After(key) => format!("after {key}"),
            Self::Compared => "compared".to_owned(),
            Self::Done => "done".to_owned(),
        }))
    }
}

impl Runs {
    pub(super) fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { table: Table::library(aws)? })
    }

    /// How far a run is with a user; without a user, how far it is with the list of users.
    pub(super) async fn position(&self, run: Uuid, user: Option<&UserKey>) -> Result<Position, CloudError> {
        let Some(item) = self.table.get(key(run, user)).await? else { return Ok(Position::Start) };
        let position: Result<_, MalformedItem> = optional(&item, "at", Position::parse);
        Ok(position?.unwrap_or(Position::Start))
    }

    /// Moves a part of a run on and adds to its counts, unless another call has done so: SQS may deliver a message
    /// twice, and the call that it is delivered to may die after this. So every step counts once.
    pub(super) async fn advance(
        &self,
        run: Uuid,
        user: Option<&UserKey>,
        (from, to): (&Position, &Position),
        counts: &[(&'static str, u64)],
    ) -> Result<(), CloudError> {
        let mut update = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key(run, user)))
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", epoch_seconds(now() + LIFETIME));
        let mut set = "SET #ttl = :ttl".to_owned();
        if let Some(to) = to.attribute() {
            set.push_str(", #at = :to");
            update = update.expression_attribute_values(":to", to);
        }
        update = match from.attribute() {
            Some(from) => update.condition_expression("#at = :from").expression_attribute_values(":from", from),
            None => update.condition_expression("attribute_not_exists(#at)"),
        };
        let mut add = Vec::new();
        for (name, count) in counts {
            add.push(format!("#{name} :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), *name)
                .expression_attribute_values(format!(":{name}"), number(*count));
        }
        let add = if add.is_empty() { String::new() } else { format!(" ADD {}", add.join(", ")) };
        match send(update.update_expression(set + &add)).await.map_err(CloudError::from) {
            Err(error) if error.kind() != ErrorKind::Precondition => Err(error),
            _ => Ok(()),
        }
    }
}

fn key(run: Uuid, user: Option<&UserKey>) -> Item {
    let item = user.map_or(USERS, UserKey::as_str);
    Item::from([("user".to_owned(), text(format!("repair#{run}"))), ("item".to_owned(), text(item))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for position in [
            Position::After(String::new()),
            Position::After("done".to_owned()),
            Position::After("after 20261121T020304056Z_a b.jpg".to_owned()),
            Position::Compared,
            Position::Done,
        ] {
            let attribute = position.attribute().unwrap();
            assert_eq!(Position::parse(attribute.as_s().unwrap()), Some(position));
        }
        assert_eq!(Position::Start.attribute(), None);
        assert_eq!(Position::parse("another"), None);
    }

    #[test]
    fn the_progress_of_a_run_is_in_no_users_partition() {
        let item = key(Uuid::nil(), None);
        for attribute in ["user", "item"] {
            assert_eq!(UserKey::from_segment(item.get(attribute).unwrap().as_s().unwrap()), None);
        }
    }
}
