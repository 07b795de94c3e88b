use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, future::join_all, stream};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::{AuctionError, AuctionStore};
use crate::{
    mail::{MailQueue, Message},
    telemetry::Chain,
    time::now,
};

/// How many auctions are closed together. Each has at most two emails, and one call queues all emails of a group.
const GROUP: usize = MailQueue::BATCH / 2;

/// How many groups are closed at the same time.
const GROUPS_AT_ONCE: usize = 4;

/// Closes the auctions that have ended.
///
/// Each auction goes through three steps. They can be repeated from the start at any time, by this run, a later run or
/// a concurrent run:
/// 1. It is *settled*: one conditional update stops bids for good and returns the final auction. From then on, neither
///    an index that lags behind nor a bid sent just before the end can make the emails wrong.
/// 2. Its emails are queued.
/// 3. It is marked CLOSED and so leaves the index of open auctions.
///
/// If a run ends between the steps, the auction stays OPEN and the next run queues its emails again. `send_mail` sends
/// each email once.
#[derive(Clone, Debug)]
pub struct Closing {
    pub auctions: AuctionStore,
    pub mails: MailQueue,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Auctions closed by this run or by a concurrent one.
    pub closed: usize,
    /// Auctions left open because of an error, which is logged. The next run retries.
    pub failed: usize,
    /// Whether all ended auctions in the index were processed. If not, the next run continues.
    pub finished: bool,
}

#[derive(Default)]
struct Tally {
    closed: AtomicUsize,
    failed: AtomicUsize,
    postponed: AtomicUsize,
}

impl Closing {
    /// Closes ended auctions. Starts no more after `until`.
    ///
    /// # Errors
    /// [`AuctionError`] if the index cannot be read. Errors of single auctions are logged and counted.
    pub async fn run(&self, until: Instant) -> Result<Report, AuctionError> {
        let now = now();
        let tally = Tally::default();
        let mut after = None;
        loop {
            let page = self.auctions.ended(now, after).await?;
            stream::iter(page.ids.chunks(GROUP))
                .for_each_concurrent(GROUPS_AT_ONCE, |group| self.close_group(group, now, until, &tally))
                .await;
            after = page.next;
            if after.is_none() || Instant::now() >= until {
                break;
            }
        }
        let count = |counter: AtomicUsize| counter.into_inner();
        Ok(Report {
            closed: count(tally.closed),
            failed: count(tally.failed),
            finished: after.is_none() && count(tally.postponed) == 0,
        })
    }

    async fn close_group(&self, group: &[Uuid], now: Timestamp, until: Instant, tally: &Tally) {
        let add = |counter: &AtomicUsize, many| counter.fetch_add(many, Ordering::Relaxed);
        if Instant::now() >= until {
            add(&tally.postponed, group.len());
            return;
        }
        let mut mails = Vec::new();
        for (id, settled) in group.iter().zip(join_all(group.iter().map(|id| self.auctions.settle(*id, now))).await) {
            match settled {
                Ok(Some(auction)) => mails.push((*id, auction.mails())),
                Ok(None) => _ = add(&tally.closed, 1),
                Err(error) => {
                    tracing::error!(auction = %id, error = %Chain(&error), "the auction was not settled");
                    add(&tally.failed, 1);
                }
            }
        }
        let queued = self.queue(mails).await;
        let closed = join_all(queued.iter().map(async |(id, queued)| {
            if !queued {
                return false;
            }
            let closed = self.auctions.close(*id).await;
            if let Err(error) = &closed {
                tracing::error!(auction = %id, error = %Chain(error), "the auction was not closed");
            }
            closed.is_ok()
        }))
        .await;
        for closed in closed {
            add(if closed { &tally.closed } else { &tally.failed }, 1);
        }
    }

    /// Queues the emails of a group in one call. Returns, for each auction, whether all its emails are queued.
    async fn queue(&self, mails: Vec<(Uuid, Vec<Message>)>) -> Vec<(Uuid, bool)> {
        let counts: Vec<(Uuid, usize)> = mails.iter().map(|(id, mails)| (*id, mails.len())).collect();
        let batch: Vec<Message> = mails.into_iter().flat_map(|(_, mails)| mails).collect();
        let sent = self.mails.send(&batch).await.unwrap_or_else(|error| {
            tracing::error!(error = %Chain(&error), "the emails were not queued");
            Vec::new()
        });
        let mut sent = sent.into_iter();
        counts
            .into_iter()
            .map(|(id, count)| (id, (0..count).fold(true, |all, _| sent.next().unwrap_or(false) && all)))
            .collect()
    }
}
