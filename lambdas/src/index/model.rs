//! A model of how photo indexes follow photos. A model checker explores it completely: every order in which two photos
//! are uploaded and deleted, two consumers handle the events, two writers handle the messages, and workers crash. They
//! run the decisions of [`protocol`](super::protocol).
//!
//! The model assumes:
//! - An upload or a deletion changes the records and the counter in one transaction and causes one event. Where photos
//!   are counted after they are recorded, their events are handled after that.
//! - An event is delivered at any later time. It returns if its consumer crashes, and may be delivered twice.
//! - A message is delivered at any time after it is due. It returns if its writer crashes. It may be delivered to a
//!   second writer while the first works on it. Then the first writer's crash does not return it, because the second
//!   writer may have deleted it.
//! - A page of records shows one moment, but records may change between two pages. In the model, each photo has its own
//!   page.
//! - A writer writes before its slot ends, and a write whose response it did not see lands before that, because the
//!   function's timeout is shorter than a slot. All other steps may be late by any time.
//! - The clocks of the writers are a little behind those of the consumers and of the queue.
//!
//! Times are relative to now, and only two moments can be awaited: the end of the slot and the end of the trust in a
//! message.

use std::cmp::Reverse;

use stateright::{Checker, Model, Property};

use super::protocol::{self, Claim, Millis, trusted_until};

/// A set of photos, one bit for each.
type Photos = u8;

const NOW: Millis = 0;
const CLOCK_DIFFERENCE: Millis = 1;
const CONSUMERS: usize = 2;
const WRITERS: usize = 2;

/// The protocol, or the protocol without one of its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Like the code.
    Protocol,
    /// `indexScheduled` is set before the message is sent.
    MarkFirst,
    /// `indexScheduled` is set even if a writer claimed a slot in the meantime.
    MarkAlways,
    /// A writer starts although the slot of another is not over.
    NoSlot,
    /// A writer that is refused a slot drops its message.
    DropRefused,
    /// A writer counts the changes after it read the records.
    CountLast,
    /// A writer goes by its own clock only.
    OwnClock,
}

#[derive(Clone, Copy, Debug)]
struct Library {
    way: Way,
    photos: usize,
    /// How many workers may crash.
    crashes: u8,
    /// How many events or messages may be delivered twice.
    copies: u8,
    /// How many messages may be lost, for example to the dead-letter queue.
    losses: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// For each photo, whether it was uploaded, and whether it was deleted after that.
    uploaded: Photos,
    deleted: Photos,
    usage: protocol::State,
    index: Index,
    /// Waiting events. All are equal.
    events: u8,
    /// When the waiting messages are due, in order.
    messages: Vec<Millis>,
    consumers: [Option<Step>; CONSUMERS],
    writers: [Option<Job>; WRITERS],
    /// A write whose writer crashed.
    late: Option<Index>,
    writes_in_slot: u8,
    /// A message was lost, and no event was received since the trust in it ended.
    is_lost: bool,
    crashes_left: u8,
    copies_left: u8,
    losses_left: u8,
}

/// A stored index: its photos and its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Index {
    photos: Photos,
    changes: u64,
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    /// Read the next page of the records.
    Read { changes: u64, pages: usize, seen: Photos },
    /// Write the index.
    Put(Index),
    /// Set `indexed`.
    SetIndexed { changes: u64 },
    /// Send a message.
    Send { due: Millis },
    /// Set `indexScheduled`.
    Mark { due: Millis },
}

/// A writer at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Job {
    step: Step,
    /// Whether the message returns if the writer crashes.
    returns: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Upload {
        photo: usize,
    },
    Delete {
        photo: usize,
    },
    /// A consumer receives an event and reads the state.
    Consume {
        consumer: usize,
        /// Whether the event will be delivered once more.
        again: bool,
    },
    ConsumerStep {
        consumer: usize,
    },
    /// A consumer crashes. Its event returns to the queue.
    ConsumerCrash {
        consumer: usize,
    },
    /// A writer receives a message and claims a slot.
    Receive {
        writer: usize,
        message: usize,
    },
    WriterStep {
        writer: usize,
    },
    /// A writer crashes. Its message returns to the queue.
    WriterCrash {
        writer: usize,
    },
    /// A writer crashes after it sent the index.
    CrashInPut {
        writer: usize,
    },
    /// The index that was sent lands.
    Land,
    /// The message of a working writer is delivered again.
    RepeatMessage {
        writer: usize,
    },
    LoseMessage {
        message: usize,
    },
    /// The slot ends.
    EndSlot,
    /// The waiting message is presumed lost.
    EndTrust,
}

