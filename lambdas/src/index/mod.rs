//! The photo index of each user, `index/{user}/images.json`. It is written again after changes of the photos, at most
//! once a minute.

mod images;
mod indexer;
#[cfg(test)]
mod model;
mod protocol;
mod schedule;

pub use images::{Contents, Entry, PhotoIndex, PhotoIndexStore, Stored};
pub use indexer::{Indexed, Indexer};
pub use schedule::{IndexSchedule, Message};
