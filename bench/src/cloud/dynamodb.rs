//! DynamoDB: the table `library` is real, and each item of another table is one auction.
//!
//! It computes what DynamoDB bills ("Read and write operations" in the Amazon DynamoDB Developer Guide): a unit reads
//! 4 KB consistently, or 8 KB otherwise; a unit writes 1 KB, and a transaction takes two. Each entry of an index that
//! changes is one more write.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    answers::auction,
    expression::{Expression, Unsupported},
    photos::Item,
    table::{Table, index_writes, size},
};

/// A response and its price.
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) units: Units,
}

/// What DynamoDB bills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    /// Half units: an eventually consistent read of 4 KB takes one.
    pub(super) half_reads: usize,
    pub(super) writes: usize,
}

/// The writes that a transaction may have.
const MAX_WRITES: usize = 100;

type Result<T> = std::result::Result<T, Unsupported>;

/// Performs an operation on the table that it names.
pub(super) fn perform(operation: &str, request: &Value, library: &mut Table) -> Outcome {
    let is_library = request.to_string().contains("\"bench-library_table\"");
    let outcome = match operation {
        "GetItem" if is_library => get(library, request),
        "BatchGetItem" if is_library => get_batch(library, request),
        "Query" if is_library => query(library, request),
        "UpdateItem" if is_library => update(library, request),
        "TransactWriteItems" if is_library => transact(library, request),
        "GetItem" | "PutItem" | "Query" | "UpdateItem" if !is_library => Ok(of_auction(operation, request)),
        _ => Err(Unsupported(operation.to_owned())),
    };
    outcome.unwrap_or_else(|error| refused("ValidationException", json!({"message": error.to_string()})))
}

impl Units {
    fn read(request: &Value, bytes: usize) -> Self {
        let is_consistent = request.get("ConsistentRead").and_then(Value::as_bool) == Some(true);
        Self { half_reads: bytes.div_ceil(4096).max(1) * if is_consistent { 2 } else { 1 }, writes: 0 }
    }

    /// A write of an item, which takes `times` as much in the table.
    fn write(old: Option<&Item>, new: Option<&Item>, times: usize) -> Self {
        let kilobytes = old.map_or(0, size).max(new.map_or(0, size)).div_ceil(1024).max(1);
        Self { half_reads: 0, writes: kilobytes * (times + index_writes(old, new)) }
    }

    fn plus(self, other: Self) -> Self {
        Self { half_reads: self.half_reads + other.half_reads, writes: self.writes + other.writes }
    }
}

fn done(body: Value, units: Units) -> Outcome {
    Outcome { status: StatusCode::OK, body, units }
}

fn refused(code: &str, mut body: Value) -> Outcome {
    if let Value::Object(body) = &mut body {
        body.insert("__type".to_owned(), json!(format!("com.amazonaws.dynamodb.v20120810#{code}")));
    }
    Outcome { status: StatusCode::BAD_REQUEST, body, units: Units::default() }
}

fn key(request: &Value) -> Result<String> {
    Table::range_key(request.get("Key").unwrap_or(&Value::Null))
}

fn get(table: &Table, request: &Value) -> Result<Outcome> {
    let item = table.get(&key(request)?);
    let units = Units::read(request, item.as_ref().map_or(0, size));
    Ok(done(item.map_or_else(|| json!({}), |item| json!({ "Item": item })), units))
}

fn get_batch(table: &Table, request: &Value) -> Result<Outcome> {
    let tables = request.get("RequestItems").and_then(Value::as_object);
    let (name, wanted) = tables.and_then(|tables| tables.iter().next()).ok_or_else(|| unsupported(request))?;
    let keys = wanted.get("Keys").and_then(Value::as_array).ok_or_else(|| unsupported(request))?;
    let (mut items, mut units) = (Vec::new(), Units::default());
    for key in keys {
        let item = table.get(&Table::range_key(key)?);
        units = units.plus(Units::read(wanted, item.as_ref().map_or(0, size)));
        items.extend(item);
    }
    Ok(done(json!({"Responses": {name: items}, "UnprocessedKeys": {}}), units))
}

