use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Auction, Bid, Party, PictureKey, Status};
use crate::{money::Amount, time::rfc3339};

pub(super) type Item = HashMap<String, AttributeValue>;

/// An item is not what this service stores: the name of the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attribute {0} is missing or wrong")]
pub(super) struct WrongItem(&'static str);

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: Amount) -> AttributeValue {
    AttributeValue::N(value.get().to_string())
}

/// RFC 3339 with milliseconds always has the same length, so the order of the texts is the order of the times.
pub(super) fn time(value: Timestamp) -> AttributeValue {
    text(rfc3339(value))
}

pub(super) fn to_item(auction: &Auction) -> Item {
    let mut item = Item::from([
        ("id".to_owned(), text(auction.id)),
        ("title".to_owned(), text(&auction.title)),
        ("status".to_owned(), text(auction.status.as_str())),
        ("createdAt".to_owned(), time(auction.created_at)),
        ("endingAt".to_owned(), time(auction.ending_at)),
        ("seller".to_owned(), text(&auction.seller.user)),
        ("sellerName".to_owned(), text(&auction.seller.name)),
        ("sellerEmail".to_owned(), text(&auction.seller.email)),
        ("currency".to_owned(), text(auction.currency)),
        ("startingPrice".to_owned(), number(auction.starting_price)),
    ]);
    if let Some(description) = &auction.description {
        item.insert("description".to_owned(), text(description));
    }
    item
}

pub(super) fn from_item(item: &Item) -> Result<Auction, WrongItem> {
    Ok(Auction {
        id: parsed(item, "id", |id| Uuid::try_parse(id).ok())?,
        title: parsed(item, "title", |title| Some(title.to_owned()))?,
        description: optional(item, "description", |description| Some(description.to_owned()))?,
        status: parsed(item, "status", Status::parse)?,
        created_at: parsed(item, "createdAt", |time| time.parse().ok())?,
        ending_at: parsed(item, "endingAt", |time| time.parse().ok())?,
        settled: item.contains_key("settledAt"),
        seller: party(item, "seller", "sellerName", "sellerEmail")?,
        currency: parsed(item, "currency", |code| code.parse().ok())?,
        starting_price: amount(item, "startingPrice")?,
        highest_bid: highest_bid(item)?,
        picture: optional(item, "pictureKey", PictureKey::parse)?,
    })
}

fn highest_bid(item: &Item) -> Result<Option<Bid>, WrongItem> {
    if !item.contains_key("highestBidAmount") {
        return Ok(None);
    }
    Ok(Some(Bid {
        id: parsed(item, "highestBidId", |id| Uuid::try_parse(id).ok())?,
        amount: amount(item, "highestBidAmount")?,
        bidder: party(item, "highestBidder", "highestBidderName", "highestBidderEmail")?,
    }))
}

fn party(item: &Item, user: &'static str, name: &'static str, email: &'static str) -> Result<Party, WrongItem> {
    let text = |attribute| parsed(item, attribute, |text| Some(text.to_owned()));
    Ok(Party { user: text(user)?, name: text(name)?, email: text(email)? })
}

fn amount(item: &Item, attribute: &'static str) -> Result<Amount, WrongItem> {
    let number = item.get(attribute).and_then(|value| value.as_n().ok());
    number.and_then(|number| Amount::new(number.parse().ok()?)).ok_or(WrongItem(attribute))
}

fn parsed<T>(item: &Item, attribute: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, WrongItem> {
    optional(item, attribute, parse)?.ok_or(WrongItem(attribute))
}

fn optional<T>(
    item: &Item,
    attribute: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, WrongItem> {
    let Some(value) = item.get(attribute) else { return Ok(None) };
    value.as_s().ok().and_then(|text| parse(text)).map(Some).ok_or(WrongItem(attribute))
}

#[cfg(test)]
mod tests {
    use super::{super::auction::tests::lamp, *};

    #[test]
    fn an_auction_comes_back_as_it_was_stored() {
        let plain = lamp(500);
        assert!(from_item(&to_item(&plain)) == Ok(plain.clone()));
        let described = Auction { description: Some(String::new()), ..plain };
        assert!(from_item(&to_item(&described)) == Ok(described));
    }

    #[test]
    fn a_broken_item_is_told_by_its_attribute() {
        let mut item = to_item(&lamp(0));
        item.insert("startingPrice".to_owned(), text("5"));
        assert!(from_item(&item) == Err(WrongItem("startingPrice")));
        item.remove("startingPrice");
        assert!(from_item(&item) == Err(WrongItem("startingPrice")));
    }
}
