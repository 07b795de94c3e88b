//! `GET /auctions/{id}`

use yourplace::{auctions::AuctionStore, aws, handlers::http::auctions_get::AuctionsGet, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let auctions = AuctionStore::from_env(&aws::sdk_config()?)?;
        Ok(AuctionsGet { auth: Auth::from_env()?, auctions, presigner: aws::presigner()? })
    })
    .await
}
