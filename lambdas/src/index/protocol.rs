//! When a user's photo index is written: at most once per [`INTERVAL`], and again after the last change. This file
//! decides; others read and write. `model.rs` explores these decisions in every order of events, messages and crashes.
//!
//! Each change of a user's photos adds one to `changes` and causes an event. Whoever handles the event *pokes* the
//! index ([`State::poke`]), once the photo is counted. If the index is outdated and no message about it is scheduled,
//! that
//! 1. sends a message that is due when the slot of the last write is over, then
//! 2. sets `indexScheduled` to [`trusted_until`], unless a writer claimed a slot in the meantime. The message may have
//!    reached that writer already, and then no other is outstanding.
//!
//! A writer that receives the message
//! 1. claims a slot ([`Claim`]), which removes `indexScheduled` and returns `changes`. If another writer holds the
//!    slot, it pokes the index and is done: the holder may have crashed.
//! 2. reads the photos and writes the index,
//! 3. sets `indexed` to the `changes` of its claim. It needs no other look at `changes`: an event about a later change
//!    finds `indexScheduled` removed and sends the next message.
//!
//! Therefore `indexScheduled` is set only while a message is outstanding, however workers crash. If a message is lost
//! nevertheless, the first event after `indexScheduled` causes another. `GET /me/images` does not depend on any of
//! this: it uses the index only if the index counts every change.

use std::time::Duration;

/// Milliseconds since 1970.
pub(super) type Millis = i64;

/// How long a slot lasts. Each slot has one write at most. The function's timeout must be shorter, by more than clocks
/// differ, so that a writer ends before its slot does and a write whose response it did not see lands before that.
pub(super) const INTERVAL: Millis = 60_000;

/// How long after it was due a message counts as outstanding. After that, it is presumed lost and the next poke sends
/// another. This should exceed the queue's visibility timeout, because a message whose writer crashed before its claim
/// returns only after that. If it does not, a second message is sent, which does no harm.
pub(super) const TRUST: Millis = 6 * 60_000;

/// The longest delay that SQS accepts, in seconds (`DelaySeconds` in "`SendMessage`", Amazon SQS API Reference).
const MAX_DELAY: Millis = 900;

/// What the table knows about a user's photo index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// `changes`: how often the user's photos changed.
    pub(super) changes: u64,
    /// `indexed`: how many of these changes are in the index for certain. 0 if absent.
    pub(super) indexed: u64,
    /// `indexAfter`: when the last slot is over.
    pub(super) after: Option<Millis>,
    /// `indexScheduled`: until when a message counts as outstanding.
    pub(super) scheduled: Option<Millis>,
}

impl State {
    /// Decides at `now` whether a message about the index must be sent. Returns when it is due.
    ///
    /// After it is sent, `indexScheduled` is set on the condition
    /// `attribute_not_exists(indexAfter) OR indexAfter <= :due`, which is false if a writer claimed a slot since this
    /// state was read.
    pub(super) fn poke(&self, now: Millis) -> Option<Millis> {
        let is_outstanding = self.scheduled.is_some_and(|until| until > now);
        (self.indexed < self.changes && !is_outstanding).then(|| self.after.map_or(now, |after| after.max(now)))
    }
}

/// Until when a message that is due at `due` counts as outstanding: the value of `indexScheduled`.
pub(super) const fn trusted_until(due: Millis) -> Millis {
    due + TRUST
}

/// A writer's claim of a slot, made on the condition `attribute_not_exists(indexAfter) OR indexAfter <= :from`. It sets
/// `indexAfter` to `until` and removes `indexScheduled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) from: Millis,
    pub(super) until: Millis,
}

impl Claim {
    /// The claim for a message that was due at `due` and is handled at `now`. A message is never early: if the writer's
    /// clock is behind the sender's, the sender's counts. So a refusal means that another writer has claimed the slot
    /// since the message was decided on.
    pub(super) fn new(due: Millis, now: Millis) -> Self {
        let from = due.max(now);
        Self { from, until: from + INTERVAL }
    }
}

/// How long SQS delays a message that is due at `due` and sent at `now`: whole seconds, rounded up.
pub(super) fn delay(due: Millis, now: Millis) -> Duration {
    let seconds = (due - now).max(0).saturating_add(999) / 1000;
    Duration::from_secs(seconds.min(MAX_DELAY).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_000_000_000;

    #[test]
    fn an_index_that_is_up_to_date_needs_no_message() {
        assert_eq!(State::default().poke(NOW), None);
        assert_eq!(State { changes: 7, indexed: 7, ..State::default() }.poke(NOW), None);
    }

    #[test]
    fn the_first_message_is_due_at_once_and_later_ones_after_the_slot() {
        let state = State { changes: 8, indexed: 7, ..State::default() };
        assert_eq!(state.poke(NOW), Some(NOW));
        assert_eq!(State { after: Some(NOW - 1), ..state }.poke(NOW), Some(NOW));
        assert_eq!(State { after: Some(NOW + 1), ..state }.poke(NOW), Some(NOW + 1));
    }

    #[test]
    fn one_message_at_a_time_is_outstanding_until_it_is_presumed_lost() {
        let due = NOW + INTERVAL;
        let state = State { changes: 8, indexed: 7, after: Some(due), scheduled: Some(trusted_until(due)) };
        assert_eq!(state.poke(NOW), None);
        assert_eq!(state.poke(due + TRUST - 1), None);
        assert_eq!(state.poke(due + TRUST), Some(due + TRUST));
    }

    #[test]
    fn a_slot_begins_now_or_when_the_message_was_due_if_that_is_later() {
        assert_eq!(Claim::new(NOW - 5, NOW), Claim { from: NOW, until: NOW + INTERVAL });
        assert_eq!(Claim::new(NOW + 5, NOW), Claim { from: NOW + 5, until: NOW + 5 + INTERVAL });
    }

    #[test]
    fn a_delay_is_rounded_up_to_what_sqs_accepts() {
        for (due, delay) in [(-1, 0), (0, 0), (1, 1), (1000, 1), (1001, 2), (INTERVAL, 60), (900_001, 900)] {
            assert_eq!(super::delay(NOW + due, NOW).as_secs(), delay, "{due}");
        }
    }
}
