//! Hostile text in every free field, through both documents, to HTML.

use super::*;
use crate::domain::Recorded;
use crate::domain::conclusion::AuditResult;
use crate::domain::extension::{Actor, DependencyChange, PullRequest, TestDetail, TicketRef};
use crate::domain::fixture::attested;

const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "](https://evil.example) [",
    "# heading\n## heading",
    "a | b | c\n|---|---|\n| d |",
    "```\ncode",
    "`` ` ``",
    "<https://evil.example> https://evil.example www.evil.example",
    "\u{202e}txet\u{2066} \u{0} \u{1b}[31m",
    "{{ 7 * 7 }} {% include 'x' %}",
    "\\ \\| \\` &lt;b&gt; &#60;b&#62;",
    "- item\n\n    code\n\n***\n\n<!-- c --> <b>bold</b> **bold** _soft_ ~~gone~~ [ref]: x \"t\"",
];

const URLS: [&str; 5] = [
    "javascript:alert(1)",
    "https://evil.example/\"onmouseover=alert(1)",
    "https://evil.example/)|(<script>",
    "//evil.example",
    "data:text/html,<script>alert(1)</script>",
];

/// The tags that a document may hold.
const TAGS: [&str; 23] = [
    "h1",
    "h2",
    "h3",
    "p",
    "ul",
    "ol",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "em",
    "code",
    "pre",
    "a",
    "hr",
    "hr/",
    "br",
    "br/",
    "blockquote",
];

const AUDIENCES: [Audience; 3] = [Audience::Auditor, Audience::Manager, Audience::Customer];

fn poison(record: &mut Recorded, text: &str, url: &str) {
    let extension = &mut record.event.extension;
    extension.version = extension.version.as_ref().map(|v| format!("{v} {text}"));
    extension.actor = Some(Actor {
        id: text.to_owned(),
        kind: None,
        name: Some(text.to_owned()),
    });
    extension.reason = Some(text.to_owned());
    extension.impact = Some(text.to_owned());
    extension.risk = Some(Risk {
        level: RiskLevel::High,
        text: Some(text.to_owned()),
    });
    extension.rollout = Some(Rollout {
        share_percent: 0,
        strategy: Some(text.to_owned()),
    });
    extension.highlights = Some(text.to_owned());
    extension.exceptions = vec![text.to_owned(), "EX-1".to_owned()];
    extension.severity = Some(text.to_owned());
    extension.role = Some(text.to_owned());
    extension.run_url = Some(url.to_owned());
    extension.remediates = Some("INC-7".to_owned());
    extension.rollback_plan = Some(RollbackPlan {
        reference: Some(url.to_owned()),
        target_version: Some(text.to_owned()),
    });
    extension.test = Some(TestDetail {
        kind: Some(text.to_owned()),
        passed: Some(1),
        failed: None,
        skipped: None,
        url: Some(url.to_owned()),
    });
    extension.tickets.push(TicketRef {
        id: text.to_owned(),
        title: Some(text.to_owned()),
        url: Some(url.to_owned()),
    });
    extension.pull_requests.push(PullRequest {
        id: text.to_owned(),
        title: Some(text.to_owned()),
        url: Some(url.to_owned()),
        author: Some(text.to_owned()),
        approved_by: vec![],
        merged_by: None,
        merge_commit: None,
    });
    extension.dependency_changes.push(DependencyChange {
        name: text.to_owned(),
        from: Some(text.to_owned()),
        to: None,
    });
    let word: String = text.split_whitespace().collect();
    extension.commits.push(commit(
        &format!("chore(deps): bump {word} from 1{word} to 2{word}"),
        text,
    ));
    extension.commits.push(commit(text, text));
    extension.commits.push(commit(
        &format!("feat({text})!: {text}\n\nBREAKING CHANGE: {text}"),
        text,
    ));
    extension.commits.push(commit(&format!("fix(scope): {text}"), text));
    if let Some(highlight) = &mut extension.highlight {
        highlight.text = text.to_owned();
    }
    if let Some(attestation) = &mut extension.attestation {
        attestation.statement = text.to_owned();
        attestation.evidence = vec![url.to_owned(), text.to_owned()];
    }
    if let Some(conclusion) = &mut extension.conclusion {
        conclusion.text = text.to_owned();
    }
    if let Some(declaration) = &mut extension.declaration {
        declaration.team = Some(text.to_owned());
        declaration.ticket_links.push(TicketLink {
            prefix: "PAY-1".to_owned(),
            url: format!("{url}{{id}}"),
        });
    }
    match &mut record.event.body {
        Body::Deployment { artifact, .. } => artifact.id = text.to_owned(),
        Body::Incident {
            description, ticket, ..
        } => {
            *description = Some(text.to_owned());
            *ticket = Some(text.to_owned());
        }
        Body::TestRun(run) => {
            run.name = Some(text.to_owned());
            run.kind = Some(text.to_owned());
            run.uri = Some(url.to_owned());
        }
        Body::Approval(approval) => approval.person = Some(text.to_owned()),
        _ => {}
    }
}

