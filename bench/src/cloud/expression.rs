//! Expressions of DynamoDB, as far as the functions use them ("Expressions in DynamoDB" in the Amazon DynamoDB
//! Developer Guide). Anything else is an error, so that nothing is measured that DynamoDB would do differently.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::photos::Item;

/// An expression that this program does not understand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the benchmark's DynamoDB does not understand {0:?}")]
pub(super) struct Unsupported(pub(super) String);

type Result<T> = std::result::Result<T, Unsupported>;

/// What a query selects: one hash key, and range keys from `from` to `to`, both inclusive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) hash: String,
    pub(super) from: String,
    pub(super) to: String,
}

/// A request's expression, with its names and values.
pub(super) struct Expression<'a> {
    request: &'a Value,
    text: &'a str,
    tokens: Vec<&'a str>,
    next: usize,
}

impl<'a> Expression<'a> {
    /// The expression in the member `name` of a request.
    pub(super) fn of(request: &'a Value, name: &str) -> Option<Self> {
        let text = request.get(name)?.as_str()?;
        Some(Self { request, text, tokens: tokens(text), next: 0 })
    }

    /// Whether an item satisfies this condition.
    pub(super) fn holds(mut self, item: &Item) -> Result<bool> {
        let holds = self.any(item)?;
        self.end()?;
        Ok(holds)
    }

    /// The item after this update.
    pub(super) fn applied(mut self, old: &Item) -> Result<Item> {
        let mut new = old.clone();
        let mut action = "";
        while let Some(token) = self.peek() {
            if ["SET", "REMOVE", "ADD", "DELETE"].contains(&token) {
                action = token;
                self.next += 1;
            } else if token == "," {
                self.next += 1;
            }
            let name = self.name()?;
            match action {
                "SET" => {
                    self.expect("=")?;
                    let mut value = self.operand(old)?;
                    if let Some(sign @ ("+" | "-")) = self.peek() {
                        self.next += 1;
                        let other = self.operand(old)?;
                        value = self.sum(value.as_ref(), other.as_ref(), if sign == "+" { 1 } else { -1 })?;
                    }
                    new.insert(name, value.ok_or_else(|| self.unsupported())?);
                }
                "REMOVE" => {
                    new.remove(&name);
                }
                "ADD" | "DELETE" => {
                    let value = self.operand(old)?.ok_or_else(|| self.unsupported())?;
                    let combined = if value.get("SS").is_some() {
                        Some(set(old.get(&name), &value, action == "ADD"))
                    } else {
                        self.sum(old.get(&name).or(Some(&json!({"N": "0"}))), Some(&value), 1)?
                    };
                    match combined.filter(|value| value.get("SS") != Some(&json!([]))) {
                        Some(value) => new.insert(name, value),
                        None => new.remove(&name),
                    };
                }
                _ => return Err(self.unsupported()),
            }
        }
        Ok(new)
    }

    /// What this key condition selects.
    pub(super) fn selected(mut self) -> Result<Selected> {
        let none = Item::new();
        self.name()?;
        self.expect("=")?;
        let hash = self.text(&none)?;
        let mut selected = Selected { hash, from: String::new(), to: char::MAX.to_string() };
        if self.peek().is_some() {
            self.expect("AND")?;
            if self.peek() == Some("begins_with") {
                self.next += 1;
                self.expect("(")?;
                self.name()?;
                self.expect(",")?;
                selected.from = self.text(&none)?;
                self.expect(")")?;
                selected.to = format!("{}{}", selected.from, char::MAX);
            } else {
                self.name()?;
                self.expect("BETWEEN")?;
                selected.from = self.text(&none)?;
                self.expect("AND")?;
                selected.to = self.text(&none)?;
            }
        }
        self.end()?;
        Ok(selected)
    }

    fn any(&mut self, item: &Item) -> Result<bool> {
        let mut holds = self.all(item)?;
        while self.peek() == Some("OR") {
            self.next += 1;
            holds |= self.all(item)?;
        }
        Ok(holds)
    }