impl State {
    const fn photos(&self) -> Photos {
        self.uploaded & !self.deleted
    }

    const fn is_right(&self) -> bool {
        self.index.photos == self.photos()
    }

    fn is_writing(&self) -> bool {
        self.late.is_some() || self.steps().any(|step| matches!(step, Step::Read { .. } | Step::Put(_)))
    }

    fn is_outstanding(&self) -> bool {
        !self.messages.is_empty() || self.writers.iter().flatten().any(|job| job.returns)
    }

    fn is_trusted(&self) -> bool {
        self.usage.scheduled.is_some() || self.steps().any(|step| matches!(step, Step::Mark { .. }))
    }

    fn has_events(&self) -> bool {
        self.events > 0 || self.consumers.iter().any(Option::is_some)
    }

    /// Every event and message was handled, and all workers are idle.
    fn is_quiet(&self) -> bool {
        !self.has_events()
            && self.messages.is_empty()
            && self.writers.iter().all(Option::is_none)
            && self.late.is_none()
    }

    /// The condition of a claim and of a mark: `attribute_not_exists(indexAfter) OR indexAfter <= :from`.
    fn is_free(&self, from: Millis) -> bool {
        self.usage.after.is_none_or(|after| after <= from)
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.consumers.iter().flatten().chain(self.writers.iter().flatten().map(|job| &job.step))
    }

    fn change(&mut self) {
        self.usage.changes += 1;
        self.events += 1;
    }

    fn put(&mut self, index: Index) {
        self.index = index;
        self.writes_in_slot += 1;
    }

    fn pass(&mut self, time: Millis) {
        let times = [&mut self.usage.after, &mut self.usage.scheduled].into_iter().flatten();
        let steps =
            self.consumers.iter_mut().flatten().chain(self.writers.iter_mut().flatten().map(|job| &mut job.step));
        let dues = steps.filter_map(|step| match step {
            Step::Send { due } | Step::Mark { due } => Some(due),
            Step::Read { .. } | Step::Put(_) | Step::SetIndexed { .. } => None,
        });
        times.chain(dues).chain(&mut self.messages).for_each(|moment| *moment -= time);
    }

    /// Makes states equal that differ only in what nothing depends on: which worker does what, the order of messages,
    /// and how long ago something was.
    fn simplify(&mut self, way: Way) {
        let after = self.usage.after;
        let steps =
            self.consumers.iter_mut().flatten().chain(self.writers.iter_mut().flatten().map(|job| &mut job.step));
        for step in steps {
            if let Step::Send { due } | Step::Mark { due } = step {
                // Once a mark would be refused, it always is.
                let is_refused = way != Way::MarkAlways && after.is_some_and(|after| after > *due);
                *due = if is_refused { NOW - 1 } else { NOW.max(*due) };
            }
        }
        self.usage.after = after.map(|after| after.max(NOW));
        self.usage.scheduled = self.usage.scheduled.filter(|until| *until > NOW);
        for due in &mut self.messages {
            *due = NOW.max(*due);
        }
        self.messages.sort_unstable();
        self.consumers.sort_unstable_by_key(|step| Reverse(*step));
        self.writers.sort_unstable_by_key(|job| Reverse(*job));
    }
}

impl Library {
    fn poke(self, state: &State) -> Option<Step> {
        let due = state.usage.poke(NOW)?;
        Some(if self.way == Way::MarkFirst { Step::Mark { due } } else { Step::Send { due } })
    }

