//! `PATCH /auctions/{id}/bid`

use yourplace::{
    auctions::AuctionStore, aws, handlers::http::auctions_bid::AuctionsBid, users::Handles, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (auctions, handles) = (AuctionStore::from_env(&config)?, Handles::from_env(&config)?);
        Ok(AuctionsBid { auth: Auth::from_env()?, auctions, handles, presigner: aws::presigner()? })
    })
    .await
}
