//! `POST /auctions`

use yourplace::{
    auctions::AuctionStore,
    aws,
    config::{optional, required},
    handlers::http::auctions_create::AuctionsCreate,
    money::Currency,
    users::Handles,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (auctions, handles) = (AuctionStore::from_env(&config)?, Handles::from_env(&config)?);
        let currency = optional("CURRENCY", Currency::EUR)?;
        Ok(AuctionsCreate { auth: Auth::from_env()?, auctions, handles, currency, api_url: required("API_URL")? })
    })
    .await
}
