//! The Lambda extension that keeps the issuers' keys for the function beside it.
//!
//! It fetches them while the function starts, and again on an invocation when they have grown old, always beside the
//! invocation and never in its way: the next event is asked for at once. It hands them over in a [`KeysFile`].
//! Whatever error there is with keys is logged and tried again; the extension ends only on SHUTDOWN, since Lambda would
//! end the function with it (as it does after a panic, which there should be none of). It is set by the function's own
//! environment:
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `TRUSTED_ISSUERS` | the issuers | none: it does nothing |
//! | `JWT_KEYS_FILE` | where the keys go | `/tmp/layer-jwt-keys.json` |
//! | `JWT_KEYS_REFRESH_SECONDS` | the age at which keys are fetched again | 600 |

mod api;
mod refresh;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use layer_jwt::{DEFAULT_PATH, Issuers, KeysFile, PATH_VARIABLE};
use tokio::sync::Notify;

use api::{ApiError, Event, Extension};
use refresh::Refresher;

const DEFAULT_REFRESH_SECONDS: u64 = 600;

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_target(false).with_current_span(false).init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the extension can't start");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run());
    // Name look-ups block a thread: they must not delay the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the extension ends: the Extensions API failed");
            ExitCode::FAILURE
        }
    }
}

/// Serves events until SHUTDOWN.
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

/// The Extensions API knows an extension by the name of its file.
fn own_name() -> String {
    let path = env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `None` if there is nothing to fetch. Then the extension goes on all the same: the function says what is wrong.
fn refresher() -> Option<Refresher> {
    let Ok(issuers) = env::var("TRUSTED_ISSUERS") else {
        tracing::info!("TRUSTED_ISSUERS is not set: there are no keys to fetch");
        return None;
    };
    let issuers = Issuers::from_json(&issuers)
        .inspect_err(|error| tracing::error!(%error, "TRUSTED_ISSUERS can't be read: no keys are fetched"))
        .ok()?;
    let path = env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()).unwrap_or_else(|| DEFAULT_PATH.into());
    let refresh_after = match env::var("JWT_KEYS_REFRESH_SECONDS").ok().map(|seconds| seconds.parse()) {
        None => DEFAULT_REFRESH_SECONDS,
        Some(Ok(seconds)) => seconds,
        Some(Err(error)) => {
            tracing::error!(%error, "JWT_KEYS_REFRESH_SECONDS is not a number: it is {DEFAULT_REFRESH_SECONDS}");
            DEFAULT_REFRESH_SECONDS
        }
    };
    Some(Refresher::new(&issuers, KeysFile::at(path), Duration::from_secs(refresh_after)))
}
