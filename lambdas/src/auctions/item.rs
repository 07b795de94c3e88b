use super::{Auction, Bid, Party, PictureKey, Status};
use crate::{
    money::Amount,
    storage::table::{Item, MalformedItem, number, optional, required, required_number, text, time},
};
use uuid::Uuid;

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
        ("startingPrice".to_owned(), number(auction.starting_price.get())),
    ]);
    if let Some(description) = &auction.description {
        item.insert("description".to_owned(), text(description));
    }
    item
}

pub(super) fn from_item(item: &Item) -> Result<Auction, MalformedItem> {
    Ok(Auction {
        id: required(item, "id", |id| Uuid::try_parse(id).ok())?,
        title: required(item, "title", |title| Some(title.to_owned()))?,
        description: optional(item, "description", |description| Some(description.to_owned()))?,
        status: required(item, "status", Status::parse)?,
        created_at: required(item, "createdAt", |time| time.parse().ok())?,
        ending_at: required(item, "endingAt", |time| time.parse().ok())?,
        settled: item.contains_key("settledAt"),
        seller: party(item, "seller", "sellerName", "sellerEmail")?,
        currency: required(item, "currency", |code| code.parse().ok())?,
        starting_price: amount(item, "startingPrice")?,
        highest_bid: highest_bid(item)?,
        picture: optional(item, "pictureKey", PictureKey::parse)?,
    })
}

fn highest_bid(item: &Item) -> Result<Option<Bid>, MalformedItem> {
    if !item.contains_key("highestBidAmount") {
        return Ok(None);
    }
    Ok(Some(Bid {
        id: required(item, "highestBidId", |id| Uuid::try_parse(id).ok())?,
        amount: amount(item, "highestBidAmount")?,
        bidder: party(item, "highestBidder", "highestBidderName", "highestBidderEmail")?,
    }))
}

fn party(item: &Item, user: &'static str, name: &'static str, email: &'static str) -> Result<Party, MalformedItem> {
    let text = |attribute| required(item, attribute, |text| Some(text.to_owned()));
    Ok(Party { user: text(user)?, name: text(name)?, email: text(email)? })
}

fn amount(item: &Item, attribute: &'static str) -> Result<Amount, MalformedItem> {
    Amount::new(required_number(item, attribute)?).ok_or(MalformedItem(attribute))
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
    fn a_malformed_item_is_reported_by_its_attribute() {
        let mut item = to_item(&lamp(0));
        item.insert("startingPrice".to_owned(), text("5"));
        assert!(from_item(&item) == Err(MalformedItem("startingPrice")));
        item.remove("startingPrice");
        assert!(from_item(&item) == Err(MalformedItem("startingPrice")));
    }
}
