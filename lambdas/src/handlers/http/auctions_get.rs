//! `GET /auctions/{id}`

use http::StatusCode;

use crate::{
    auctions::AuctionStore,
    storage::presign::Presigner,
    time::now,
    web::{Problem, Request, Response, Route, auth::Auth, json, path::auction_id},
};

/// Shows an auction.
pub struct AuctionsGet {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub presigner: Presigner,
}

impl Route for AuctionsGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        self.auth.caller(request.headers()).await?;
        let auction = self.auctions.get(auction_id(&request)?).await?;
        json(StatusCode::OK, &auction.show_with_picture(now(), &self.presigner)?)
    }
}
