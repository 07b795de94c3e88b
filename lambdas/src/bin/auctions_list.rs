//! `GET /auctions`

use yourplace::{auctions::AuctionStore, aws, handlers::http::auctions_list::AuctionsList, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let auctions = AuctionStore::from_env(&aws::sdk_config()?)?;
        Ok(AuctionsList { auth: Auth::from_env()?, auctions, presigner: aws::presigner()? })
    })
    .await
}