/// Fails on any tag or attribute that a document does not need, and on rows that lost or won a cell.
#[track_caller]
fn inspect(html: &str, input: &str) {
    for part in html.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        assert!(TAGS.contains(&name), "<{tag}> from {input:?}");
        let attributes = tag.trim_start_matches('/')[name.len()..]
            .trim()
            .trim_end_matches('/')
            .trim();
        let fine = attributes.is_empty()
            || (matches!(name, "th" | "td") && attributes == "class=\"number\"")
            || (name == "a" && attributes.starts_with("href=\"") && attributes.matches('"').count() == 2 && {
                let target = attributes.trim_start_matches("href=\"");
                [
                    "/entries/",
                    "https://ci.example/",
                    "https://dora.dev/guides/dora-metrics/\"",
                    "https://evil.example/",
                    "https://git.example/",
                    "https://tickets.example/",
                ]
                .iter()
                .any(|start| target.starts_with(start))
            });
        assert!(fine, "<{tag}> from {input:?}");
    }
    for table in html.split("<table>").skip(1) {
        let table = table.split("</table>").next().unwrap();
        let columns = table.matches("<th>").count() + table.matches("<th ").count();
        for row in table.split("<tr>").skip(2) {
            let cells = row.matches("<td>").count() + row.matches("<td ").count();
            assert_eq!(cells, columns, "{row} from {input:?}");
        }
    }
}

#[test]
fn hostile_text_stays_text_in_every_document() {
    for (at, text) in HOSTILE.iter().enumerate() {
        let url = URLS[at % URLS.len()];
        let mut ledger = busy();
        let mut granted = grant(&["DL-CHG-1"]);
        granted.approved_by = (*text).to_owned();
        ledger.except(-9000, "EX-1", granted);
        ledger.except(-9000, text, grant(&["DL-CHG-2"]));
        let drawn = ledger.sample(9000, &[1, 2]).index;
        for item in [None, Some(1), Some(99)] {
            ledger.conclude(9001, drawn, item, AuditResult::Exception);
        }
        ledger.conclude(9001, 0, None, AuditResult::NotTested);
        for item in ["no-live-pan", text] {
            ledger.attest(9000, text, text, attested(item));
        }
        for record in &mut ledger.records {
            poison(record, text, url);
        }
        let ids: Vec<String> = ledger
            .deployments()
            .iter()
            .filter(|d| d.environment.as_str() == "production" && d.service.as_str() == "payments")
            .map(|d| d.id.to_string())
            .collect();
        assert_eq!(ids.len(), 4, "{text:?}");
        for id in &ids {
            for audience in AUDIENCES {
                let scope = Scope::Deployment(id.parse().unwrap());
                inspect(to_html(&variant(&ledger, scope, audience).1).as_str(), text);
            }
        }
        inspect(
            to_html(&markdown(
                release_notes::TEMPLATE,
                &range(&ledger, "2026-01-01", "run-4").unwrap(),
            ))
            .as_str(),
            text,
        );
        for audience in AUDIENCES {
            let (_, several) = release_of(&ledger, &["payments", "search", "nowhere"], -5000, 5000, audience);
            inspect(to_html(&several).as_str(), text);
        }
        inspect(
            to_html(&markdown(compliance::TEMPLATE, &report_on(&ledger, &["pci-dss"]))).as_str(),
            text,
        );
        let service = service_report_document::compose(&ledger, "2026-03-01", "2026-03-08", "UTC").unwrap();
        inspect(to_html(&markdown(service_report::TEMPLATE, &service)).as_str(), text);
    }
}

#[test]
fn plain_documents_hold_only_allowed_tags_too() {
    let html = to_html(&markdown(release_notes::TEMPLATE, &notes_of(&story(), "run-4")));
    inspect(html.as_str(), "the story");
    assert!(
        html.as_str().contains("<h2>Withdrawn by this deployment</h2>"),
        "{}",
        html.as_str()
    );
}
