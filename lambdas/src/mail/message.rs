use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::money::{Amount, Currency};

/// A queued email. It contains everything that the email says, so that the sender need not read the auction. It
/// contains an email address, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The id of the auction.
    pub auction: Uuid,
    pub role: Role,
    /// The recipient's email address.
    pub to: String,
    /// The auction's title, as the seller wrote it.
    pub title: String,
    pub currency: Currency,
    /// `None` if there were no bids.
    pub sale: Option<Sale>,
}

/// The highest bid of an auction that has ended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    pub amount: Amount,
    /// The bidder's public name.
    pub bidder: String,
}

/// The recipient's role in the auction. A seller cannot bid, so nobody has both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Seller,
    /// Made the highest bid.
    Bidder,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seller => "seller",
            Self::Bidder => "bidder",
        })
    }
}

impl Message {
    /// The key under which the email is leased: each role of an auction gets one email.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}:{}", self.auction, self.role)
    }
}
