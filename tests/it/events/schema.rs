//! The catalogue against the published schemas: required members, unknown members, words, types, at every depth of the content.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{VERSIONS, files, read};

/// Conformance files with their schema, and a name to report.
fn pairs() -> Vec<(String, Value, Value)> {
    let mut pairs = Vec::new();
    for (version, _) in VERSIONS {
        let schemas: BTreeMap<String, Value> = files(&format!("{version}/schemas"))
            .into_iter()
            .map(|(_, schema)| {
                let event_type = schema.pointer("/properties/context/properties/type/enum/0").unwrap();
                (event_type.as_str().unwrap().to_owned(), schema)
            })
            .collect();
        for (name, event) in files(&format!("{version}/conformance")) {
            let schema = schemas[event["context"]["type"].as_str().unwrap()].clone();
            pairs.push((format!("{version}/{name}"), event, schema));
        }
    }
    pairs
}

/// Calls back for every object of the schema with its place.
fn objects<'s>(schema: &'s Value, at: &str, visit: &mut dyn FnMut(&'s Map<String, Value>, &str)) {
    let Some(schema) = schema.as_object() else { return };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    visit(schema, at);
    for (name, property) in properties {
        if property["type"] == "object" {
            objects(property, &format!("{at}/{name}"), visit);
        }
    }
}

/// Fills an object in with the least that its schema asks for, so that every place of the schema can be reached.
fn ensure(event: &mut Value, schema: &Value, pointer: &str) {
    let mut at = String::new();
    let mut part = schema;
    for name in pointer.split('/').skip(1) {
        part = &part["properties"][name];
        let parent = event.pointer_mut(&at).unwrap().as_object_mut().unwrap();
        at = format!("{at}/{name}");
        if !parent.contains_key(name) {
            parent.insert(name.to_owned(), least(part));
        }
    }
}

/// A value that fits.
fn least(schema: &Value) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return least(&any[0]);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let members = required.iter().map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), least(&schema["properties"][name]))
            });
            Value::Object(members.collect())
        }
        Some("array") => Value::Array(Vec::new()),
        _ => "https://example.com/a".into(),
    }
}

/// Every object of the schema, with an event that has it.
fn places() -> Vec<(String, Value, Map<String, Value>, String)> {
    let mut places = Vec::new();
    for (name, event, schema) in pairs() {
        let mut found = Vec::new();
        objects(&schema, "", &mut |part, at| found.push((part.clone(), at.to_owned())));
        for (part, at) in found {
            let mut event = event.clone();
            ensure(&mut event, &schema, &at);
            read(&event).unwrap_or_else(|error| panic!("{name} with {at}: {error}"));
            places.push((name.clone(), event, part, at));
        }
    }
    places
}

fn object<'e>(event: &'e mut Value, at: &str) -> &'e mut Map<String, Value> {
    event.pointer_mut(at).unwrap().as_object_mut().unwrap()
}

#[test]
fn a_required_member_that_is_missing_is_named() {
    let mut cases = 0;
    for (name, event, part, at) in places() {
        for required in part.get("required").and_then(Value::as_array).into_iter().flatten() {
            let required = required.as_str().unwrap();
            let mut changed = event.clone();
            object(&mut changed, &at).remove(required).unwrap();
            let error = read(&changed).expect_err(&format!("{name} without {at}/{required}"));
            // Without either spelling the newer one is asked for.
            let named = if required == "version" { "specversion" } else { required };
            assert_eq!(error.pointer, format!("{at}/{named}"), "{name}: {error}");
            cases += 1;
        }
    }
    println!("{cases} required members");
}

