//! The table `library`: the generated items of the only user, and what requests have changed since.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::Value;

use super::{
    expression::{Expression, Selected, Unsupported},
    photos::{Item, Photos, TIMELINES, USER, partition, with_key},
};

/// The bytes of items after which DynamoDB ends a response to a query.
const MAX_PAGE: usize = 1 << 20;

/// The items of one user.
#[derive(Default)]
pub(super) struct Table {
    photos: Photos,
    /// The current items that differ from the generated ones, by range key. `None`: there is none any more.
    changed: BTreeMap<String, Option<Compact>>,
}

/// An item as JSON text. A map takes ten times as much memory, and a job may store a million items.
struct Compact(Box<str>);

impl Compact {
    fn of(item: Item) -> Self {
        Self(Value::Object(item).to_string().into())
    }

    fn item(&self) -> Item {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// One response of a query.
#[derive(Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// Where the next one starts.
    pub(super) last: Option<Item>,
}

/// Range keys and items, in the order of a query.
type Entries<'a> = Box<dyn Iterator<Item = (String, Item)> + 'a>;

impl Table {
    pub(super) fn new(photos: Photos) -> Self {
        Self { photos, changed: BTreeMap::new() }
    }

    /// The range key in the key of an item.
    pub(super) fn range_key(key: &Value) -> Result<String, Unsupported> {
        let text = |name: &str| key.get(name).and_then(|value| value.get("S")?.as_str());
        match (text("user"), text("item")) {
            (Some(USER), Some(item)) => Ok(item.to_owned()),
            _ => Err(Unsupported(key.to_string())),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Item> {
        if let Some(changed) = self.changed.get(key) {
            return changed.as_ref().map(Compact::item);
        }
        match key.split_once('#') {
            Some(("photo", name)) => Some(self.photos.item(self.photos.find(name)?)),
            Some(("month", month)) => self.photos.month(month),
            None if key == "usage" => Some(self.photos.usage()),
            None if key == "record" => Some(record()),
            _ => None,
        }
    }

    /// Replaces an item, or deletes it.
    pub(super) fn set(&mut self, key: &str, item: Option<Item>) {
        self.changed.insert(key.to_owned(), item.map(Compact::of));
    }

    /// A page of a query.
    pub(super) fn query(&self, request: &Value) -> Result<Page, Unsupported> {
        let unsupported = || Unsupported(request.to_string());
        let index = request.get("IndexName").and_then(Value::as_str);
        let range = if index.is_some() { "position" } else { "item" };
        let mut selected = Expression::of(request, "KeyConditionExpression").ok_or_else(unsupported)?.selected()?;
        let is_ascending = request.get("ScanIndexForward").and_then(Value::as_bool).unwrap_or(true);
        let start = request.get("ExclusiveStartKey").map(|key| text(key.get(range)).ok_or_else(unsupported));
        let start = start.transpose()?;
        match &start {
            Some(start) if is_ascending => selected.from = selected.from.max(start.clone()),
            Some(start) => selected.to = selected.to.min(start.clone()),
            None => {}
        }
        let limit = request.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let (mut page, mut bytes) = (Page::default(), 0);
        for (key, item) in self.entries(index, &selected, is_ascending) {
            if start.as_ref() == Some(&key) {
                continue;
            }
            let size = size(&item);
            if bytes + size > MAX_PAGE {
                page.last = page.items.last().map(|item| key_of(item, index));
                break;
            }
            bytes += size;
            page.items.push(item);
            if Some(page.items.len()) == limit {
                page.last = page.items.last().map(|item| key_of(item, index));
                break;
            }
        }
        Ok(page)
    }

    fn entries<'a>(&'a self, index: Option<&'a str>, selected: &'a Selected, is_ascending: bool) -> Entries<'a> {
        let is_selected = |key: &str| *selected.from <= *key && *key <= *selected.to;
        let changed = self.changed.iter().filter_map(|(key, item)| Some((key, item.as_ref()?.item())));
        let changed: BTreeMap<String, Item> = match index {
            None => changed.map(|(key, item)| (key.clone(), item)).collect(),
            Some(index) => changed
                .filter(|(_, item)| text(item.get(index)).as_ref() == Some(&selected.hash))
                .filter_map(|(_, item)| Some((text(item.get("position"))?, item)))
                .collect(),
        };
        let changed = changed.into_iter().filter(move |(key, _)| is_selected(key));
        let generated: Box<dyn DoubleEndedIterator<Item = (String, Item)>> = match index {
            None if selected.hash == USER => Box::new(self.generated(selected)),
            None => Box::new(std::iter::empty()),
            Some(index) => Box::new(self.generated_by_time(index, selected)),
        };
        if is_ascending {
            Box::new(merged(generated, changed, Ordering::Less))
        } else {
            Box::new(merged(generated.rev(), changed.rev(), Ordering::Greater))
        }
    }

