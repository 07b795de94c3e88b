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

/// How many auctions are closed together: each has two mails at most, and all go to the queue in one call.
const GROUP: usize = MailQueue::BATCH / 2;

/// How many groups are closed at the same time.
const GROUPS_AT_ONCE: usize = 4;

/// Closes the auctions that have ended.
///
/// Each goes through three steps, and can be repeated from the start at any time, by this run, the next or another at
/// once:
/// 1. It is *settled*: one conditional update stops bids for good and returns what they came to. Neither an index that
///    lags behind nor a bid that was sent just before the end can make the mails wrong after this.
/// 2. Its mails are queued.
/// 3. It is marked CLOSED, and so leaves the index of the open ones.
///
/// A run that ends between the steps leaves it OPEN, so the next queues its mails again; `send_mail` sends each once.
#[derive(Clone, Debug)]
pub struct Closing {
    /// What to close.
    pub auctions: AuctionStore,
    /// Where the mails go.
    pub mails: MailQueue,
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Closed by this run or, at the same moment, by another.
    pub closed: usize,
    /// Left open by an error that was logged; the next run tries again.
    pub failed: usize,
    /// Whether the index was seen to its end; if not, the next run goes on.
    pub finished: bool,
}

#[derive(Default)]
struct Tally {
    closed: AtomicUsize,
    failed: AtomicUsize,
    postponed: AtomicUsize,
}

impl Closing {
    /// Closes what has ended, and begins no more at `until`.
    ///
    /// # Errors
    /// When the index cannot be read. What fails for a single auction is logged and counted.
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
                    tracing::error!(auction = %id, error = %Chain(&error), "not settled");
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
            closed.inspect_err(|error| tracing::error!(auction = %id, error = %Chain(&error), "not closed")).is_ok()
        }))
        .await;
        for closed in closed {
            add(if closed { &tally.closed } else { &tally.failed }, 1);
        }
    }

    /// Queues the mails of a group in one call; tells for each auction whether the queue has all of them.
    async fn queue(&self, mails: Vec<(Uuid, Vec<Message>)>) -> Vec<(Uuid, bool)> {
        let counts: Vec<(Uuid, usize)> = mails.iter().map(|(id, mails)| (*id, mails.len())).collect();
        let batch: Vec<Message> = mails.into_iter().flat_map(|(_, mails)| mails).collect();
        let sent = self.mails.send(&batch).await.unwrap_or_else(|error| {
            tracing::error!(error = %Chain(&error), "mails were not queued");
            Vec::new()
        });
        let mut sent = sent.into_iter();
        counts
            .into_iter()
            .map(|(id, count)| (id, (0..count).fold(true, |all, _| sent.next().unwrap_or(false) && all)))
            .collect()
    }
}
