//! The authorizer of the API, in the mode `authorizer = "lambda"`

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use yourplace::{
    authorize::decide,
    telemetry,
    web::{auth::Auth, event::Event},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let auth = &Auth::from_env()?;
    let decide = async |event: LambdaEvent<Event<_>>| decide(auth, &event.payload.0).await.map_err(Error::from);
    run(service_fn(decide)).await
}