    /// The generated items that were not changed, by range key.
    fn generated<'a>(&'a self, selected: &'a Selected) -> impl DoubleEndedIterator<Item = (String, Item)> + 'a {
        let photos = self.photos;
        let key = move |number| format!("photo#{}", photos.name(number));
        let first = photos.rank(|number| key(number) < selected.from);
        let end = photos.rank(|number| key(number) <= selected.to);
        // Counting the photos of all months takes long.
        let has_months = *selected.from <= *"month$" && *"month#" <= *selected.to;
        let months = has_months.then(|| photos.months()).into_iter().flatten();
        let others = [("record", record()), ("usage", photos.usage())].map(|(key, item)| (key.to_owned(), item));
        months
            .chain((first..end).map(move |number| (key(number), photos.item(number))))
            .chain(others)
            .filter(|(key, _)| selected.from <= *key && *key <= selected.to && !self.changed.contains_key(key))
    }

    /// The photos of an index that were not changed, by position.
    fn generated_by_time<'a>(
        &'a self,
        index: &'a str,
        selected: &'a Selected,
    ) -> impl DoubleEndedIterator<Item = (String, Item)> + 'a {
        let photos = self.photos;
        let first = photos.rank_by_time(|number| photos.position(number) < selected.from);
        let end = photos.rank_by_time(|number| photos.position(number) <= selected.to);
        (first..end)
            .map(move |rank| photos.number_by_time(rank))
            .filter(move |number| partition(index, *number) == selected.hash)
            .filter(move |number| !self.changed.contains_key(&format!("photo#{}", photos.name(*number))))
            .map(move |number| (photos.position(number), photos.item(number)))
    }
}

/// Both, in one order.
fn merged(
    one: impl Iterator<Item = (String, Item)>,
    other: impl Iterator<Item = (String, Item)>,
    order: Ordering,
) -> impl Iterator<Item = (String, Item)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some((key, _)), Some((other_key, _))) if other_key.cmp(key) == order => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
}