fn query(table: &Table, request: &Value) -> Result<Outcome> {
    let page = table.query(request)?;
    // What the filter leaves out is read all the same.
    let units = Units::read(request, page.items.iter().map(size).sum());
    let scanned = page.items.len();
    let mut items = Vec::new();
    for item in page.items {
        if Expression::of(request, "FilterExpression").map_or(Ok(true), |filter| filter.holds(&item))? {
            items.push(item);
        }
    }
    let mut body = json!({"Count": items.len(), "Items": items, "ScannedCount": scanned});
    if let (Some(last), Value::Object(body)) = (page.last, &mut body) {
        body.insert("LastEvaluatedKey".to_owned(), Value::Object(last));
    }
    Ok(done(body, units))
}

fn update(table: &mut Table, request: &Value) -> Result<Outcome> {
    let key = key(request)?;
    let old = table.get(&key);
    if !is_satisfied(request, old.as_ref())? {
        let message = json!({"message": "The conditional request failed", "Item": old});
        return Ok(refused("ConditionalCheckFailedException", message));
    }
    let new = updated(request, old.as_ref())?;
    let units = Units::write(old.as_ref(), Some(&new), 1);
    table.set(&key, Some(new.clone()));
    let is_returned = request.get("ReturnValues").and_then(Value::as_str) == Some("ALL_NEW");
    Ok(done(if is_returned { json!({ "Attributes": new }) } else { json!({}) }, units))
}

fn transact(table: &mut Table, request: &Value) -> Result<Outcome> {
    let writes = request.get("TransactItems").and_then(Value::as_array).ok_or_else(|| unsupported(request))?;
    if writes.len() > MAX_WRITES {
        return Err(Unsupported(format!("a transaction with {} writes", writes.len())));
    }
    let (mut changes, mut reasons, mut units) = (Vec::new(), Vec::new(), Units::default());
    for write in writes {
        let write = write.as_object().and_then(|write| write.iter().next());
        let (kind, write) = write.ok_or_else(|| unsupported(request))?;
        let item = write.get("Item").and_then(Value::as_object);
        let key = match item {
            Some(item) => Table::range_key(&Value::Object(item.clone()))?,
            None => key(write)?,
        };
        let old = table.get(&key);
        reasons.push(if is_satisfied(write, old.as_ref())? { "None" } else { "ConditionalCheckFailed" });
        let new = match kind.as_str() {
            "Put" => item.cloned(),
            "Update" => Some(updated(write, old.as_ref())?),
            "Delete" => None,
            "ConditionCheck" => old.clone(),
            _ => return Err(unsupported(write)),
        };
        units = units.plus(Units::write(old.as_ref(), new.as_ref(), 2));
        changes.push((key, new));
    }
    if reasons.contains(&"ConditionalCheckFailed") {
        let reasons: Vec<_> = reasons.iter().map(|code| json!({ "Code": code })).collect();
        let body = json!({"Message": "Transaction cancelled", "CancellationReasons": reasons});
        return Ok(refused("TransactionCanceledException", body));
    }
    for (key, new) in changes {
        table.set(&key, new);
    }
    Ok(done(json!({}), units))
}

fn is_satisfied(request: &Value, item: Option<&Item>) -> Result<bool> {
    let none = Item::new();
    Expression::of(request, "ConditionExpression").map_or(Ok(true), |condition| condition.holds(item.unwrap_or(&none)))
}

fn updated(request: &Value, old: Option<&Item>) -> Result<Item> {
    let update = Expression::of(request, "UpdateExpression").ok_or_else(|| unsupported(request))?;
    let key = request.get("Key").and_then(Value::as_object).ok_or_else(|| unsupported(request))?;
    update.applied(old.unwrap_or(key))
}

fn unsupported(request: &Value) -> Unsupported {
    Unsupported(request.to_string())
}

