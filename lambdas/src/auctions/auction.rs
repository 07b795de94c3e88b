use jiff::{Timestamp, ToSpan as _};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use uuid::Uuid;

use super::PictureKey;
use crate::{
    mail::{Message, Role, Sale},
    money::{Amount, Currency, whole_number},
    storage::{
        CloudError,
        presign::{PresignError, Presigner},
    },
    time::rfc3339,
    users::{Handles, User},
};

/// An auction as it is stored. It contains email addresses, so it has no `Debug`; [`Auction::show`] makes responses.
#[derive(Clone, PartialEq, Eq)]
pub struct Auction {
    /// UUID version 7: newer ids are greater.
    pub id: Uuid,
    /// Trimmed; 1 to 100 characters.
    pub title: String,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// As last set by `process_auctions`. Bidding ends at [`Auction::ending_at`], even while this is still OPEN.
    pub status: Status,
    /// In whole milliseconds.
    pub created_at: Timestamp,
    /// When bidding ends, in whole milliseconds.
    pub ending_at: Timestamp,
    /// Whether `process_auctions` has begun to close it. From then on, only the status changes.
    pub settled: bool,
    pub seller: Party,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The minimum for the first bid.
    pub starting_price: Amount,
    /// `None` before the first bid.
    pub highest_bid: Option<Bid>,
    /// `None` before the first picture.
    pub picture: Option<PictureKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "AuctionStatus")]
pub enum Status {
    /// Accepts bids until `ending_at`.
    Open,
    Closed,
}

/// A seller or bidder.
#[derive(Clone, PartialEq, Eq)]
pub struct Party {
    /// The user's key.
    pub user: String,
    /// The name shown to others.
    pub name: String,
    /// The email address, verified when the auction or the bid was made.
    pub email: String,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Bid {
    /// Identifies the request. If the SDK retries a call, the retry recognises its own first attempt by this.
    pub id: Uuid,
    /// At least 1.
    pub amount: Amount,
    pub bidder: Party,
}

/// Why a bid is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The auction has ended.
    Closed,
    /// The bidder is the seller.
    Own,
    /// The bidder already has the highest bid.
    AlreadyHighest,
    /// The bid is not above the highest bid, or is below the starting price.
    TooLow {
        /// `None` if there is no bid yet.
        highest: Option<Amount>,
        /// The lowest acceptable bid, in minor units.
        minimum: u64,
    },
}

/// A seller's request for a new auction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NewAuction {
    /// Trimmed; 1 to 100 characters.
    pub title: String,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// The minimum for the first bid.
    #[serde(default)]
    pub starting_price: Amount,
    /// How long it accepts bids: 1 to 10,080 minutes.
    #[serde(default = "an_hour", deserialize_with = "minutes")]
    pub duration_minutes: u16,
}

// As all responses show it, without email addresses.
/// An auction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Auction")]
pub struct AuctionView {
    id: Uuid,
    title: String,
    description: Option<String>,
    status: Status,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    ending_at: String,
    /// The seller's handle.
    seller: String,
    currency: Currency,
    /// The minimum for the first bid, in minor units (cents for the euro).
    starting_price: Amount,
    /// Null before the first bid.
    highest_bid: Option<BidView>,
    /// A presigned URL of the picture; null if there is none. It is valid for 15 minutes.
    picture_url: Option<String>,
}

/// The highest bid of an auction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Bid")]
pub struct BidView {
    amount: Amount,
    /// The bidder's handle.
    bidder: String,
}

impl Status {
    /// As stored, and as in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }

    /// Parses the result of [`Status::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|status| status.as_str() == text)
    }
}

impl Party {
    /// The caller, with their verified email address. Creates the caller's handle if they need one.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn new(user: &User, email: &str, handles: &Handles) -> Result<Self, CloudError> {
        Ok(Self { user: user.key().as_str().to_owned(), name: handles.handle(user).await?, email: email.to_owned() })
    }
}

impl Bid {
    #[must_use]
    pub fn new(amount: Amount, bidder: Party) -> Self {
        Self { id: Uuid::now_v7(), amount, bidder }
    }
}