/// What DynamoDB counts as the size of an item: the names and the values of its attributes ("DynamoDB item sizes and
/// formats" in the Amazon DynamoDB Developer Guide).
pub(super) fn size(item: &Item) -> usize {
    let of_value = |value: &Value| match value.as_object().and_then(|value| value.iter().next()) {
        Some((kind, Value::String(text))) if kind == "N" => text.len().div_ceil(2) + 1,
        Some((_, Value::String(text))) => text.len(),
        Some((_, Value::Array(texts))) => texts.iter().filter_map(Value::as_str).map(str::len).sum(),
        _ => 1,
    };
    item.iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

/// The number of entries of indexes that change when `old` is replaced by `new`.
pub(super) fn index_writes(old: Option<&Item>, new: Option<&Item>) -> usize {
    let entry = |item: Option<&Item>, index: &str| {
        let item = item?;
        Some((text(item.get(index))?, text(item.get("position"))?))
    };
    let writes = TIMELINES.map(|index| match (entry(old, index), entry(new, index)) {
        (None, None) => 0,
        (Some(before), Some(after)) if before == after => usize::from(old != new),
        // An entry whose key changes is deleted and put again.
        (before, after) => usize::from(before.is_some()) + usize::from(after.is_some()),
    });
    writes.iter().sum()
}

/// The key of an item, as a query continues there.
fn key_of(item: &Item, index: Option<&str>) -> Item {
    let names = ["user", "item"].into_iter().chain(index).chain(index.map(|_| "position"));
    names.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
}

fn record() -> Item {
    let mut record = with_key("record");
    record.insert("createdAt".to_owned(), serde_json::json!({"S": "2026-01-01T00:00:00.000Z"}));
    record
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.get("S")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PHOTOS: Photos = Photos { count: 5000 };

    /// The range keys of all pages, and the number of pages.
    fn pages(table: &Table, mut request: Value) -> (Vec<String>, usize) {
        let (mut keys, mut count) = (Vec::new(), 0);
        loop {
            let page = table.query(&request).unwrap();
            keys.extend(page.items.iter().map(|item| text(item.get("item")).unwrap()));
            count += 1;
            let Some(last) = page.last else { return (keys, count) };
            request["ExclusiveStartKey"] = Value::Object(last);
        }
    }

    fn by_name(prefix: &str, limit: Option<u64>) -> Value {
        let mut query = json!({
            "KeyConditionExpression": "#user = :user AND begins_with(#item, :prefix)",
            "ExpressionAttributeNames": {"#user": "user", "#item": "item"},
            "ExpressionAttributeValues": {":user": {"S": USER}, ":prefix": {"S": prefix}},
        });
        if let Some(limit) = limit {
            query["Limit"] = json!(limit);
        }
        query
    }

    fn by_time(index: &str, hash: &str, is_ascending: bool) -> Value {
        json!({
            "IndexName": index, "ScanIndexForward": is_ascending, "Limit": 700,
            "KeyConditionExpression": "hash = :hash AND position BETWEEN :from AND :to",
            "ExpressionAttributeValues": {":hash": {"S": hash}, ":from": {"S": "2015"}, ":to": {"S": "2016"}},
        })
    }

    #[test]
    fn a_query_returns_all_items_in_order_and_in_pages_of_a_megabyte() {
        let mut table = Table::new(PHOTOS);
        let (keys, count) = pages(&table, by_name("photo#", None));
        let expected: Vec<_> = (0..5000).map(|number| format!("photo#{}", PHOTOS.name(number))).collect();
        assert_eq!(keys, expected);
        assert_eq!(count, 5000 * size(&PHOTOS.item(1)) / MAX_PAGE + 1);
        let (new, gone) = (format!("{}x", keys[77]), keys[4999].clone());
        table.set(&new, Some(with_key(&new)));
        table.set(&gone, None);
        let (changed, _) = pages(&table, by_name("photo#", Some(999)));
        assert_eq!(changed.len(), 5000);
        assert_eq!((changed[78].as_str(), changed[79].as_str()), (new.as_str(), keys[78].as_str()));
        assert!(!changed.contains(&gone));
        assert_eq!(pages(&table, by_name("month#", None)).0.len(), 120);
        assert_eq!(pages(&table, by_name("gone#", None)).0, Vec::<String>::new());
    }

    #[test]
    fn an_index_orders_its_photos_by_time() {
        let mut table = Table::new(PHOTOS);
        let (all, _) = pages(&table, by_time("timeline", USER, true));
        assert!((495..=505).contains(&all.len()), "{}", all.len());
        let mut newest_first = pages(&table, by_time("timeline", USER, false)).0;
        newest_first.reverse();
        assert_eq!(newest_first, all);
        let (of_type, _) = pages(&table, by_time("timelineOfType", &format!("{USER}#png"), true));
        assert_eq!(of_type.len(), all.iter().filter(|key| key.contains(".png")).count());
        let favourites =
            pages(&table, by_time("timelineOfTypeAndFavourites", &format!("{USER}#png#favourite"), true)).0;
        let is_favourite = |key: &&String| table.get(key).unwrap().contains_key("favourite");
        assert_eq!(favourites, of_type.iter().filter(is_favourite).cloned().collect::<Vec<_>>());

        let mut moved = table.get(&all[3]).unwrap();
        moved.insert("position".to_owned(), json!({"S": "2015-07-01"}));
        table.set(&all[3], Some(moved));
        let (after, _) = pages(&table, by_time("timeline", USER, true));
        assert_eq!(after.len(), all.len());
        assert_ne!(after.iter().position(|key| *key == all[3]), Some(3));
    }

    #[test]
    fn only_entries_that_change_are_written() {
        let photo = PHOTOS.item(1);
        assert_eq!(index_writes(None, Some(&photo)), 4);
        assert_eq!(index_writes(Some(&photo), None), 4);
        assert_eq!(index_writes(Some(&photo), Some(&photo)), 0);
        let mut favourite = photo.clone();
        favourite.insert("timelineOfFavourites".to_owned(), json!({"S": "ann#favourite"}));
        assert_eq!(index_writes(Some(&photo), Some(&favourite)), 5);
        assert_eq!(index_writes(None, Some(&with_key("usage"))), 0);
    }
}
