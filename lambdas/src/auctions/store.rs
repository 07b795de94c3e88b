use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, builders::PutBuilder},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Auction, Bid, PictureKey, Refusal, Status,
    item::{from_item, to_item},
    pictures,
};
use crate::{
    config::ConfigError,
    storage::{
        CloudError,
        table::{Item, MalformedItem, Table, number, text, time},
    },
};

/// The index by `status` and `endingAt`. It contains all attributes and may lag behind the table.
const INDEX: &str = "statusAndEndDate";

/// How many ended auctions are read per query.
const ENDED_PAGE: i32 = 200;

/// The changes that a bid makes.
const BID: &str = "SET highestBidId = :bid, highestBidAmount = :amount, highestBidder = :bidder, \
                   highestBidderName = :name, highestBidderEmail = :email";

/// When a bid is accepted. [`Auction::refusal`] must agree.
const BID_CONDITION: &str = "#status = :open AND attribute_not_exists(settledAt) AND endingAt > :now \
                             AND seller <> :bidder AND startingPrice <= :amount \
                             AND (attribute_not_exists(highestBidAmount) \
                             OR (highestBidAmount < :amount AND highestBidder <> :bidder))";

/// When a new picture is accepted, provided that no other was set in between.
const PICTURE_CONDITION: &str =
    "#status = :open AND attribute_not_exists(settledAt) AND endingAt > :now AND seller = :caller";

/// When an auction can be settled.
const SETTLE_CONDITION: &str = "#status = :open AND endingAt <= :now";

/// The table of auctions.
#[derive(Clone, Debug)]
pub struct AuctionStore {
    table: Table,
}

/// An auction could not be found, changed or stored.
#[derive(Debug, thiserror::Error)]
pub enum AuctionError {
    #[error("no such auction")]
    NotFound,
    #[error("not the seller")]
    NotSeller,
    #[error("the auction has ended")]
    Closed,
    #[error("the bid is rejected: {0:?}")]
    Refused(Refusal),
    /// The seller has [`MAX_OPEN`](super::MAX_OPEN) open auctions.
    #[error("too many open auctions")]
    TooMany,
    /// All keys that were tried for a picture are taken.
    #[error("no free key for a picture within {} ms", pictures::MAX_ATTEMPTS)]
    Crowded,
    /// A conditional update failed although its condition holds for the values that it returned.
    #[error("rejected without a reason: {0}")]
    Inconsistent(&'static str),
    #[error("the storage of the auctions failed")]
    Storage(#[from] CloudError),
}

/// One page of a list.
pub struct Page {
    /// Soonest end first.
    pub auctions: Vec<Auction>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<Position>,
}

/// A position in the list of one status: that of the last auction before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub ending_at: Timestamp,
    pub id: Uuid,
}

/// The result of setting a picture.
pub struct PictureChange {
    /// As it is now.
    pub auction: Auction,
    /// Pictures that the auction no longer shows. The caller should delete them.
    pub unused: Vec<PictureKey>,
}

/// A page of the auctions that have ended and are not closed.
pub(super) struct Ended {
    pub(super) ids: Vec<Uuid>,
    /// Where the next page starts; `None` on the last page.
    pub(super) next: Option<Item>,
}

impl AuctionStore {
    /// The table that `AUCTIONS_TABLE` names.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { table: Table::from_env(aws, "AUCTIONS_TABLE")? })
    }

    /// Stores a new auction, as part of a transaction. Never replaces one, so bids made since are kept.
    pub(super) fn new_item(&self, auction: &Auction) -> PutBuilder {
        self.table.put(to_item(auction)).condition_expression("attribute_not_exists(id)")
    }

    /// Reads an auction with all changes made so far.
    ///
    /// # Errors
    /// [`AuctionError::NotFound`] and [`AuctionError::Storage`].
    pub async fn get(&self, id: Uuid) -> Result<Auction, AuctionError> {
        let item = self.table.get(Item::from([("id".to_owned(), text(id))])).await?;
        Ok(from_item(&item.ok_or(AuctionError::NotFound)?)?)
    }