/// Every auction exists, is smaller than 1 KB and is in one index.
fn of_auction(operation: &str, request: &Value) -> Outcome {
    let auction = auction(request);
    match operation {
        "GetItem" => done(json!({ "Item": auction }), Units::read(request, 1)),
        "Query" => done(json!({"Items": [auction], "Count": 1, "ScannedCount": 1}), Units::read(request, 1)),
        "PutItem" => done(json!({}), Units { half_reads: 0, writes: 2 }),
        _ => done(json!({ "Attributes": auction }), Units { half_reads: 0, writes: 2 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::photos::{Photos, USER};

    fn key_of(item: &str) -> Value {
        json!({"user": {"S": USER}, "item": {"S": item}})
    }

    #[test]
    fn a_transaction_writes_all_or_nothing_and_costs_two_units_for_each_item() {
        let photos = Photos { count: 1000 };
        let mut table = Table::new(photos);
        let name = photos.name(7);
        let delete = json!({"Delete": {"Key": key_of(&format!("photo#{name}"))}});
        let gone = json!({"Put": {"Item": key_of(&format!("gone#{name}"))}});
        let count = json!({"Update": {
            "Key": key_of("usage"), "UpdateExpression": "ADD photos :one", "ConditionExpression": "photos < :max",
            "ExpressionAttributeValues": {":one": {"N": "-1"}, ":max": {"N": "1000"}},
        }});
        let transact = |table: &mut Table, count: &Value| {
            let request = json!({"Table": "bench-library_table", "TransactItems": [delete, gone, count]});
            perform("TransactWriteItems", &request, table)
        };
        let refused = transact(&mut table, &count);
        assert_eq!(refused.body["CancellationReasons"][2]["Code"], "ConditionalCheckFailed");
        assert!(table.get(&format!("photo#{name}")).is_some());

        let count = json!({"Update": {
            "Key": key_of("usage"), "UpdateExpression": "ADD photos :one",
            "ExpressionAttributeValues": {":one": {"N": "-1"}},
        }});
        let written = transact(&mut table, &count);
        assert_eq!(written.status, StatusCode::OK);
        assert_eq!(written.units, Units { half_reads: 0, writes: 2 + 4 + 2 + 2 });
        assert!(table.get(&format!("photo#{name}")).is_none());
        assert_eq!(table.get("usage").unwrap()["photos"], json!({"N": "999"}));
    }

    #[test]
    fn a_read_costs_half_unless_it_is_consistent() {
        let mut table = Table::new(Photos { count: 1000 });
        for (is_consistent, half_reads) in [(true, 2), (false, 1)] {
            let request = json!({
                "TableName": "bench-library_table", "Key": key_of("usage"), "ConsistentRead": is_consistent,
            });
            assert_eq!(perform("GetItem", &request, &mut table).units, Units { half_reads, writes: 0 });
        }
    }

    #[test]
    fn what_a_filter_leaves_out_is_counted_as_read() {
        let query = |filter: &str| {
            let request = json!({
                "TableName": "bench-library_table", "Limit": 10, "FilterExpression": filter,
                "KeyConditionExpression": "user = :user AND begins_with(item, :photo)",
                "ExpressionAttributeValues": {":user": {"S": USER}, ":photo": {"S": "photo#"}},
            });
            perform("Query", &request, &mut Table::new(Photos { count: 1000 }))
        };
        let (all, some) = (query("attribute_not_exists(trashedAt)"), query("attribute_exists(favourite)"));
        assert_eq!((&all.body["Count"], &all.body["ScannedCount"]), (&json!(10), &json!(10)));
        assert!(some.body["Count"].as_u64().unwrap() < 10);
        assert_eq!((&some.body["ScannedCount"], some.units), (&json!(10), all.units));
    }

    #[test]
    fn an_unknown_expression_is_refused() {
        let request = json!({
            "TableName": "bench-library_table", "Key": key_of("usage"), "UpdateExpression": "SET a = list_append(b, c)",
        });
        assert_eq!(perform("UpdateItem", &request, &mut Table::default()).status, StatusCode::BAD_REQUEST);
    }
}
