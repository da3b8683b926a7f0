//! Setting parameters by name.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_parameter_is_set_by_its_name_in_its_unit() {
    let mut parameters = Parameters::default();
    assert!(parameters.rows().iter().all(|row| row.default));
    for (name, value) in [
        ("late_after", json!(30)),
        ("min_approvers", json!(2)),
        ("approver_roles", json!(["release manager", "duty officer"])),
        ("required", json!(["DL-TST-3"])),
        ("scan_threshold", json!("low")),
        ("gate_testing", json!([])),
    ] {
        parameters.set(name, &value).unwrap();
    }
    let rows = parameters.rows();
    let set = rows
        .iter()
        .filter(|row| !row.default)
        .map(|row| (row.name, row.value.as_str()));
    let expected = [
        ("late_after", "30 min"),
        ("min_approvers", "2 approvers"),
        ("approver_roles", "release manager, duty officer"),
        ("scan_threshold", "low"),
        ("required", "DL-TST-3"),
    ];
    assert_eq!(set.collect::<Vec<_>>(), expected);
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let mut parameters = Parameters::default();
    for (name, value, message) in [
        ("late", json!(1), "there is no parameter `late`; there are late_after, "),
        (
            "min_approvers",
            json!(0),
            "the parameter `min_approvers` must be a whole number of approvers from 1 to 5",
        ),
        ("min_approvers", json!("2"), "must be a whole number"),
        ("late_after", json!(1.5), "minutes from 1 to 1440"),
        ("late_after", json!(-5), "minutes from 1 to 1440"),
        (
            "required",
            json!(["DL-TST-9"]),
            "names `DL-TST-9`, which is no check of deployments",
        ),
        (
            "gate_staging",
            json!(["DL-POP-1"]),
            "names `DL-POP-1`, which is no check of deployments",
        ),
        ("test_kinds", json!(["unit", " "]), "must be a list of words"),
        ("test_kinds", json!("unit"), "must be a list of words"),
        ("declared_approvers", json!("yes"), "must be true or false"),
        (
            "scan_threshold",
            json!("severe"),
            "must be low, medium, high or critical",
        ),
        (
            "calendar",
            json!({ "time_zone": "Mars/Olympus" }),
            "the parameter `calendar` `Mars/Olympus` is not a zone",
        ),
    ] {
        let error = parameters.set(name, &value).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(parameters, Parameters::default());
}

#[test]
fn every_default_is_one_that_could_be_set() {
    for parameter in &TABLE {
        let standard = Parameters::default();
        let value: Value = match &parameter.kind {
            Kind::Span { unit, get, .. } => json!(get(&standard) / unit.millis()),
            Kind::Count { get, .. } => json!(get(&standard)),
            Kind::Words { get, .. } => json!(get(&standard)),
            Kind::Flag { get, .. } => json!(get(&standard)),
            Kind::Severity { get, .. } => json!(get(&standard).as_str()),
            Kind::Calendar { .. } => continue,
        };
        let mut set = Parameters::default();
        set.set(parameter.name, &value).unwrap();
        assert_eq!(set, standard, "{}", parameter.name);
    }
}
