//! `PATCH /auctions/{id}/bid`

use yourplace::{
    auctions::AuctionStore, aws, config::required, http, http::auth::Auth, routes::auctions_bid::AuctionsBid,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let auctions = AuctionStore::new(aws::dynamodb(&aws), required("AUCTIONS_TABLE")?);
        let presigner = aws::presigner(&required("BUCKET")?)?;
        Ok(AuctionsBid { auth: Auth::from_env()?, auctions, presigner })
    })
    .await
}
