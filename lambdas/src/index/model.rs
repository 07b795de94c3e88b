//! A model of how photo indexes follow folders. A model checker explores it completely: every interleaving of two
//! photos that are uploaded and deleted, and two indexers that may crash at any step. The indexers run [`Protocol`],
//! the code of [`Indexer`](super::Indexer).
//!
//! The model assumes:
//! - A page of a listing shows the folder at one moment, as S3 guarantees ("Amazon S3 data consistency model"). A whole
//!   listing does not, because the folder may change between two pages. In the model, each photo is on its own page.
//! - Each change of a folder causes a message, at any later time. A message exists until it is handled, and may be
//!   handled once more after that.
//! - A write whose result the indexer did not see lands before its messages are handled again, because they stay hidden
//!   for six times as long as a function can run.

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::indexer::{Next, Protocol};

/// A set of photos, one bit for each.
type Photos = u8;

const PHOTOS: usize = 2;
const INDEXERS: usize = 2;

/// How an indexer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Like the code.
    ListAgain,
    /// Without the listing after the write.
    ListOnce,
    /// Without it, too. But the write succeeds only if the index is still what it was before the listing, according to
    /// its `ETag`, which identifies its text.
    WriteConditionally,
}

#[derive(Clone, Copy, Debug)]
struct Folder {
    way: Way,
    /// How often an indexer may fail.
    crashes: u8,
    /// How many messages may be delivered twice.
    copies: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// For each photo, whether it was uploaded, and whether it was deleted after that.
    uploaded: Photos,
    deleted: Photos,
    dictionary: Photos,
    /// Waiting messages. All are equal.
    messages: u8,
    indexers: [Indexer; INDEXERS],
    /// A write whose indexer crashed, and the messages that return to the queue after it.
    late: Option<(Photos, u8)>,
    crashes_left: u8,
    copies_left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Indexer {
    Idle,
    Listing { task: Task, pages: usize, seen: Photos },
    Writing { task: Task, listing: Photos },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Task {
    /// How many messages it handles.
    messages: u8,
    protocol: Protocol<Photos>,
    /// The index before the listing.
    before: Photos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Upload {
        photo: usize,
    },
    Delete {
        photo: usize,
    },
    /// A message is delivered again although it was handled or is being handled.
    Repeat,
    /// An indexer receives a batch.
    Take {
        indexer: usize,
        messages: u8,
    },
    /// An indexer lists a page, or writes.
    Step {
        indexer: usize,
    },
    /// An indexer crashes. Its messages return to the queue.
    Crash {
        indexer: usize,
    },
    /// An indexer crashes after it sent a write.
    CrashInWrite {
        indexer: usize,
    },
    /// The write that was sent lands.
    Land,
}

impl State {
    const fn photos(&self) -> Photos {
        self.uploaded & !self.deleted
    }

    /// Every message was handled, and both indexers are idle.
    fn is_quiet(&self) -> bool {
        self.messages == 0 && self.late.is_none() && self.indexers.iter().all(|indexer| *indexer == Indexer::Idle)
    }
}

impl Folder {
    fn listing(self, state: &State, mut task: Task) -> Indexer {
        task.before = if self.way == Way::WriteConditionally { state.dictionary } else { 0 };
        Indexer::Listing { task, pages: 0, seen: 0 }
    }

    fn step(self, state: &mut State, indexer: Indexer) -> Indexer {
        match indexer {
            Indexer::Idle => Indexer::Idle,
            Indexer::Listing { task, pages, seen } if pages < PHOTOS => {
                Indexer::Listing { task, pages: pages + 1, seen: seen | state.photos() & (1 << pages) }
            }
            Indexer::Listing { mut task, seen, .. } => match task.protocol.listed(seen) {
                Next::Write => Indexer::Writing { task, listing: seen },
                Next::Wait(_) => self.listing(state, task),
                Next::Done => Indexer::Idle,
                Next::GiveUp => {
                    state.messages += task.messages;
                    Indexer::Idle
                }
            },
            Indexer::Writing { task, listing } => match self.way {
                Way::WriteConditionally if state.dictionary != task.before => {
                    state.messages += task.messages;
                    Indexer::Idle
                }
                Way::ListAgain => {
                    state.dictionary = listing;
                    self.listing(state, task)
                }
                Way::ListOnce | Way::WriteConditionally => {
                    state.dictionary = listing;
                    Indexer::Idle
                }
            },
        }
    }
}

impl Model for Folder {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            uploaded: 0,
            deleted: 0,
            dictionary: 0,
            messages: 0,
            indexers: [const { Indexer::Idle }; INDEXERS],
            late: None,
            crashes_left: self.crashes,
            copies_left: self.copies,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for photo in 0..PHOTOS {
            if state.uploaded & (1 << photo) == 0 {
                actions.push(Action::Upload { photo });
            } else if state.deleted & (1 << photo) == 0 {
                actions.push(Action::Delete { photo });
            }
        }
        if state.copies_left > 0 && state.uploaded != 0 {
            actions.push(Action::Repeat);
        }
        for (indexer, phase) in state.indexers.iter().enumerate() {
            match phase {
                Indexer::Idle => {
                    // Idle indexers are interchangeable, so only the first one takes a batch.
                    if !state.indexers.iter().take(indexer).any(|earlier| *earlier == Indexer::Idle) {
                        actions.extend((1..=state.messages).map(|messages| Action::Take { indexer, messages }));
                    }
                }
                Indexer::Listing { .. } | Indexer::Writing { .. } => {
                    actions.push(Action::Step { indexer });
                    if state.crashes_left > 0 {
                        actions.push(Action::Crash { indexer });
                        if matches!(phase, Indexer::Writing { .. }) && state.late.is_none() {
                            actions.push(Action::CrashInWrite { indexer });
                        }
                    }
                }
            }
        }
        if state.late.is_some() {
            actions.push(Action::Land);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Upload { photo } => {
                state.uploaded |= 1 << photo;
                state.messages += 1;
            }
            Action::Delete { photo } => {
                state.deleted |= 1 << photo;
                state.messages += 1;
            }
            Action::Repeat => {
                state.copies_left -= 1;
                state.messages += 1;
            }
            Action::Take { indexer, messages } => {
                state.messages -= messages;
                let task = Task { messages, protocol: Protocol::new(2, 1), before: 0 };
                state.indexers[indexer] = self.listing(last, task);
            }
            Action::Step { indexer } => {
                let phase = std::mem::replace(&mut state.indexers[indexer], Indexer::Idle);
                state.indexers[indexer] = self.step(&mut state, phase);
            }
            Action::Crash { indexer } | Action::CrashInWrite { indexer } => {
                state.crashes_left -= 1;
                match std::mem::replace(&mut state.indexers[indexer], Indexer::Idle) {
                    Indexer::Writing { task, listing } if matches!(action, Action::CrashInWrite { .. }) => {
                        state.late = Some((listing, task.messages));
                    }
                    Indexer::Listing { task, .. } | Indexer::Writing { task, .. } => state.messages += task.messages,
                    Indexer::Idle => return None,
                }
            }
            Action::Land => {
                let (listing, messages) = state.late.take()?;
                state.dictionary = listing;
                state.messages += messages;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("when all is quiet, the dictionary equals the listing", |_, state: &State| {
                !state.is_quiet() || state.dictionary == state.photos()
            }),
            Property::eventually("all becomes quiet", |_, state: &State| {
                state.is_quiet() && state.deleted.count_ones() as usize == PHOTOS
            }),
            Property::sometimes("the dictionary holds every photo", |_, state: &State| {
                state.is_quiet() && state.dictionary.count_ones() as usize == PHOTOS
            }),
            Property::sometimes("both indexers are about to write", |_, state: &State| {
                state.indexers.iter().all(|indexer| matches!(indexer, Indexer::Writing { .. }))
            }),
        ]
    }
}

const RIGHT: &str = "when all is quiet, the dictionary equals the listing";

#[test]
fn no_interleaving_leaves_an_old_dictionary() {
    let checker = Folder { way: Way::ListAgain, crashes: 1, copies: 1 }.checker().threads(2).spawn_bfs().join();
    println!(
        "list, write, list again: {} states visited, {} of them different, up to {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

/// The model is detailed enough to find the error that the second listing prevents.
#[test]
fn without_the_second_listing_an_old_dictionary_is_left() {
    let model = Folder { way: Way::ListOnce, crashes: 0, copies: 0 };
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let path = checker.assert_any_discovery(RIGHT);
    println!("list, write: wrong after {} states; the shortest way there:", checker.state_count());
    print_path(path);
}

/// A write that is conditional on the `ETag` is not enough: the folder may return to what it was before, and the `ETag`
/// of its index with it.
#[test]
fn a_conditional_write_alone_leaves_an_old_dictionary() {
    let model = Folder { way: Way::WriteConditionally, crashes: 0, copies: 0 };
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let path = checker.assert_any_discovery(RIGHT);
    println!("list, write conditionally: wrong after {} states; the shortest way there:", checker.state_count());
    print_path(path);
}

fn print_path(path: stateright::Path<State, Action>) {
    for (state, action) in path.into_vec() {
        let State { dictionary, messages, .. } = state;
        let photos = state.photos();
        let then = action.map_or_else(|| "quiet, and wrong".to_owned(), |action| format!("{action:?}"));
        println!("  folder {photos:02b}, dictionary {dictionary:02b}, {messages} messages: {then}");
    }
}
