//! `PATCH /auctions/{id}/bid`

use http::StatusCode;
use serde::Deserialize;

use crate::{
    auctions::{AuctionStore, AuctionView, Bid, Party},
    money::Amount,
    openapi::{Access, Operation},
    storage::presign::Presigner,
    time::now,
    users::Handles,
    web::{Problem, Request, Response, Route, auth::Auth, json, path::auction_id, problem::Kind, schema},
};

/// Places a bid.
pub struct AuctionsBid {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub handles: Handles,
    pub presigner: Presigner,
}

#[derive(Debug, Deserialize)]
struct NewBid {
    amount: Amount,
}

/// Validates the body.
#[jsonschema::validator(
    path = "src/handlers/http/auctions_bid.schema.json",
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Body;

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("PATCH /auctions/{id}/bid", "bid", "Auctions", Access::Token, "Place a bid")
            .id("The auction's id")
            .checked_body(include_str!("auctions_bid.schema.json"))
            .json::<AuctionView>(200, "The auction with the new highest bid")
            .problems(&[
                Kind::EMAIL_REQUIRED,
                Kind::NO_SUCH_AUCTION,
                Kind::AUCTION_CLOSED,
                Kind::OWN_AUCTION,
                Kind::ALREADY_HIGHEST,
                Kind::BID_TOO_LOW,
            ]),
    ]
}

impl Route for AuctionsBid {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let email = user.email().ok_or_else(Problem::email_required)?;
        let id = auction_id(&request)?;
        let new: NewBid = schema::read(Body::iter_errors, schema::members(&request)?)?;
        let bidder = Party::new(&user, email, &self.handles).await?;
        let now = now();
        let auction = self.auctions.bid(id, &Bid::new(new.amount, bidder), now).await?;
        json(StatusCode::OK, &auction.show_with_picture(now, &self.presigner)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::web::problem::tests::invalid_members;

    fn read(body: Value) -> Result<NewBid, Problem> {
        let Value::Object(members) = body else { unreachable!() };
        schema::read(Body::iter_errors, members)
    }

    #[test]
    fn absurd_amounts_are_refused() {
        for (amount, details) in [
            (json!(0), vec!["must be at least 1"]),
            (json!(-5), vec!["must be at least 1"]),
            (json!(-0.5), vec!["must be a whole number", "must be at least 1"]),
            (json!(1.5), vec!["must be a whole number"]),
            (json!("5"), vec!["must be a whole number"]),
            (json!(null), vec!["must be a whole number"]),
            (json!(true), vec!["must be a whole number"]),
            (json!(1_u64 << 53), vec!["must be at most 9007199254740991"]),
            (json!(1_u64 << 63), vec!["must be at most 9007199254740991"]),
            (json!(1e300), vec!["must be at most 9007199254740991"]),
        ] {
            let wrong = invalid_members(&read(json!({"amount": amount})).unwrap_err());
            let expected: Vec<_> =
                details.into_iter().map(|detail| ("/amount".to_owned(), detail.to_owned())).collect();
            assert_eq!(wrong, expected, "{amount}");
        }
    }

    #[test]
    fn the_largest_amount_is_accepted() {
        assert_eq!(read(json!({"amount": (1_u64 << 53) - 1})).unwrap().amount, Amount::MAX);
    }
}