    fn claim(self, state: &mut State, due: Millis) -> Option<Step> {
        let clock = NOW - CLOCK_DIFFERENCE;
        let claim = Claim::new(if self.way == Way::OwnClock { clock } else { due }, clock);
        if !state.is_free(claim.from) && self.way != Way::NoSlot {
            return if self.way == Way::DropRefused { None } else { self.poke(state) };
        }
        state.usage.after = Some(claim.until);
        state.usage.scheduled = None;
        let changes = state.usage.changes;
        (state.usage.indexed < changes).then_some(Step::Read { changes, pages: 0, seen: 0 })
    }

    fn step(self, state: &mut State, step: Step) -> Option<Step> {
        match step {
            Step::Read { changes, pages, seen } => {
                let (pages, seen) = (pages + 1, seen | state.photos() & (1 << pages));
                if pages < self.photos {
                    return Some(Step::Read { changes, pages, seen });
                }
                let changes = if self.way == Way::CountLast { state.usage.changes } else { changes };
                Some(Step::Put(Index { photos: seen, changes }))
            }
            Step::Put(index) => {
                state.put(index);
                Some(Step::SetIndexed { changes: index.changes })
            }
            Step::SetIndexed { changes } => {
                state.usage.indexed = changes.max(state.usage.indexed);
                None
            }
            Step::Send { due } => {
                state.messages.push(due);
                (self.way != Way::MarkFirst).then_some(Step::Mark { due })
            }
            Step::Mark { due } => {
                if self.way == Way::MarkAlways || state.is_free(due) {
                    state.usage.scheduled = Some(trusted_until(due));
                }
                (self.way == Way::MarkFirst).then_some(Step::Send { due })
            }
        }
    }
}

