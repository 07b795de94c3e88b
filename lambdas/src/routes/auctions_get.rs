//! `GET /auctions/{id}`

use ::http::StatusCode;

use crate::{
    auctions::AuctionStore,
    http::{Answer, Problem, Request, Route, auth::Auth, json, path::auction_id},
    presign::Presigner,
    time::now,
};

/// Shows an auction.
pub struct AuctionsGet {
    /// Who calls.
    pub auth: Auth,
    /// Where auctions are kept.
    pub auctions: AuctionStore,
    /// Signs the addresses of their pictures.
    pub presigner: Presigner,
}

impl Route for AuctionsGet {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        self.auth.caller(request.headers()).await?;
        let auction = self.auctions.get(auction_id(&request)?).await?;
        json(StatusCode::OK, &auction.show_with_picture(now(), &self.presigner)?)
    }
}
