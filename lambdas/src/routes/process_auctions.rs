//! Every minute

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::Error;
use serde::de::IgnoredAny;

use crate::{
    auctions::{Closing, Report},
    events::Handler,
};

/// How long before its end a run begins nothing more: longer than a group of auctions takes.
const MARGIN: Duration = Duration::from_secs(15);

/// Closes the auctions that have ended.
pub struct ProcessAuctions {
    /// What closes them.
    pub closing: Closing,
}

impl Handler for ProcessAuctions {
    type Event = IgnoredAny;
    type Answer = Report;

    async fn handle(&self, _: IgnoredAny, deadline: SystemTime) -> Result<Report, Error> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(MARGIN);
        let report = self.closing.run(Instant::now() + left).await?;
        tracing::info!(closed = report.closed, failed = report.failed, finished = report.finished, "processed");
        // An error is seen by the alarm on errors, and Lambda tries again.
        if report.failed > 0 {
            Err(format!("{} auctions could not be closed", report.failed).into())
        } else {
            Ok(report)
        }
    }
}
