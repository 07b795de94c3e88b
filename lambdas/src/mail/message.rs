use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::money::{Amount, Currency};

/// A mail as it waits in the queue: all that is needed to write it, so that the sender need not read the auction.
/// Holds a mail address, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The auction that has ended.
    pub auction: Uuid,
    /// What the receiver was in it.
    pub role: Role,
    /// The receiver's mail address.
    pub to: String,
    /// Of the auction, as the seller wrote it.
    pub title: String,
    /// Of the amounts.
    pub currency: Currency,
    /// The highest bid; none when nobody made one.
    pub sale: Option<Sale>,
}

/// How an auction came out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Of the highest bid.
    pub amount: Amount,
    /// The public name of who made it.
    pub bidder: String,
}

/// What the receiver of a mail was in the auction. Nobody is both: a seller cannot bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sold it.
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
    /// What a mail is claimed by: there is one to each role of an auction.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}:{}", self.auction, self.role)
    }
}
