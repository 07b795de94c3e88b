use std::collections::BTreeMap;

/// The next entries of a list that is sorted by key.
#[derive(Clone, Debug)]
pub(super) struct Page<T> {
    pub(super) entries: Vec<(String, T)>,
    /// Whether entries may follow. Then this page must not be empty.
    pub(super) has_more: bool,
}

/// Two lists side by side, up to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aligned<L, R> {
    /// Each key that is in one of the lists, with its entries.
    pub(super) rows: BTreeMap<String, (Option<L>, Option<R>)>,
    /// The last key that counts. The next pages of both lists begin after it. `None` at the end of both.
    pub(super) next: Option<String>,
}

impl<L, R> Aligned<L, R> {
    /// The keys alone, to be put beside a third list. The last row is that of `next`, because `next` is in a list.
    pub(super) fn into_page(self) -> Page<()> {
        Page { has_more: self.next.is_some(), entries: self.rows.into_keys().map(|key| (key, ())).collect() }
    }
}

impl<T> Page<T> {
    /// The last key up to which the page knows all entries; `None` if it knows all that follow.
    fn end(&self) -> Option<&str> {
        self.entries.last().filter(|_| self.has_more).map(|(key, _)| key.as_str())
    }
}

/// Puts two pages that begin after the same key side by side, as far as both of them reach.
pub(super) fn align<L, R>(left: Page<L>, right: Page<R>) -> Aligned<L, R> {
    let next = [left.end(), right.end()].into_iter().flatten().min().map(str::to_owned);
    let counts = |key: &String| next.as_ref().is_none_or(|next| key <= next);
    let mut rows = BTreeMap::<_, (Option<L>, Option<R>)>::new();
    for (key, entry) in left.entries.into_iter().filter(|(key, _)| counts(key)) {
        rows.insert(key, (Some(entry), None));
    }
    for (key, entry) in right.entries.into_iter().filter(|(key, _)| counts(key)) {
        rows.entry(key).or_insert((None, None)).1 = Some(entry);
    }
    Aligned { rows, next }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    type List = BTreeMap<String, u8>;

    fn page(list: &List, after: Option<&String>, limit: usize) -> Page<u8> {
        let rest = list.iter().filter(|(key, _)| after.is_none_or(|after| *key > after));
        let entries: Vec<_> = rest.clone().take(limit).map(|(key, entry)| (key.clone(), *entry)).collect();
        Page { has_more: rest.count() > entries.len(), entries }
    }

    proptest! {
        #[test]
        fn pages_of_any_size_show_each_key_once_with_both_entries(
            left in btree_map("[a-c]{0,3}", any::<u8>(), 0..30),
            right in btree_map("[a-c]{0,3}", any::<u8>(), 0..30),
            sizes in (1usize..9, 1usize..9),
        ) {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let aligned = align(page(&left, after.as_ref(), sizes.0), page(&right, after.as_ref(), sizes.1));
                seen.extend(aligned.rows);
                let Some(next) = aligned.next else { break };
                prop_assert!(after.is_none_or(|after| after < next));
                after = Some(next);
            }
            let mut expected = BTreeMap::<String, (Option<u8>, Option<u8>)>::new();
            for (key, entry) in left {
                expected.entry(key).or_default().0 = Some(entry);
            }
            for (key, entry) in right {
                expected.entry(key).or_default().1 = Some(entry);
            }
            prop_assert_eq!(seen, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