impl Auction {
    /// An auction that starts at `now`.
    #[must_use]
    pub fn new(new: NewAuction, seller: Party, currency: Currency, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            title: new.title,
            description: new.description,
            status: Status::Open,
            created_at: now,
            ending_at: now + i64::from(new.duration_minutes).minutes(),
            settled: false,
            seller,
            currency,
            starting_price: new.starting_price,
            highest_bid: None,
            picture: None,
        }
    }

    /// Whether it accepts bids at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == Status::Open && !self.settled && self.ending_at > now
    }

    /// The lowest acceptable bid, in minor units.
    #[must_use]
    pub fn minimum_bid(&self) -> u64 {
        match &self.highest_bid {
            Some(highest) => highest.amount.get() + 1,
            None => self.starting_price.get().max(1),
        }
    }

    /// The first reason to reject a bid of `amount` by `bidder` at `now`; `None` if the bid is acceptable. The
    /// conditional update of [`super::AuctionStore::bid`] decides. This gives the reason for its decision and must
    /// agree with it.
    #[must_use]
    pub fn refusal(&self, bidder: &str, amount: Amount, now: Timestamp) -> Option<Refusal> {
        if !self.is_open(now) {
            Some(Refusal::Closed)
        } else if self.seller.user == bidder {
            Some(Refusal::Own)
        } else if self.highest_bid.as_ref().is_some_and(|highest| highest.bidder.user == bidder) {
            Some(Refusal::AlreadyHighest)
        } else if amount.get() < self.minimum_bid() {
            let highest = self.highest_bid.as_ref().map(|highest| highest.amount);
            Some(Refusal::TooLow { highest, minimum: self.minimum_bid() })
        } else {
            None
        }
    }

    /// The auction as shown at `now`, with a presigned URL of its picture.
    ///
    /// # Errors
    /// [`PresignError`].
    pub fn show_with_picture(self, now: Timestamp, presigner: &Presigner) -> Result<AuctionView, PresignError> {
        let picture = self.picture.as_ref();
        let url = picture.map(|key| presigner.presign(key.as_str(), key.kind().media_type(), None)).transpose()?;
        Ok(self.show(now, url))
    }

    /// The auction as shown at `now`. It is shown as CLOSED as soon as it no longer accepts bids.
    #[must_use]
    pub fn show(self, now: Timestamp, picture_url: Option<String>) -> AuctionView {
        let status = if self.is_open(now) { Status::Open } else { Status::Closed };
        AuctionView {
            id: self.id,
            title: self.title,
            description: self.description,
            status,
            created_at: rfc3339(self.created_at),
            ending_at: rfc3339(self.ending_at),
            seller: self.seller.name,
            currency: self.currency,
            starting_price: self.starting_price,
            highest_bid: self.highest_bid.map(|bid| BidView { amount: bid.amount, bidder: bid.bidder.name }),
            picture_url,
        }
    }

    /// The emails to send when it has ended: one to the seller, and one to the highest bidder if there is one.
    #[must_use]
    pub fn mails(&self) -> Vec<Message> {
        let sale = self.highest_bid.as_ref().map(|bid| Sale { amount: bid.amount, bidder: bid.bidder.name.clone() });
        let email = |role, to: &Party| Message {
            auction: self.id,
            role,
            to: to.email.clone(),
            title: self.title.clone(),
            currency: self.currency,
            sale: sale.clone(),
        };
        let to_seller = email(Role::Seller, &self.seller);
        let to_bidder = self.highest_bid.as_ref().map(|bid| email(Role::Bidder, &bid.bidder));
        [Some(to_seller), to_bidder].into_iter().flatten().collect()
    }
}

const fn an_hour() -> u16 {
    60
}

fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    u16::try_from(whole_number(deserializer)?).map_err(D::Error::custom)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn party(user: &str) -> Party {
        Party { user: user.to_owned(), name: user.to_owned(), email: format!("{user}@example.org") }
    }

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    pub(crate) fn amount(minor_units: u64) -> Amount {
        Amount::new(minor_units).unwrap()
    }

    /// An auction from second 0 to second 60.
    pub(crate) fn lamp(starting_price: u64) -> Auction {
        let new = NewAuction {
            title: "A lamp".to_owned(),
            description: None,
            starting_price: amount(starting_price),
            duration_minutes: 1,
        };
        Auction::new(new, party("ann"), Currency::EUR, at(0))
    }

    fn with_bid(starting_price: u64, highest: u64) -> Auction {
        let highest_bid = Some(Bid::new(amount(highest), party("bob")));
        Auction { highest_bid, ..lamp(starting_price) }
    }

    #[test]
    fn bids_stop_at_the_end_whatever_the_status() {
        let lamp = lamp(0);
        assert_eq!(lamp.refusal("bob", amount(1), at(59)), None);
        assert_eq!(lamp.refusal("bob", amount(1), at(60)), Some(Refusal::Closed));
        let closed = Auction { status: Status::Closed, ..lamp.clone() };
        assert_eq!(closed.refusal("bob", amount(1), at(1)), Some(Refusal::Closed));
        let settled = Auction { settled: true, ..lamp };
        assert_eq!(settled.refusal("bob", amount(1), at(1)), Some(Refusal::Closed));
    }

    #[test]
    fn the_first_bid_is_at_least_one_and_the_starting_price() {
        for (starting_price, minimum) in [(0, 1), (1, 1), (500, 500)] {
            let lamp = lamp(starting_price);
            assert_eq!(lamp.refusal("bob", amount(minimum), at(1)), None);
            assert_eq!(
                lamp.refusal("bob", amount(minimum - 1), at(1)),
                Some(Refusal::TooLow { highest: None, minimum })
            );
        }
    }

    #[test]
    fn a_later_bid_must_exceed_the_highest() {
        let lamp = with_bid(500, 700);
        assert_eq!(lamp.refusal("cat", amount(701), at(1)), None);
        let too_low = Refusal::TooLow { highest: Some(amount(700)), minimum: 701 };
        assert_eq!(lamp.refusal("cat", amount(700), at(1)), Some(too_low));
    }

    #[test]
    fn the_first_reason_is_given() {
        let lamp = with_bid(500, 700);
        assert_eq!(lamp.refusal("ann", amount(1), at(60)), Some(Refusal::Closed));
        assert_eq!(lamp.refusal("ann", amount(1), at(1)), Some(Refusal::Own));
        assert_eq!(lamp.refusal("bob", amount(1), at(1)), Some(Refusal::AlreadyHighest));
        assert_eq!(lamp.refusal("bob", amount(900), at(1)), Some(Refusal::AlreadyHighest));
    }

    #[test]
    fn an_ended_auction_is_shown_as_closed_before_the_schedule_closes_it() {
        let shown = |second| lamp(0).show(at(second), None).status;
        assert_eq!(shown(59), Status::Open);
        assert_eq!(shown(60), Status::Closed);
    }

    #[test]
    fn no_response_contains_an_email_address() {
        let shown = serde_json::to_value(with_bid(5, 7).show(at(1), Some("https://picture".to_owned()))).unwrap();
        assert!(!shown.to_string().contains('@'));
        assert_eq!(
            shown,
            serde_json::json!({
                "id": shown["id"], "title": "A lamp", "description": null, "status": "OPEN",
                "created_at": "2027-01-15T08:00:00.000Z", "ending_at": "2027-01-15T08:01:00.000Z",
                "seller": "ann", "currency": "EUR", "starting_price": 5,
                "highest_bid": {"amount": 7, "bidder": "bob"}, "picture_url": "https://picture",
            })
        );
    }

    #[test]
    fn without_bids_only_the_seller_gets_an_email() {
        let recipients = |auction: Auction| {
            auction.mails().iter().map(|email| (email.id(), email.to.clone(), email.sale.is_some())).collect::<Vec<_>>()
        };
        let sold = with_bid(0, 7);
        assert_eq!(
            recipients(sold.clone()),
            [
                (format!("{}:seller", sold.id), "ann@example.org".to_owned(), true),
                (format!("{}:bidder", sold.id), "bob@example.org".to_owned(), true),
            ]
        );
        let unsold = lamp(0);
        assert_eq!(
            recipients(unsold.clone()),
            [(format!("{}:seller", unsold.id), "ann@example.org".to_owned(), false)]
        );
    }
}