    /// Lists at most `limit` auctions of a status after the position `after`, soonest end first. An OPEN auction past
    /// its end is in neither list until the schedule closes it.
    ///
    /// # Errors
    /// [`AuctionError::Storage`].
    pub async fn list(
        &self,
        status: Status,
        now: Timestamp,
        limit: u16,
        after: Option<Position>,
    ) -> Result<Page, AuctionError> {
        let limit = usize::from(limit);
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(INDEX)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.as_str()))
            // One more than shown, to know whether there is a next page.
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX));
        let (query, after) = match status {
            // DynamoDB rejects a start key outside of the key condition. If the auction at `after` has ended meanwhile,
            // all open auctions come after it, so the list starts at its beginning.
            Status::Open => (
                query
                    .key_condition_expression("#status = :status AND endingAt > :now")
                    .expression_attribute_values(":now", time(now)),
                after.filter(|position| position.ending_at > now),
            ),
            Status::Closed => (query.key_condition_expression("#status = :status"), after),
        };
        let start = after.map(|position| {
            Item::from([
                ("id".to_owned(), text(position.id)),
                ("status".to_owned(), text(status.as_str())),
                ("endingAt".to_owned(), time(position.ending_at)),
            ])
        });
        let query = query.set_exclusive_start_key(start);
        let response = query.send().await.map_err(CloudError::from)?;
        let mut auctions = response.items().iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
        let more = auctions.len() > limit || response.last_evaluated_key().is_some();
        auctions.truncate(limit);
        let position = |last: &Auction| Position { ending_at: last.ending_at, id: last.id };
        Ok(Page { next: more.then(|| auctions.last().map(position)).flatten(), auctions })
    }

    /// Makes a bid. One conditional update decides, and nothing is read first. However many bids arrive at once, each
    /// accepted bid is higher than the one before it.
    ///
    /// # Errors
    /// [`AuctionError::NotFound`]; [`AuctionError::Refused`] with the reason, which follows from the values that the
    /// failed condition returns; [`AuctionError::Storage`].
    pub async fn bid(&self, id: Uuid, bid: &Bid, now: Timestamp) -> Result<Auction, AuctionError> {
        let update = self
            .update(id, bid_values(bid, now))
            .update_expression(BID)
            .condition_expression(BID_CONDITION)
            .return_values(ReturnValue::AllNew);
        let old = match decided(update).await? {
            Decision::Done(new) => return Ok(new),
            Decision::Refused(old) => old,
        };
        // The SDK retries a call whose response was lost. If the first attempt was accepted, the retry is rejected, and
        // this bid is the highest. (If it has been outbid in between, the response is `bid-too-low`. This is true as
        // well, and nothing is lost.)
        if old.highest_bid.as_ref().is_some_and(|highest| highest.id == bid.id) {
            return Ok(old);
        }
        match old.refusal(&bid.bidder.user, bid.amount, now) {
            Some(refusal) => Err(AuctionError::Refused(refusal)),
            None => Err(AuctionError::Inconsistent("a bid")),
        }
    }

    /// The current picture of an auction, if `caller` may change it. [`AuctionStore::set_picture`] decides. This check
    /// comes before a picture is stored, so that nobody else can store one.
    ///
    /// # Errors
    /// [`AuctionError::NotFound`], [`AuctionError::NotSeller`], [`AuctionError::Closed`] and [`AuctionError::Storage`].
    pub async fn changeable_picture(
        &self,
        id: Uuid,
        caller: &str,
        now: Timestamp,
    ) -> Result<Option<PictureKey>, AuctionError> {
        let auction = self.get(id).await?;
        picture_refusal(&auction, caller, now).map_or(Ok(auction.picture), Err)
    }

    /// Replaces `before`, the picture of an auction, by `picture`. If another picture was set in between, that one
    /// stays, as if it had replaced this one immediately. If this one were set instead, a retry by the SDK could show a
    /// picture that has since been replaced and deleted.
    ///
    /// # Errors
    /// [`AuctionError::NotFound`], [`AuctionError::NotSeller`] and [`AuctionError::Closed`]: the picture is not shown.
    /// After [`AuctionError::Storage`] it may be shown or not.
    pub async fn set_picture(
        &self,
        id: Uuid,
        caller: &str,
        before: Option<PictureKey>,
        picture: PictureKey,
        now: Timestamp,
    ) -> Result<PictureChange, AuctionError> {
        let mut values = vec![
            (":open", text(Status::Open.as_str())),
            (":now", time(now)),
            (":caller", text(caller)),
            (":picture", text(picture.as_str())),
        ];
        let unchanged = match &before {
            Some(before) => {
                values.push((":before", text(before.as_str())));
                "pictureKey = :before"
            }
            None => "attribute_not_exists(pictureKey)",
        };
        let update = self
            .update(id, values)
            .update_expression("SET pictureKey = :picture")
            .condition_expression(format!("{PICTURE_CONDITION} AND {unchanged}"))
            .return_values(ReturnValue::AllNew);
        let old = match decided(update).await? {
            Decision::Done(auction) => return Ok(PictureChange { auction, unused: before.into_iter().collect() }),
            Decision::Refused(old) => old,
        };
        if old.picture.as_ref() == Some(&picture) {
            // This is a retry by the SDK, and an earlier attempt succeeded.
            return Ok(PictureChange { auction: old, unused: before.into_iter().collect() });
        }
        if let Some(refusal) = picture_refusal(&old, caller, now) {
            return Err(refusal);
        }
        if old.picture == before {
            return Err(AuctionError::Inconsistent("a picture"));
        }
        Ok(PictureChange { auction: old, unused: before.into_iter().chain([picture]).collect() })
    }

    /// Lists auctions that have ended by `now` and are not closed, according to the index. Starts after `after`.
    pub(super) async fn ended(&self, now: Timestamp, after: Option<Item>) -> Result<Ended, AuctionError> {
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(INDEX)
            .key_condition_expression("#status = :open AND endingAt <= :now")
            .projection_expression("id")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":open", text(Status::Open.as_str()))
            .expression_attribute_values(":now", time(now))
            .set_exclusive_start_key(after)
            .limit(ENDED_PAGE);
        let response = query.send().await.map_err(CloudError::from)?;
        let id = |item: &Item| item.get("id").and_then(|id| Uuid::try_parse(id.as_s().ok()?).ok());
        Ok(Ended { ids: response.items().iter().filter_map(id).collect(), next: response.last_evaluated_key })
    }

    /// Stops bids for good and returns the final auction; `None` if it is closed already. May be repeated.
    pub(super) async fn settle(&self, id: Uuid, now: Timestamp) -> Result<Option<Auction>, AuctionError> {
        let values = [(":open", text(Status::Open.as_str())), (":now", time(now))];
        let update = self
            .update(id, values)
            .update_expression("SET settledAt = if_not_exists(settledAt, :now)")
            .condition_expression(SETTLE_CONDITION)
            .return_values(ReturnValue::AllNew);
        match decided(update).await {
            Ok(Decision::Done(auction)) => Ok(Some(auction)),
            Ok(Decision::Refused(_)) | Err(AuctionError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Marks a settled auction as closed. May be repeated.
    pub(super) async fn close(&self, id: Uuid) -> Result<(), AuctionError> {
        let values = [(":open", text(Status::Open.as_str())), (":closed", text(Status::Closed.as_str()))];
        let update = self
            .update(id, values)
            .update_expression("SET #status = :closed")
            .condition_expression("#status = :open AND attribute_exists(settledAt)")
            .return_values(ReturnValue::AllNew);
        match decided(update).await {
            Ok(Decision::Done(_)) | Err(AuctionError::NotFound) => Ok(()),
            Ok(Decision::Refused(old)) if old.status == Status::Closed => Ok(()),
            Ok(Decision::Refused(_)) => Err(AuctionError::Inconsistent("closing an auction that is not settled")),
            Err(error) => Err(error),
        }
    }

    fn update(
        &self,
        id: Uuid,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> UpdateItemFluentBuilder {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key("id", text(id))
            .expression_attribute_names("#status", "status")
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl From<MalformedItem> for AuctionError {
    fn from(error: MalformedItem) -> Self {
        CloudError::from(error).into()
    }
}

/// The result of a conditional update.
enum Decision {
    /// The new values.
    Done(Auction),
    /// The condition failed for these values.
    Refused(Auction),
}

async fn decided(update: UpdateItemFluentBuilder) -> Result<Decision, AuctionError> {
    match update.send().await {
        Ok(response) => Ok(Decision::Done(from_item(response.attributes().ok_or(AuctionError::NotFound)?)?)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(old) if !old.is_empty() => Ok(Decision::Refused(from_item(old)?)),
                _ => Err(AuctionError::NotFound),
            },
            _ => Err(CloudError::from(error).into()),
        },
    }
}

fn bid_values(bid: &Bid, now: Timestamp) -> [(&'static str, AttributeValue); 7] {
    [
        (":open", text(Status::Open.as_str())),
        (":now", time(now)),
        (":bid", text(bid.id)),
        (":amount", number(bid.amount.get())),
        (":bidder", text(&bid.bidder.user)),
        (":name", text(&bid.bidder.name)),
        (":email", text(&bid.bidder.email)),
    ]
}

fn picture_refusal(auction: &Auction, caller: &str, now: Timestamp) -> Option<AuctionError> {
    if auction.seller.user != caller {
        Some(AuctionError::NotSeller)
    } else if auction.is_open(now) {
        None
    } else {
        Some(AuctionError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::{
        super::auction::tests::{amount, at, lamp, party},
        *,
    };

    /// The subset of DynamoDB's condition expressions used here ("Condition and filter expressions", DynamoDB Developer
    /// Guide). A comparison with a missing attribute is false.
    struct Condition<'a> {
        tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
        item: &'a Item,
        values: &'a HashMap<&'static str, AttributeValue>,
    }

    impl<'a> Condition<'a> {
        fn holds(text: &str, item: &'a Item, values: &'a HashMap<&'static str, AttributeValue>) -> bool {
            let spaced = text.replace('(', " ( ").replace(')', " ) ");
            let tokens: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
            let mut condition = Self { tokens: tokens.into_iter().peekable(), item, values };
            let holds = condition.any();
            assert_eq!(condition.tokens.next(), None);
            holds
        }

        fn any(&mut self) -> bool {
            let mut holds = self.all();
            while self.tokens.next_if_eq("OR").is_some() {
                holds |= self.all();
            }
            holds
        }

        fn all(&mut self) -> bool {
            let mut holds = self.one();
            while self.tokens.next_if_eq("AND").is_some() {
                holds &= self.one();
            }
            holds
        }

        fn one(&mut self) -> bool {
            let first = self.tokens.next().unwrap();
            match first.as_str() {
                "(" => {
                    let holds = self.any();
                    assert_eq!(self.tokens.next().unwrap(), ")");
                    holds
                }
                "attribute_not_exists" => {
                    let [_, name, _] = [(); 3].map(|()| self.tokens.next().unwrap());
                    !self.item.contains_key(&name)
                }
                _ => {
                    let (operator, second) = (self.tokens.next().unwrap(), self.tokens.next().unwrap());
                    let (Some(a), Some(b)) = (self.value(&first), self.value(&second)) else { return false };
                    let order = match (a, b) {
                        (AttributeValue::S(a), AttributeValue::S(b)) => a.cmp(b),
                        (AttributeValue::N(a), AttributeValue::N(b)) => {
                            a.parse::<u64>().unwrap().cmp(&b.parse().unwrap())
                        }
                        _ => return false,
                    };
                    match operator.as_str() {
                        "=" => order.is_eq(),
                        "<>" => order.is_ne(),
                        "<" => order.is_lt(),
                        "<=" => order.is_le(),
                        ">" => order.is_gt(),
                        _ => unreachable!("{operator}"),
                    }
                }
            }
        }

        fn value(&self, name: &str) -> Option<&AttributeValue> {
            if name.starts_with(':') { self.values.get(name) } else { self.item.get(name.trim_start_matches('#')) }
        }
    }

    fn with_bid(auction: &Auction, bid: &Bid) -> Item {
        let mut item = to_item(auction);
        let [_, _, id, amount, bidder, name, email] = bid_values(bid, at(0)).map(|(_, value)| value);
        for (attribute, value) in [
            ("highestBidId", id),
            ("highestBidAmount", amount),
            ("highestBidder", bidder),
            ("highestBidderName", name),
            ("highestBidderEmail", email),
        ] {
            item.insert(attribute.to_owned(), value);
        }
        item
    }

    proptest! {
        /// There is a reason for a bid that the condition rejects, and none for a bid that it accepts.
        #[test]
        fn the_condition_and_the_reasons_agree(
            starting_price in 0..4_u64,
            // A stored bid is never zero or below the starting price.
            raise in proptest::option::of((0..5_u64, "[bc]")),
            closed in proptest::bool::weighted(0.1),
            settled in proptest::bool::weighted(0.1),
            bidder in "[abc]",
            bid in 1..10_u64,
            second in 55..65_i64,
        ) {
            let status = if closed { Status::Closed } else { Status::Open };
            let auction = Auction { status, seller: party("a"), ..lamp(starting_price) };
            let mut item = match raise {
                Some((raise, bidder)) => {
                    let highest = amount(auction.minimum_bid() + raise);
                    with_bid(&auction, &Bid::new(highest, party(&bidder)))
                }
                None => to_item(&auction),
            };
            if settled {
                item.insert("settledAt".to_owned(), time(at(60)));
            }
            let values = HashMap::from(bid_values(&Bid::new(amount(bid), party(&bidder)), at(second)));
            let accepted = Condition::holds(BID_CONDITION, &item, &values);
            let refusal = from_item(&item).unwrap().refusal(&bidder, amount(bid), at(second));
            prop_assert_eq!(accepted, refusal.is_none(), "{:?}", refusal);
        }
    }

    #[test]
    fn no_bid_is_accepted_for_a_missing_auction() {
        let values = HashMap::from(bid_values(&Bid::new(amount(5), party("bob")), at(1)));
        assert!(!Condition::holds(BID_CONDITION, &Item::new(), &values));
    }
}
