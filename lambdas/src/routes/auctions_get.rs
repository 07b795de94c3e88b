//! `GET /auctions/{id}`

use ::http::StatusCode;

use crate::{
    auctions::{AuctionStore, PictureStore},
    http::{Answer, Problem, Request, Route, auth::Auth, json, path::auction_id},
    time::now,
};

/// Shows an auction.
pub struct AuctionsGet {
    /// Who calls.
    pub auth: Auth,
    /// Where auctions are kept.
    pub auctions: AuctionStore,
    /// Where their pictures are kept.
    pub pictures: PictureStore,
}

impl Route for AuctionsGet {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        self.auth.caller(request.headers()).await?;
        let auction = self.auctions.get(auction_id(&request)?).await?;
        json(StatusCode::OK, &self.pictures.show(auction, now()).await?)
    }
}