    fn all(&mut self, item: &Item) -> Result<bool> {
        let mut holds = self.one(item)?;
        while self.peek() == Some("AND") {
            self.next += 1;
            holds &= self.one(item)?;
        }
        Ok(holds)
    }

    fn one(&mut self, item: &Item) -> Result<bool> {
        match self.peek() {
            Some("(") => {
                self.next += 1;
                let holds = self.any(item)?;
                self.expect(")")?;
                Ok(holds)
            }
            Some(function @ ("attribute_exists" | "attribute_not_exists")) => {
                self.next += 1;
                self.expect("(")?;
                let name = self.name()?;
                self.expect(")")?;
                Ok(item.contains_key(&name) == (function == "attribute_exists"))
            }
            Some("contains") => {
                self.next += 1;
                self.expect("(")?;
                let set = self.operand(item)?;
                self.expect(",")?;
                let text = self.text(item)?;
                self.expect(")")?;
                Ok(set.is_some_and(|set| texts(&set).contains(&text)))
            }
            _ => {
                let left = self.operand(item)?;
                let comparison = self.take()?;
                let right = self.operand(item)?;
                let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
                let Some(order) = order(&left, &right) else { return Ok(false) };
                match comparison {
                    "=" => Ok(order.is_eq()),
                    "<" => Ok(order.is_lt()),
                    "<=" => Ok(order.is_le()),
                    ">" => Ok(order.is_gt()),
                    ">=" => Ok(order.is_ge()),
                    _ => Err(self.unsupported()),
                }
            }
        }
    }

    /// A value, an attribute, or a function of one; `None` if the attribute is missing.
    fn operand(&mut self, item: &Item) -> Result<Option<Value>> {
        let token = self.peek().ok_or_else(|| self.unsupported())?;
        if token.starts_with(':') {
            self.next += 1;
            let value = self.request.get("ExpressionAttributeValues").and_then(|values| values.get(token));
            return value.cloned().map(Some).ok_or_else(|| self.unsupported());
        }
        if token == "size" {
            self.next += 1;
            self.expect("(")?;
            let name = self.name()?;
            self.expect(")")?;
            return Ok(item.get(&name).map(|set| json!({"N": texts(set).len().to_string()})));
        }
        if token == "if_not_exists" {
            self.next += 1;
            self.expect("(")?;
            let name = self.name()?;
            self.expect(",")?;
            let other = self.operand(item)?;
            self.expect(")")?;
            return Ok(item.get(&name).cloned().or(other));
        }
        let name = self.name()?;
        Ok(item.get(&name).cloned())
    }

    /// The name of an attribute.
    fn name(&mut self) -> Result<String> {
        let token = self.take()?;
        let name = if token.starts_with('#') {
            self.request.get("ExpressionAttributeNames").and_then(|names| names.get(token)?.as_str())
        } else {
            Some(token).filter(|token| token.chars().all(char::is_alphanumeric))
        };
        name.map(str::to_owned).ok_or_else(|| self.unsupported())
    }

    fn text(&mut self, item: &Item) -> Result<String> {
        let value = self.operand(item)?;
        let text = value.as_ref().and_then(|value| value.get("S")?.as_str());
        text.map(str::to_owned).ok_or_else(|| self.unsupported())
    }

    fn sum(&self, one: Option<&Value>, other: Option<&Value>, sign: i128) -> Result<Option<Value>> {
        match (one.and_then(number), other.and_then(number)) {
            (Some(one), Some(other)) => Ok(Some(json!({"N": (one + sign * other).to_string()}))),
            _ => Err(self.unsupported()),
        }
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).copied()
    }

    fn take(&mut self) -> Result<&'a str> {
        let token = self.peek().ok_or_else(|| self.unsupported())?;
        self.next += 1;
        Ok(token)
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.take()? == token { Ok(()) } else { Err(self.unsupported()) }
    }

    fn end(&self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.unsupported()) }
    }

    fn unsupported(&self) -> Unsupported {
        Unsupported(self.text.to_owned())
    }
}

