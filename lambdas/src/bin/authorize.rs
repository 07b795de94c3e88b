//! The authorizer of the API, in the mode `authorizer = "lambda"`

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use yourplace::{authorize::decide, telemetry, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let auth = &Auth::from_env()?;
    run(service_fn(async |event: LambdaEvent<_>| decide(auth, &event.payload).await.map_err(Error::from))).await
}
