//! Every minute

use std::time::Duration;

use lambda_runtime::Error;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::{
    auctions::{Closing, Report},
    handlers::worker::{Worker, latest_start},
};

/// Longer than closing a group of auctions takes.
const MARGIN: Duration = Duration::from_secs(15);

/// Closes the auctions that have ended.
pub struct ProcessAuctions {
    pub closing: Closing,
}

impl Worker for ProcessAuctions {
    type Event = IgnoredAny;
    type Response = Report;

    async fn handle(&self, _: IgnoredAny, deadline: Instant) -> Result<Report, Error> {
        let report = self.closing.run(latest_start(deadline, MARGIN)).await?;
        tracing::info!(closed = report.closed, failed = report.failed, finished = report.finished, "processed");
        // An error raises the alarm on errors and makes Lambda retry.
        if report.failed > 0 { Err(format!("{} auctions were not closed", report.failed).into()) } else { Ok(report) }
    }
}