impl Model for Library {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            uploaded: 0,
            deleted: 0,
            usage: protocol::State::default(),
            index: Index { photos: 0, changes: 0 },
            events: 0,
            messages: Vec::new(),
            consumers: [None; CONSUMERS],
            writers: [None; WRITERS],
            late: None,
            writes_in_slot: 0,
            is_lost: false,
            crashes_left: self.crashes,
            copies_left: self.copies,
            losses_left: self.losses,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for photo in 0..self.photos {
            if state.uploaded & (1 << photo) == 0 {
                actions.push(Action::Upload { photo });
            } else if state.deleted & (1 << photo) == 0 {
                actions.push(Action::Delete { photo });
            }
        }
        if state.events > 0
            && let Some(consumer) = state.consumers.iter().position(Option::is_none)
        {
            actions.push(Action::Consume { consumer, again: false });
            if state.copies_left > 0 {
                actions.push(Action::Consume { consumer, again: true });
            }
        }
        for (consumer, step) in state.consumers.iter().enumerate() {
            if step.is_some() {
                actions.push(Action::ConsumerStep { consumer });
                if state.crashes_left > 0 {
                    actions.push(Action::ConsumerCrash { consumer });
                }
            }
        }
        for (message, due) in state.messages.iter().enumerate() {
            // Of equal messages, any one will do.
            if message > 0 && state.messages[message - 1] == *due {
                continue;
            }
            if *due <= NOW
                && let Some(writer) = state.writers.iter().position(Option::is_none)
            {
                actions.push(Action::Receive { writer, message });
            }
            if state.losses_left > 0 {
                actions.push(Action::LoseMessage { message });
            }
        }
        for (writer, job) in state.writers.iter().enumerate() {
            let Some(job) = job else { continue };
            actions.push(Action::WriterStep { writer });
            if state.crashes_left > 0 {
                actions.push(Action::WriterCrash { writer });
                if matches!(job.step, Step::Put(_)) && state.late.is_none() {
                    actions.push(Action::CrashInPut { writer });
                }
            }
            if state.copies_left > 0 && job.returns {
                actions.push(Action::RepeatMessage { writer });
            }
        }
        if state.late.is_some() {
            actions.push(Action::Land);
        }
        if state.usage.after.is_some_and(|after| after > NOW) {
            if !state.is_writing() {
                actions.push(Action::EndSlot);
            }
        } else if state.usage.scheduled.is_some() {
            actions.push(Action::EndTrust);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Upload { photo } => {
                state.uploaded |= 1 << photo;
                state.change();
            }
            Action::Delete { photo } => {
                state.deleted |= 1 << photo;
                state.change();
            }
            Action::Consume { consumer, again } => {
                if again {
                    state.copies_left -= 1;
                } else {
                    state.events -= 1;
                }
                state.is_lost &= state.is_trusted();
                state.consumers[consumer] = self.poke(last);
            }
            Action::ConsumerStep { consumer } => {
                let step = state.consumers[consumer].take()?;
                state.consumers[consumer] = self.step(&mut state, step);
            }
            Action::ConsumerCrash { consumer } => {
                state.crashes_left -= 1;
                state.consumers[consumer] = None;
                state.events += 1;
            }
            Action::Receive { writer, message } => {
                let due = state.messages.remove(message);
                state.writers[writer] = self.claim(&mut state, due).map(|step| Job { step, returns: true });
            }
            Action::WriterStep { writer } => {
                let Job { step, returns } = state.writers[writer].take()?;
                state.writers[writer] = self.step(&mut state, step).map(|step| Job { step, returns });
            }
            Action::WriterCrash { writer } | Action::CrashInPut { writer } => {
                state.crashes_left -= 1;
                let Job { step, returns } = state.writers[writer].take()?;
                if returns {
                    state.messages.push(NOW);
                }
                if let (Step::Put(index), Action::CrashInPut { .. }) = (step, action) {
                    state.late = Some(index);
                }
            }
            Action::Land => {
                let index = state.late.take()?;
                state.put(index);
            }
            Action::RepeatMessage { writer } => {
                state.copies_left -= 1;
                state.writers[writer].as_mut()?.returns = false;
                state.messages.push(NOW);
            }
            Action::LoseMessage { message } => {
                state.losses_left -= 1;
                state.messages.remove(message);
                state.is_lost = true;
            }
            Action::EndSlot => {
                state.pass(last.usage.after?);
                state.writes_in_slot = 0;
            }
            Action::EndTrust => state.pass(last.usage.scheduled?),
        }
        state.simplify(self.way);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(RIGHT, |_, state: &State| !state.is_quiet() || state.is_right() || state.is_lost),
            Property::always(WOKEN, |_, state: &State| {
                state.is_right() || state.has_events() || state.is_outstanding() || state.is_lost
            }),
            Property::always(ONCE, |_, state: &State| state.writes_in_slot <= 1),
            Property::always("an index that counts every change is right", |_, state: &State| {
                state.index.changes != state.usage.changes || state.is_right()
            }),
            Property::always("while a message is scheduled, one is waiting", |_, state: &State| {
                state.usage.scheduled.is_none() || !state.messages.is_empty() || state.is_lost
            }),
            Property::eventually("all becomes quiet", |library: &Self, state: &State| {
                state.is_quiet() && state.deleted.count_ones() as usize == library.photos
            }),
            Property::sometimes("the index holds every photo", |library: &Self, state: &State| {
                state.is_quiet() && state.index.photos.count_ones() as usize == library.photos
            }),
            Property::sometimes("a writer is refused a slot while another reads", |_, state: &State| {
                let mut steps = state.writers.iter().flatten().map(|job| job.step);
                steps.clone().any(|step| matches!(step, Step::Read { .. }))
                    && steps.any(|step| matches!(step, Step::Send { .. }))
            }),
            Property::sometimes("one message stands for several changes", |_, state: &State| {
                state.usage.changes - state.usage.indexed > 1
                    && !state.has_events()
                    && state.messages.len() == 1
                    && state.writers.iter().all(Option::is_none)
            }),
            Property::sometimes("a mark comes after a claim, and is refused", |_, state: &State| {
                state.consumers.iter().flatten().any(|step| matches!(step, Step::Mark { due } if !state.is_free(*due)))
            }),
        ];
        if self.photos > 1 {
            properties.push(Property::sometimes("an index holds a photo of a later change", |_, state: &State| {
                u64::from(state.index.photos.count_ones()) > state.index.changes
            }));
        }
        if self.crashes > 0 {
            properties.push(Property::sometimes("a write lands after the next message is sent", |_, state: &State| {
                state.late.is_some() && state.usage.scheduled.is_some()
            }));
        }
        if self.losses > 0 {
            properties.push(Property::sometimes("a lost message leaves an old index", |_, state: &State| {
                state.is_quiet() && !state.is_right()
            }));
            properties.push(Property::sometimes("a lost message is replaced", |_, state: &State| {
                state.losses_left == 0 && !state.is_lost && state.is_quiet() && state.usage.scheduled.is_none()
            }));
        }
        properties
    }
}