/// Words, and the punctuation between them.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '#' | ':' | '_');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("<=") || rest.starts_with(">=") || rest.starts_with("<>") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn number(value: &Value) -> Option<i128> {
    value.get("N")?.as_str()?.parse().ok()
}

fn texts(value: &Value) -> Vec<String> {
    let texts = value.get("SS").and_then(Value::as_array);
    texts.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The set after texts were added, or deleted.
fn set(old: Option<&Value>, changed: &Value, is_added: bool) -> Value {
    let changed = texts(changed);
    let mut set = old.map(texts).unwrap_or_default();
    set.retain(|text| !changed.contains(text));
    if is_added {
        set.extend(changed);
    }
    json!({ "SS": set })
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => Some(left.get("S")?.as_str()?.cmp(right.get("S")?.as_str()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(item: &Value) -> Item {
        item.as_object().unwrap().clone()
    }

    fn holds(condition: &str, old: &Value) -> bool {
        let values = json!({":n": {"N": "7"}, ":t": {"S": "x"}});
        let names = json!({"#n": "n"});
        let request = json!({"C": condition, "ExpressionAttributeValues": values, "ExpressionAttributeNames": names});
        Expression::of(&request, "C").unwrap().holds(&item(old)).unwrap()
    }

    #[test]
    fn conditions_compare_and_combine() {
        let old = json!({"n": {"N": "10"}, "t": {"S": "x"}, "ids": {"SS": ["x", "y"]}});
        for (condition, expected) in [
            ("#n <= :n", false),
            ("#n > :n", true),
            ("t = :t", true),
            ("missing = :t", false),
            ("attribute_not_exists(missing)", true),
            ("(attribute_not_exists(#n) OR #n <= :n) AND t = :t", false),
            ("attribute_not_exists(#n) OR #n >= :n AND t = :t", true),
            ("contains(ids, :t) AND size(ids) < :n", true),
        ] {
            assert_eq!(holds(condition, &old), expected, "{condition}");
        }
    }

    #[test]
    fn updates_set_add_and_remove() {
        let values = json!({":n": {"N": "-3"}, ":id": {"SS": ["x"]}, ":new": {"S": "new"}});
        let update =
            "SET a = if_not_exists(a, :new), b = :new, #n = #n - :n REMOVE c, d ADD m :n, ids :id DELETE old :id";
        let names = json!({"#n": "n"});
        let request = json!({"U": update, "ExpressionAttributeValues": values, "ExpressionAttributeNames": names});
        let old = json!({"a": {"S": "old"}, "n": {"N": "7"}, "c": {"N": "1"}, "old": {"SS": ["x"]}});
        let new = Expression::of(&request, "U").unwrap().applied(&item(&old)).unwrap();
        let expected = json!({
            "a": {"S": "old"}, "b": {"S": "new"}, "n": {"N": "10"}, "m": {"N": "-3"}, "ids": {"SS": ["x"]},
        });
        assert_eq!(Value::Object(new), expected);
    }

    #[test]
    fn a_key_condition_selects_a_range() {
        let values = json!({":u": {"S": "ann"}, ":a": {"S": "a"}, ":b": {"S": "b"}});
        let selected = |condition: &str| {
            let request = json!({"K": condition, "ExpressionAttributeValues": values});
            Expression::of(&request, "K").unwrap().selected()
        };
        let expected = Selected { hash: "ann".into(), from: "a".into(), to: "b".into() };
        assert_eq!(selected("user = :u AND item BETWEEN :a AND :b"), Ok(expected));
        let expected = Selected { hash: "ann".into(), from: "a".into(), to: "a\u{10ffff}".into() };
        assert_eq!(selected("user = :u AND begins_with(item, :a)"), Ok(expected));
        assert!(selected("user = :u AND item >= :a").is_err());
    }
}
