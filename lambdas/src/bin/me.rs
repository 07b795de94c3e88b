//! `GET /me` and `PUT /me`

use yourplace::{
    aws,
    config::required,
    http,
    http::auth::Auth,
    index::{Dictionaries, Records},
    routes::me::Me,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let (s3, bucket) = (aws::s3(&aws::sdk_config()?), required("BUCKET")?);
        let records = Records::new(s3.clone(), bucket.clone());
        Ok(Me { auth: Auth::from_env()?, records, dictionaries: Dictionaries::new(s3, bucket) })
    })
    .await
}