const RIGHT: &str = "when all is quiet, the index equals the records";
const WOKEN: &str = "an index that is not right has an event or a message";
const ONCE: &str = "no slot has two writes";

const PROTOCOL: Library = Library { way: Way::Protocol, photos: 2, crashes: 0, copies: 0, losses: 0 };

fn explore(library: Library) {
    let checker = library.checker().threads(2).spawn_bfs().join();
    println!(
        "{library:?}: {} states visited, {} of them different, {} on the longest way",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

/// Checks that a protocol without one of its rules breaks a property, and prints the shortest way there.
fn break_without(way: Way, crashes: u8, property: &'static str) {
    let library = Library { way, crashes, ..PROTOCOL };
    let find = |depth| {
        let checker = library.checker().target_max_depth(depth).spawn_bfs().join();
        Some((checker.discovery(property)?, checker.state_count()))
    };
    let (path, states) = (2..30).find_map(find).expect("the protocol needs the rule");
    println!("{library:?}: {states} states; the shortest way to break \"{property}\":");
    for (state, action) in path.into_vec() {
        let State { usage, index, events, messages, consumers, writers, .. } = &state;
        println!(
            "  records {:02b}, index {:02b}, {events} events, messages {messages:?}, {usage:?}, {:?}, {:?}",
            state.photos(),
            index.photos,
            consumers.iter().flatten().collect::<Vec<_>>(),
            writers.iter().flatten().map(|job| job.step).collect::<Vec<_>>()
        );
        println!("  {}", action.map_or_else(|| "wrong".to_owned(), |action| format!("{action:?}")));
    }
}

#[test]
fn no_order_of_steps_and_crashes_leaves_an_old_index() {
    explore(Library { crashes: 1, ..PROTOCOL });
}

#[test]
fn no_order_of_repeated_events_and_messages_leaves_an_old_index() {
    explore(Library { copies: 1, ..PROTOCOL });
}

#[test]
fn no_order_of_crashes_and_repeated_messages_leaves_an_old_index() {
    explore(Library { photos: 1, crashes: 2, copies: 1, ..PROTOCOL });
}

/// The first event after the trust in a lost message ends causes another message.
#[test]
fn a_lost_message_stops_the_index_for_a_limited_time() {
    explore(Library { losses: 1, ..PROTOCOL });
    explore(Library { photos: 1, crashes: 1, copies: 1, losses: 1, ..PROTOCOL });
}

#[test]
fn if_a_message_is_marked_before_it_is_sent_a_crash_loses_it() {
    break_without(Way::MarkFirst, 1, RIGHT);
}

/// A message that was handled already would count as outstanding, and the next change would send none.
#[test]
fn if_a_message_is_marked_after_its_claim_the_next_change_is_lost() {
    break_without(Way::MarkAlways, 0, RIGHT);
}

#[test]
fn without_slots_an_old_index_replaces_a_new_one() {
    break_without(Way::NoSlot, 0, RIGHT);
}

#[test]
fn without_slots_two_writes_follow_each_other_at_once() {
    break_without(Way::NoSlot, 0, ONCE);
}

#[test]
fn if_a_refused_message_is_dropped_a_crash_loses_it() {
    break_without(Way::DropRefused, 1, RIGHT);
}

#[test]
fn if_changes_are_counted_after_reading_one_is_lost() {
    break_without(Way::CountLast, 0, RIGHT);
}

/// The writer is refused the slot that its message waited for. The message counts as outstanding, so it sends no other.
#[test]
fn if_a_writer_goes_by_its_own_clock_its_message_is_lost() {
    break_without(Way::OwnClock, 0, RIGHT);
}
