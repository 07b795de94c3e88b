//! `PATCH /auctions/{id}/bid`

use yourplace::{auctions::AuctionStore, aws, handlers::http::auctions_bid::AuctionsBid, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let auctions = AuctionStore::from_env(&aws::sdk_config()?)?;
        Ok(AuctionsBid { auth: Auth::from_env()?, auctions, presigner: aws::presigner()? })
    })
    .await
}
