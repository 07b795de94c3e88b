//! Reads and renders what the fuzzer makes of real photos.
//!
//! `FUZZ_TYPE` (`jpg`, `heic`…) leaves out all other types, so that one decoder gets all the time.

#![no_main]

use std::sync::LazyLock;

use jiff::civil::DateTime;
use libfuzzer_sys::{Corpus, fuzz_target};
use yourplace::photos::PhotoType;

static TYPE: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("FUZZ_TYPE").ok());

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let kind = PhotoType::detect(bytes).map(PhotoType::extension);
    if kind.is_none() || TYPE.as_deref().is_some_and(|only| kind != Some(only)) {
        return Corpus::Reject;
    }
    let _ = renditions::metadata(bytes, DateTime::MAX);
    let _ = renditions::render(bytes);
    Corpus::Keep
});
