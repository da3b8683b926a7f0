//! The compliance report in OSCAL 1.2.1: what was assessed and found (assessment-results), how (assessment-plan), and which requirements the
//! ledger supports with which checks (component-definition).
//!
//! Pure, and made from the report alone: the same report gives the same documents, their UUIDs included. Ids of requirements are those of
//! the catalogue; no text of a standard is in them. Source: <https://pages.nist.gov/OSCAL/>.

mod component;
mod concerned;
mod concluded;
mod findings;
mod observed;
mod plan;
mod results;
mod risks;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::tested::Counts;
use super::{ComplianceReport, FrameworkResult};

/// The version of OSCAL that is written.
pub const VERSION: &str = "1.2.1";
/// The namespace of properties that OSCAL does not know.
const NAMESPACE: &str = "https://shipslog.dev/ns/oscal";

/// A model of OSCAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// What was found.
    AssessmentResults,
    /// How it was assessed.
    AssessmentPlan,
    /// What supports which requirement.
    ComponentDefinition,
}

impl Model {
    /// The name of its document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AssessmentResults => "assessment-results",
            Self::AssessmentPlan => "assessment-plan",
            Self::ComponentDefinition => "component-definition",
        }
    }
}

/// Writes a report in a model. Prose of OSCAL is Markdown: `escape` makes text from outside stay text in it.
pub fn document(report: &ComplianceReport, model: Model, escape: fn(&str) -> String) -> Value {
    let writer = Writer { report, escape };
    let content = match model {
        Model::AssessmentResults => results::content(&writer),
        Model::AssessmentPlan => plan::content(&writer),
        Model::ComponentDefinition => component::content(&writer),
    };
    let mut document = Map::new();
    document.insert(model.name().to_owned(), content);
    without_empty(Value::Object(document))
}

/// What all models are written with.
struct Writer<'a> {
    report: &'a ComplianceReport,
    escape: fn(&str) -> String,
}

impl Writer<'_> {
    /// The UUID of a part: version 5, from what the report was made of and the name of the part.
    fn uuid(&self, part: &str) -> String {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, NAMESPACE.as_bytes());
        let generated = &self.report.generated;
        let name = format!(
            "{}\n{}\n{}\n{}\n{part}",
            generated.ledger.root, generated.query, generated.catalogue.sha256, generated.tool.version
        );
        Uuid::new_v5(&namespace, name.as_bytes()).to_string()
    }

    /// Prose with text from outside in it.
    fn prose(&self, text: &str) -> String {
        (self.escape)(text)
    }

    fn metadata(&self, title: &str) -> Value {
        let generated = &self.report.generated;
        json!({
            "title": title,
            "last-modified": self.report.integrity.recorded_until,
            "version": format!("tree size {}", generated.ledger.tree_size),
            "oscal-version": VERSION,
            "props": self.props(&[
                ("log-origin", &generated.ledger.origin),
                ("tree-size", &generated.ledger.tree_size),
                ("root", &generated.ledger.root),
                ("query", &generated.query),
                ("catalogue-sha256", &generated.catalogue.sha256),
                ("tool", &format!("{} {}", generated.tool.name, generated.tool.version)),
            ]),
        })
    }

    /// Properties in the namespace of their own. A value is one line that neither begins nor ends with a space.
    fn props(&self, pairs: &[(&str, &dyn ToString)]) -> Value {
        let prop = |(name, value): &(&str, &dyn ToString)| {
            let text = value.to_string();
            let words: Vec<&str> = text.split_whitespace().collect();
            (!words.is_empty()).then(|| json!({ "name": name, "ns": NAMESPACE, "value": words.join(" ") }))
        };
        pairs.iter().filter_map(prop).collect()
    }

    /// The controls of a framework that are looked at; all of them where none is asked for.
    fn controls(&self, framework: Option<&FrameworkResult>) -> Value {
        let selection = match framework {
            None => json!({ "include-all": {} }),
            Some(framework) => {
                let ids = framework
                    .requirements
                    .iter()
                    .map(|row| json!({ "control-id": row.control }));
                json!({ "include-controls": ids.collect::<Vec<_>>() })
            }
        };
        json!({ "control-selections": [selection] })
    }

    /// A resource at the end of the document that something points to.
    fn resource(&self, part: &str, title: &str, description: &str) -> (String, Value) {
        let uuid = self.uuid(part);
        let href = format!("#{uuid}");
        (
            href,
            json!({ "uuid": uuid, "title": title, "description": description }),
        )
    }
}

/// An entry of the ledger, as evidence.
fn entry(index: u64) -> Value {
    json!({ "href": format!("/v1/events/{index}"), "description": format!("Entry {index} of the ledger.") })
}

/// How often something came out how, as properties.
fn counts(writer: &Writer<'_>, counts: &Counts) -> Value {
    writer.props(&[
        ("tested", &counts.tested),
        ("pass", &counts.pass),
        ("fail", &counts.fail),
        ("excepted", &counts.excepted),
        ("not-applicable", &counts.not_applicable),
        ("not-evaluable", &counts.not_evaluable),
    ])
}

/// Takes away members without a value and lists without an item: OSCAL allows neither.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, without_empty(value)));
            let present = |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
            Value::Object(members.filter(|(_, value)| present(value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_empty).collect()),
        other => other,
    }
}
