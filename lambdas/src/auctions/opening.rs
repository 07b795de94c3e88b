use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Auction, AuctionError, AuctionStore};
use crate::{
    storage::{
        CloudError,
        table::{Table, Write, item_key, number, send},
    },
    time::rfc3339,
    users::UserKey,
};

/// How many auctions a user may have open at the same time.
pub const MAX_OPEN: usize = 20;

/// The item that counts a user's open auctions.
const OPEN_AUCTIONS: &str = "auctions";

/// Opens auctions, at most [`MAX_OPEN`] per user at the same time.
///
/// The item `auctions` in the user's partition of the table `library` has the set `open` of `{endingAt}#{id}`. The end
/// of an auction never changes, so members that have ended are recognised without reading the auctions. They stay in
/// the set until it is full.
#[derive(Clone, Debug)]
pub struct Opening {
    pub auctions: AuctionStore,
    pub library: Table,
}

impl Opening {
    /// Stores a new auction of `seller`.
    ///
    /// # Errors
    /// [`AuctionError::TooMany`] if the seller has [`MAX_OPEN`] open auctions; [`AuctionError::Storage`].
    pub async fn open(&self, seller: &UserKey, auction: &Auction) -> Result<(), AuctionError> {
        if self.create(seller, auction).await? {
            return Ok(());
        }
        if self.make_room(seller, auction.created_at).await? && self.create(seller, auction).await? {
            return Ok(());
        }
        Err(AuctionError::TooMany)
    }

    /// Stores an auction and counts it, in one transaction. Returns false if the set is full.
    async fn create(&self, seller: &UserKey, auction: &Auction) -> Result<bool, CloudError> {
        let count = self
            .library
            .update(item_key(seller, OPEN_AUCTIONS))
            .update_expression("ADD #open :member")
            .condition_expression("attribute_not_exists(#open) OR size(#open) < :max")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":member", AttributeValue::Ss(vec![member(auction)]))
            .expression_attribute_values(":max", number(MAX_OPEN as u64));
        let writes = vec![Write::Put(self.auctions.new_item(auction)), Write::Update(count)];
        Ok(match self.library.transact(writes).await? {
            None => true,
            // The id is new. If it is taken, an earlier attempt stored the auction, and its response was lost.
            Some(failed) => failed.first() == Some(&true),
        })
    }

    /// Removes the auctions that have ended by `now` from the set. Returns whether it has room for another one.
    async fn make_room(&self, seller: &UserKey, now: Timestamp) -> Result<bool, CloudError> {
        let item = self.library.get(item_key(seller, OPEN_AUCTIONS)).await?.unwrap_or_default();
        let members = item.get("open").and_then(|open| open.as_ss().ok()).map(Vec::as_slice).unwrap_or_default();
        let ended: Vec<_> = members.iter().filter(|member| has_ended(member, now)).cloned().collect();
        let open = members.len() - ended.len();
        if !ended.is_empty() {
            let update = self
                .library
                .client
                .update_item()
                .table_name(&self.library.name)
                .set_key(Some(item_key(seller, OPEN_AUCTIONS)))
                .update_expression("DELETE #open :ended")
                .expression_attribute_names("#open", "open")
                .expression_attribute_values(":ended", AttributeValue::Ss(ended));
            send(update).await?;
        }
        Ok(open < MAX_OPEN)
    }
}

fn member(auction: &Auction) -> String {
    format!("{}#{}", rfc3339(auction.ending_at), auction.id)
}

/// Whether the auction of a member has ended. All times have one length, so their texts compare like the times.
fn has_ended(member: &str, now: Timestamp) -> bool {
    member.split_once('#').is_some_and(|(ending_at, _)| *ending_at <= *rfc3339(now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::auction::tests::{at, lamp},
        *,
    };

    #[test]
    fn a_member_counts_until_its_auction_ends() {
        let lamp = lamp(0);
        let member = member(&lamp);
        for (now, open) in [(at(0), true), (at(60) - Duration::from_millis(1), true), (at(60), false), (at(61), false)]
        {
            assert_eq!((lamp.is_open(now), !has_ended(&member, now)), (open, open), "{now}");
        }
    }
}
