//! The Lambda extension that fetches the issuers' keys for the function in the same sandbox.
//!
//! It fetches the keys while the function starts, and again on an invocation when they are old, and passes them on in a
//! [`KeysFile`]. A fetch never delays an invocation, because the extension requests the next event without waiting for
//! it. Errors with keys are logged and retried. The extension exits only on SHUTDOWN or if the Extensions API fails:
//! Lambda ends the function together with its extension. README.md describes the configuration.

mod api;
mod refresh;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use layer_jwt::{DEFAULT_PATH, Issuers, KeysFile, PATH_VARIABLE, with_sources};
use tokio::sync::Notify;

use api::{ApiError, Event, Extension};
use refresh::Refresher;

/// The age at which keys are fetched again.
const DEFAULT_REFRESH_SECONDS: u64 = 600;

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_target(false).with_current_span(false).init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the asynchronous runtime");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run());
    // A name lookup blocks a thread, which must not delay the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = with_sources(&error), "the extension exits because the Extensions API failed");
            ExitCode::FAILURE
        }
    }
}

/// Handles events until SHUTDOWN.
async fn run() -> Result<(), ApiError> {
    let extension = Extension::register(&own_name()).await?;
    let invoked = Arc::new(Notify::new());
    if let Some(refresher) = refresher() {
        tokio::spawn(refresher.run(Arc::clone(&invoked)));
    }
    loop {
        match extension.next_event().await? {
            Event::Invoke => invoked.notify_one(),
            Event::Shutdown => return Ok(()),
            Event::Unknown => {}
        }
    }
}

/// The file name of this program, by which the Extensions API identifies an extension.
fn own_name() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `None` if there is nothing to fetch. The extension then stays idle; the function reports an invalid configuration.
fn refresher() -> Option<Refresher> {
    let Ok(issuers) = env::var("TRUSTED_ISSUERS") else {
        tracing::info!("TRUSTED_ISSUERS is not set, so there are no keys to fetch");
        return None;
    };
    let issuers = Issuers::from_json(&issuers)
        .inspect_err(|error| tracing::error!(%error, "TRUSTED_ISSUERS is invalid, so no keys are fetched"))
        .ok()?;
    let path = env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()).unwrap_or_else(|| DEFAULT_PATH.into());
    let refresh_after = match env::var("JWT_KEYS_REFRESH_SECONDS").ok().map(|seconds| seconds.parse()) {
        None => DEFAULT_REFRESH_SECONDS,
        Some(Ok(seconds)) => seconds,
        Some(Err(error)) => {
            tracing::error!(%error, "JWT_KEYS_REFRESH_SECONDS is invalid; using {DEFAULT_REFRESH_SECONDS}");
            DEFAULT_REFRESH_SECONDS
        }
    };
    Some(Refresher::new(&issuers, KeysFile::at(path), Duration::from_secs(refresh_after)))
}
