//! `GET /auctions/{id}`

use http::StatusCode;

use crate::{
    auctions::{AuctionStore, AuctionView},
    openapi::{Access, Operation},
    storage::presign::Presigner,
    time::now,
    web::{Problem, Request, Response, Route, auth::Auth, json, path::auction_id, problem::Kind},
};

/// Shows an auction.
pub struct AuctionsGet {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub presigner: Presigner,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /auctions/{id}", "auction", "Auctions", Access::Token, "Show an auction")
            .id("The auction's id")
            .json::<AuctionView>(200, "The auction")
            .problems(&[Kind::NO_SUCH_AUCTION]),
    ]
}

impl Route for AuctionsGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        self.auth.caller(request.headers()).await?;
        let auction = self.auctions.get(auction_id(&request)?).await?;
        json(StatusCode::OK, &auction.show_with_picture(now(), &self.presigner)?)
    }
}
