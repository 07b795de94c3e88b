//! `docs/openapi.json` is current, has the routes of the manifest, and breaks no client without a new version.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::{Value, json};
use yourplace::openapi::document;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> Value {
    serde_json::from_slice(&fs::read(file(path)).unwrap()).unwrap()
}

/// The routes of a document, as the manifest writes them.
fn routes(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    routes.collect()
}

#[test]
fn the_committed_document_is_current() {
    assert!(
        read("../docs/openapi.json") == document(),
        "docs/openapi.json is stale: run `cargo run -p yourplace --example openapi`"
    );
}

#[test]
fn the_document_has_exactly_the_routes_of_the_manifest() {
    let functions = read("service.json")["functions"].as_object().unwrap().clone();
    let declared: BTreeSet<String> = functions
        .values()
        .flat_map(|function| function["trigger"]["http"].as_array().cloned().unwrap_or_default())
        .map(|route| route.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(routes(&document()), declared);
}

#[test]
fn a_route_needs_a_token_in_the_document_if_it_does_in_the_manifest() {
    let document = document();
    for function in read("service.json")["functions"].as_object().unwrap().values() {
        for route in function["trigger"]["http"].as_array().into_iter().flatten() {
            let (method, path) = route.as_str().unwrap().split_once(' ').unwrap();
            let security = &document["paths"][path][method.to_lowercase()]["security"];
            let expected = if function["auth"] == "public" { json!([]) } else { json!([{"token": []}]) };
            assert_eq!(*security, expected, "{route}");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = document();
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
        }
    }
}

#[test]
fn every_reference_and_link_has_a_target() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|value| check(value, document));
            }
            Value::Array(items) => items.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    check(&document(), &document());
}

#[test]
fn no_client_breaks_without_a_new_version() {
    // An archive of the sources has no history, and nothing to compare with.
    if !file("../.git").exists() {
        println!("not compared: this is not a git checkout");
        return;
    }
    // Before a change is committed, the last revision is the old document. Afterwards it is the one before the last.
    let revisions = git(&["rev-list", "--max-count=2", "HEAD", "--", "docs/openapi.json"]);
    if revisions.is_empty() {
        println!("not compared: no commit contains docs/openapi.json");
    }
    for revision in revisions.lines() {
        let committed = git(&["show", &format!("{revision}:docs/openapi.json")]);
        let (before, after) = (serde_json::from_str(&committed).unwrap(), document());
        let breaks = breaks(&before, &after);
        assert!(
            breaks.is_empty() || is_newer(&before, &after),
            "Increase VERSION in lambdas/src/openapi.rs: clients of {revision} break:\n{}",
            breaks.join("\n")
        );
    }
}

fn git(arguments: &[&str]) -> String {
    let done = Command::new("git").args(arguments).current_dir(file("..")).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn is_newer(before: &Value, after: &Value) -> bool {
    let version = |document: &Value| -> Vec<u32> {
        document["info"]["version"].as_str().unwrap().split('.').map(|part| part.parse().unwrap()).collect()
    };
    version(after) > version(before)
}

/// The changes from `before` to `after` that break a client: a response that lost an operation, status, media type,
/// header or member; a new required parameter or member of a request; and changed types.
fn breaks(before: &Value, after: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        routes(before).difference(&routes(after)).map(|route| format!("{route} is gone")).collect();
    for route in routes(before).intersection(&routes(after)) {
        let (method, path) = route.split_once(' ').unwrap();
        assert!(METHODS.contains(&method.to_lowercase().as_str()), "{method}");
        let operation = |document: &Value| document["paths"][path][method.to_lowercase()].clone();
        let (old, new) = (operation(before), operation(after));
        for (status, response) in old["responses"].as_object().unwrap() {
            let at = format!("{route} {status}");
            let Some(changed) = new["responses"].get(status) else {
                found.push(format!("{at} is gone"));
                continue;
            };
            for (name, header) in response["headers"].as_object().into_iter().flatten() {
                if header["required"] == true && changed["headers"][name]["required"] != true {
                    found.push(format!("{at}: the header {name} may be missing"));
                }
            }
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                match changed["content"].get(media_type) {
                    None => found.push(format!("{at} {media_type} is gone")),
                    Some(changed) => {
                        response_breaks(&at, (&content["schema"], before), (&changed["schema"], after), &mut found);
                    }
                }
            }
        }
        request_breaks(route, (&old, before), (&new, after), &mut found);
    }
    found
}

fn resolve<'a>(mut schema: &'a Value, document: &'a Value) -> &'a Value {
    while let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    }
    schema
}

fn names(schema: &Value, member: &str) -> BTreeSet<String> {
    match &schema[member] {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        Value::String(text) => [text.clone()].into(),
        _ => BTreeSet::new(),
    }
}

