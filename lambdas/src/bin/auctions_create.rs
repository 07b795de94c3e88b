//! `POST /auctions`

use yourplace::{
    auctions::{AuctionStore, Opening},
    aws,
    config::{optional, required},
    handlers::http::auctions_create::AuctionsCreate,
    money::Currency,
    storage::table::Table,
    users::Handles,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let opening = Opening { auctions: AuctionStore::from_env(&config)?, library: Table::library(&config)? };
        let handles = Handles::from_env(&config)?;
        let currency = optional("CURRENCY", Currency::EUR)?;
        Ok(AuctionsCreate { auth: Auth::from_env()?, opening, handles, currency, api_url: required("API_URL")? })
    })
    .await
}
