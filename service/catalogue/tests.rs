use super::*;

fn own(files: &[(&str, &str)]) -> Result<Catalogue, Mistakes> {
    let files = files
        .iter()
        .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()));
    Catalogue::with(&files.collect())
}

fn mistakes(source: &str) -> Vec<String> {
    let Mistakes(mistakes) = own(&[("own.toml", source)]).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

const FRAMEWORK: &str = "[framework]\nid = \"acme\"\nversion = \"1\"\ntitle = \"ACME\"\npublisher = \"ACME\"\n";

#[test]
fn what_is_built_in_has_no_mistake() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(catalogue.frameworks.len(), BUILT_IN.len());
}

/// Findings of a check that no requirement asks for would matter to nobody.
#[test]
fn every_check_supports_a_requirement() {
    let catalogue = Catalogue::built_in().unwrap();
    let requirements = catalogue
        .frameworks
        .iter()
        .flat_map(|framework| &framework.requirements);
    let used: Vec<&str> = requirements
        .filter_map(|requirement| requirement.supported_by.as_ref())
        .flat_map(|support| support.checks().to_vec())
        .collect();
    for check in &CATALOGUE {
        assert!(used.contains(&check.id), "{}", check.id);
    }
}

/// A check of the effect on users, of administrators or of builds is no evidence of something else.
#[test]
fn what_no_check_speaks_to_is_for_people_to_attest() {
    let catalogue = Catalogue::built_in().unwrap();
    for (framework, id) in [
        ("nist-800-53", "CM-4"),
        ("eu-dora", "17(1)(h)"),
        ("cfr-21-part-11", "11.10(k)(2)"),
        ("slsa-source", "L3"),
    ] {
        let requirements = &catalogue.framework(framework).unwrap().requirements;
        let row = requirements.iter().find(|row| row.id == id).unwrap();
        assert!(row.supported_by.is_none() && !row.manual.is_empty(), "{framework} {id}");
    }
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let source = format!(
        "{FRAMEWORK}
[[requirement]]
id = \"1\"
title = \"Unknown check, no share\"
all = [\"DL-AUTH-1\", \"DL-NONE-1\"]
coverage = \"partial\"
tolerance = {{ max_fail_rate = 2.0 }}

[[requirement]]
id = \"1\"
title = \"The same id, and two rules\"
all = [\"DL-AUTH-1\"]
any = [\"DL-AUTH-2\"]
coverage = \"full\"

[[requirement]]
id = \"2\"
title = \"Nothing that supports it\"
coverage = \"full\"

[[requirement]]
id = \"3\"
title = \"More than there are\"
n_of = {{ n = 3, of = [\"DL-AUTH-1\", \"DL-AUTH-1\"] }}
coverage = \"full\"

[[requirement]]
id = \"4\"
title = \"What people attest, under a name that cannot be typed and for too long\"
coverage = \"supporting\"
manual = [{{ id = \"four eyes\", title = \"Four eyes\", valid_days = 9999 }}]

[[scope]]
framework = \"acme\"
from = \"2026-02-01\"
to = \"2026-01-01\"

[[scope]]
framework = \"other\"
services = [\" padded\"]
from = \"soon\"

[parameters]
min_approvers = 99
nothing = 1
"
    );
    insta::assert_snapshot!(mistakes(&source).join("\n"));
}

#[test]
fn a_word_that_is_not_known_hides_no_other_mistake() {
    let source = format!(
        "{FRAMEWORK}colour = \"red\"

[[requirement]]
id = \"1\"
titel = \"Misspelt\"
all = [\"DL-NONE-1\"]
coverage = \"most\"

[[requirement]]
title = 3
all = \"DL-AUTH-1\"
coverage = \"full\"
manual = [{{ id = \"one\", title = \"One\" }}, {{ id = \"two\", title = \"Two\", valid_days = 0 }}]

[[scope]]
framework = \"other\"
service = [\"payments\"]

[parameters]
nothing = 1
"
    );
    insta::assert_snapshot!(mistakes(&source).join("\n"));
}

#[test]
fn what_cannot_be_read_is_one_mistake_of_its_file() {
    assert_eq!(mistakes("[framework\n").len(), 1);
    let unknown = mistakes(&format!("{FRAMEWORK}colour = \"red\"\n"));
    assert!(
        unknown[1].starts_with("own.toml:6: unknown field `colour`"),
        "{unknown:?}"
    );
    let long = mistakes(&"#".repeat(MAX_SOURCE_BYTES + 1));
    assert!(long[0].contains("must not be longer"), "{long:?}");
}

#[test]
fn scopes_of_a_framework_do_not_overlap() {
    let scope = |services: &str, from: &str, to: &str| {
        format!("[[scope]]\nframework = \"soc2\"\nservices = [{services}]\nfrom = \"{from}\"\nto = \"{to}\"\n")
    };
    let apart = [
        scope("\"payments\"", "2026-01-01", "2026-02-01"),
        scope("\"payments\"", "2026-02-01", "2026-03-01"),
        scope("\"billing\"", "2026-01-01", "2026-02-01"),
    ];
    assert!(own(&[("own.toml", &apart.concat())]).is_ok());
    let both = [apart[0].as_str(), &scope("", "2026-01-31", "2026-03-01")].concat();
    assert_eq!(
        mistakes(&both),
        ["own.toml:7: this scope of `soc2` overlaps another one"]
    );
}

#[test]
fn an_own_framework_takes_the_place_of_a_built_in_one_and_changes_the_digest() {
    let source = FRAMEWORK.replace("acme", "soc2")
        + "[[requirement]]\nid = \"X\"\ntitle = \"X\"\nany = [\"DL-AUTH-1\", \"DL-SOD-1\"]\ncoverage = \"full\"\n";
    let catalogue = own(&[("own.toml", &source)]).unwrap();
    assert_eq!(catalogue.framework("soc2").unwrap().title, "ACME");
    assert_eq!(catalogue.frameworks.len(), BUILT_IN.len());
    assert_ne!(catalogue.sha256(), Catalogue::built_in().unwrap().sha256());
    let twice = own(&[("a.toml", &source), ("b.toml", &source)]).unwrap_err();
    assert_eq!(twice.to_string(), "b.toml:2: framework `soc2` is in another file too");
}

#[test]
fn parameters_are_set_by_name() {
    let catalogue = own(&[("own.toml", "[parameters]\nmin_approvers = 2\n")]).unwrap();
    assert_eq!(catalogue.parameters.min_approvers, 2);
}