#[test]
fn an_unknown_member_is_named() {
    for (name, event, part, at) in places() {
        let mut changed = event.clone();
        object(&mut changed, &at).insert("unheard~of/member".to_owned(), "x".into());
        match part.get("additionalProperties") {
            Some(Value::Bool(false)) => {
                let error = read(&changed).expect_err(&format!("{name} with more at {at}"));
                assert_eq!(error.pointer, format!("{at}/unheard~0of~1member"), "{name}: {error}");
            }
            _ => drop(read(&changed).unwrap_or_else(|error| panic!("{name} with more at {at}: {error}"))),
        }
    }
}

#[test]
fn a_member_of_the_wrong_type_is_named() {
    for (name, event, part, at) in places() {
        for (member, schema) in part["properties"].as_object().unwrap() {
            let mut changed = event.clone();
            let others: [Value; 3] = [7.into(), Value::Null, Value::Array(vec![Value::Null])];
            for other in others {
                // Custom data may be two things, links are a list, and both are tested elsewhere.
                if schema.get("oneOf").is_some() || schema.get("$ref").is_some() {
                    continue;
                }
                object(&mut changed, &at).insert(member.clone(), other.clone());
                let error = read(&changed).expect_err(&format!("{name} with {other} at {at}/{member}"));
                let place = format!("{at}/{member}");
                assert!(
                    error.pointer == place || error.pointer == format!("{place}/0"),
                    "{name}: {error}"
                );
            }
        }
    }
}

#[test]
fn words_are_the_words_of_the_schema() {
    for (name, event, part, at) in places() {
        for (member, schema) in part["properties"].as_object().unwrap() {
            let Some(words) = schema["enum"].as_array() else {
                continue;
            };
            // 0.5 leaves this open and 0.6-draft closes it under the same type version.
            if at == "/subject/content" && event["context"]["type"] == "dev.cdevents.taskrun.finished.0.3.0" {
                continue;
            }
            let mut changed = event.clone();
            for word in words {
                object(&mut changed, &at).insert(member.clone(), word.clone());
                read(&changed).unwrap_or_else(|error| panic!("{name} with {word} at {at}/{member}: {error}"));
            }
            object(&mut changed, &at).insert(member.clone(), "no-such-word".into());
            if at == "/context" {
                continue;
            }
            let error = read(&changed).expect_err(&format!("{name} with no-such-word at {at}/{member}"));
            assert_eq!(error.pointer, format!("{at}/{member}"), "{name}: {error}");
        }
    }
}

#[test]
fn text_that_must_hold_something_is_not_empty() {
    for (name, event, part, at) in places() {
        for (member, schema) in part["properties"].as_object().unwrap() {
            if schema["type"] != "string" || schema["minLength"] != 1 {
                continue;
            }
            let mut changed = event.clone();
            object(&mut changed, &at).insert(member.clone(), "".into());
            let error = read(&changed).expect_err(&format!("{name} with nothing at {at}/{member}"));
            assert_eq!(error.pointer, format!("{at}/{member}"), "{name}: {error}");
        }
    }
}

#[test]
fn a_later_version_of_a_known_type_may_have_more() {
    for (name, event, schema) in pairs() {
        let mut changed = event.clone();
        let known = event["context"]["type"].as_str().unwrap();
        let later = format!("{}.9.0.0", known.rsplitn(4, '.').last().unwrap());
        changed["context"]["type"] = later.into();
        for at in ["", "/context", "/subject", "/subject/content"] {
            object(&mut changed, at).insert("later".to_owned(), "x".into());
        }
        // Names changed with 0.5, so an event of 0.4 is not one of a later version.
        if name.starts_with("v0.4") {
            continue;
        }
        let event = read(&changed).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.event_type.version, "9.0.0");
        for required in schema
            .pointer("/properties/subject/properties/content/required")
            .into_iter()
            .flat_map(|r| r.as_array().unwrap())
        {
            let mut less = changed.clone();
            object(&mut less, "/subject/content").remove(required.as_str().unwrap());
            let error = read(&less).expect_err(&name);
            assert_eq!(
                error.pointer,
                format!("/subject/content/{}", required.as_str().unwrap()),
                "{name}"
            );
        }
    }
}