fn response_breaks(at: &str, old: (&Value, &Value), new: (&Value, &Value), found: &mut Vec<String>) {
    let (schema, changed) = (resolve(old.0, old.1), resolve(new.0, new.1));
    for required in names(schema, "required").difference(&names(changed, "required")) {
        found.push(format!("{at}: the member {required} may be missing"));
    }
    if names(schema, "type") != names(changed, "type") {
        found.push(format!("{at}: the type changes from {} to {}", schema["type"], changed["type"]));
    }
    if schema["const"] != changed["const"] {
        found.push(format!("{at}: {} becomes {}", schema["const"], changed["const"]));
    }
    for added in names(changed, "enum").difference(&names(schema, "enum")) {
        found.push(format!("{at}: {added} is a new value"));
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        match changed["properties"].get(name) {
            None => found.push(format!("{at}: the member {name} is gone")),
            Some(changed) => response_breaks(&format!("{at} {name}"), (member, old.1), (changed, new.1), found),
        }
    }
    if !schema["items"].is_null() {
        response_breaks(&format!("{at}[]"), (&schema["items"], old.1), (&changed["items"], new.1), found);
    }
    for choice in ["anyOf", "oneOf"] {
        let members = |schema: &Value| -> Vec<Value> {
            schema[choice].as_array().into_iter().flatten().map(without_description).collect()
        };
        let unmatched: Vec<_> =
            members(schema).into_iter().filter(|member| !members(changed).contains(member)).collect();
        // A single schema may have become one of several: a client that knows the first still understands it.
        if !unmatched.is_empty() && schema[choice].is_array() {
            found.push(format!("{at}: {} is no longer one of the choices", unmatched[0]));
        }
    }
}

fn without_description(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.remove("description");
    }
    schema
}

fn request_breaks(route: &str, old: (&Value, &Value), new: (&Value, &Value), found: &mut Vec<String>) {
    let parameters = |operation: &Value| operation["parameters"].as_array().cloned().unwrap_or_default();
    for parameter in parameters(new.0) {
        let same = |other: &Value| other["name"] == parameter["name"] && other["in"] == parameter["in"];
        let known = parameters(old.0).into_iter().find(same);
        if parameter["required"] == true && known.is_none_or(|known| known["required"] != true) {
            found.push(format!("{route}: the parameter {} is now required", parameter["name"]));
        }
    }
    for parameter in parameters(old.0) {
        let same = |other: &Value| other["name"] == parameter["name"] && other["in"] == parameter["in"];
        match parameters(new.0).iter().find(|other| same(other)) {
            None => found.push(format!("{route}: the parameter {} is gone", parameter["name"])),
            Some(changed) if names(&parameter["schema"], "type") != names(&changed["schema"], "type") => {
                found.push(format!("{route}: the parameter {} has another type", parameter["name"]));
            }
            Some(_) => {}
        }
    }
    for (media_type, content) in old.0["requestBody"]["content"].as_object().into_iter().flatten() {
        let Some(changed) = new.0["requestBody"]["content"].get(media_type) else {
            found.push(format!("{route}: a body of {media_type} is no longer accepted"));
            continue;
        };
        let (schema, changed) = (resolve(&content["schema"], old.1), resolve(&changed["schema"], new.1));
        for required in names(changed, "required").difference(&names(schema, "required")) {
            found.push(format!("{route}: the member {required} is now required"));
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            match changed["properties"].get(name) {
                None => found.push(format!("{route}: the member {name} is no longer known")),
                Some(changed) if !names(member, "type").is_subset(&names(changed, "type")) => {
                    found.push(format!("{route}: the member {name} has another type"));
                }
                Some(_) => {}
            }
        }
    }
}

/// Changes the document with `change` and returns what breaks.
fn breaks_after(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let (before, mut after) = (document(), document());
    change(&mut after);
    breaks(&before, &after)
}

#[test]
fn a_change_that_breaks_a_client_is_found() {
    let photo = "/components/schemas/Photo";
    let without = |pointer: &str, name: &str, document: &mut Value| {
        document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    };
    assert_eq!(breaks_after(|_| ()), [""; 0]);
    assert!(!breaks_after(|document| without("/paths", "/list", document)).is_empty());
    assert!(!breaks_after(|document| without("/paths/~1list/post/responses", "200", document)).is_empty());
    assert!(!breaks_after(|document| without(&format!("{photo}/properties"), "size", document)).is_empty());
    assert!(!breaks_after(|document| document.pointer_mut(photo).unwrap()["required"] = json!(["size"])).is_empty());
    let size = format!("{photo}/properties/size/type");
    assert!(!breaks_after(|document| *document.pointer_mut(&size).unwrap() = json!("string")).is_empty());
    let login = "/paths/~1login/post/requestBody/content/application~1json/schema";
    let required = format!("{login}/required");
    let add =
        |document: &mut Value| document.pointer_mut(&required).unwrap().as_array_mut().unwrap().push(json!("otp"));
    assert!(!breaks_after(add).is_empty());
    assert!(!breaks_after(|document| without(&format!("{login}/properties"), "password", document)).is_empty());
    let limit = "/paths/~1list/post/parameters";
    assert!(!breaks_after(|document| *document.pointer_mut(limit).unwrap() = json!([])).is_empty());
}

#[test]
fn a_change_that_no_client_notices_breaks_nothing() {
    let change = |document: &mut Value| {
        document["paths"]["/new"] = document["paths"]["/list"].clone();
        document.pointer_mut("/components/schemas/Photo/properties").unwrap()["title"] = json!({"type": "integer"});
        document
            .pointer_mut("/components/schemas/Photo/required")
            .unwrap()
            .as_array_mut()
            .unwrap()
            .push(json!("title"));
        document.pointer_mut("/components/schemas/UploadState/oneOf/1").unwrap()["description"] = json!("New words");
    };
    assert_eq!(breaks_after(change), [""; 0]);
}

#[test]
fn a_version_is_compared_part_by_part() {
    let version = |text: &str| json!({"info": {"version": text}});
    assert!(is_newer(&version("1.9.0"), &version("1.10.0")));
    assert!(!is_newer(&version("1.0.0"), &version("1.0.0")));
    assert!(!is_newer(&version("2.0.0"), &version("1.9.9")));
}
