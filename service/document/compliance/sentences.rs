//! The sentences of a compliance report: what it found, what it cannot show, which numbers it used.

use super::Population;
use super::attested::{ManualRow, ManualState};
use super::requirements::{Conclusion, FrameworkResult};
use super::tested::{Counts, EmergencyShare, ResultRow, Tested};
use crate::check::CheckResult;
use crate::domain::deployment::Status;
use crate::domain::words::count;

pub(super) fn summary(
    population: &Population,
    results: &[ResultRow],
    tested: &Tested<'_>,
    frameworks: &[FrameworkResult],
    emergencies: &EmergencyShare,
) -> Vec<String> {
    if population.count == 0 {
        return vec!["The ledger holds no deployment attempt in this scope and period.".to_owned()];
    }
    let failing = tested
        .results
        .iter()
        .filter(|results| results.any(CheckResult::Fail))
        .count();
    let total: usize = results.iter().map(|row| row.counts.tested).sum();
    let passed: usize = results.iter().map(|row| row.counts.pass).sum();
    let gaps: usize = results.iter().map(|row| row.counts.not_evaluable).sum();
    let unfinished = tested
        .results
        .iter()
        .filter(|t| t.deployment.status() != Status::Finished)
        .count();
    let mut sentences = vec![
        format!(
            "All {} that the ledger holds for this scope were tested against {}; none was sampled.",
            count(population.count, "deployment attempt"),
            count(results.len(), "check"),
        ),
        format!(
            "The ledger shows evidence for {passed} of {} made.",
            count(total, "test")
        ),
        match failing {
            0 => "No deployment failed a check.".to_owned(),
            n => format!(
                "{} failed at least one check; all are listed in full under Exceptions.",
                count(n, "deployment")
            ),
        },
    ];
    if gaps > 0 {
        sentences.push(format!(
            "In {} the ledger holds too little to tell; that is not a pass.",
            count(gaps, "case")
        ));
    }
    if unfinished > 0 {
        sentences.push(format!(
            "{} no recorded end.",
            if unfinished == 1 {
                "1 attempt has".to_owned()
            } else {
                format!("{unfinished} attempts have")
            }
        ));
    }
    match emergencies.count {
        0 => {}
        1 => sentences.push(format!("1 of {} was recorded as an emergency change.", emergencies.of)),
        n => sentences.push(format!("{n} of {} were recorded as emergency changes.", emergencies.of)),
    }
    if emergencies.above == Some(true) {
        sentences.push(format!(
            "That is more than {} %, a warning sign: the usual way may be too slow, or go round its controls.",
            emergencies.max_percent
        ));
    }
    sentences.extend(frameworks.iter().map(framework));
    sentences.extend(attestations(frameworks));
    sentences
}

/// One sentence for a framework. It counts conclusions, and draws none.
fn framework(result: &FrameworkResult) -> String {
    let of = |wanted| {
        result
            .requirements
            .iter()
            .filter(|row| row.conclusion == wanted)
            .count()
    };
    format!(
        "{} {}: of {}, the ledger shows evidence for {}, does not for {}, and holds too little to tell for {}.",
        result.title,
        result.version,
        count(result.requirements.len(), "requirement"),
        of(Conclusion::Shown),
        of(Conclusion::NotShown),
        of(Conclusion::Insufficient),
    )
}

/// How what people must attest stands; nothing where no requirement asks for any.
fn attestations(frameworks: &[FrameworkResult]) -> Option<String> {
    let requirements = frameworks.iter().flat_map(|framework| &framework.requirements);
    let asked: Vec<&ManualRow> = requirements.flat_map(|row| &row.manual).collect();
    let of = |wanted: &[ManualState]| asked.iter().filter(|row| wanted.contains(&row.state)).count();
    (!asked.is_empty()).then(|| {
        format!(
            "Of {} that requirements ask people for, these count at the end of the period: {}; for some services alone: {}; \
             ran out before or taken back: {}; not recorded: {}.",
            count(asked.len(), "attestation"),
            of(&[ManualState::Attested]),
            of(&[ManualState::Partly]),
            of(&[ManualState::Expired, ManualState::Revoked]),
            of(&[ManualState::Missing]),
        )
    })
}

pub(super) fn limits(population: &Population) -> Vec<String> {
    let mut limits = vec![
        "The ledger proves that nothing was removed or changed after it was recorded. It does not prove that everything \
         was recorded: a deployment that no producer reported is not in the population. What runtime \
         snapshots and the numbers of sources tell about that stands under Completeness, with what they do not cover."
            .to_owned(),
        "Times are claims of the producers; the time and order of recording are the ledger's own. Where both matter, \
         checks ask for both."
            .to_owned(),
        "People are compared by the names that producers recorded and by the aliases that are declared; where two names \
         look alike and no alias tells, the result is not evaluable."
            .to_owned(),
        "Whether these checks suffice for a framework or a law is a judgement that this report does not make.".to_owned(),
    ];
    if population.over_shared_secret > 0 {
        limits.push(format!(
            "{} records that reached the service over a shared secret (a webhook). Their senders cannot be proved.",
            if population.over_shared_secret == 1 {
                "1 attempt has".to_owned()
            } else {
                format!("{} attempts have", population.over_shared_secret)
            },
        ));
    }
    limits
}

pub(super) fn conclusion(counts: &Counts) -> String {
    let gap = match counts.not_evaluable {
        0 => String::new(),
        n => format!("; cannot tell for {n}"),
    };
    match (counts.tested, counts.fail) {
        (0, _) if counts.not_evaluable == 0 => "did not apply".to_owned(),
        (0, _) => "the ledger cannot tell".to_owned(),
        (tested, 0) => format!("evidence for {tested} of {tested}{gap}"),
        (tested, fail) => format!("evidence for {} of {tested}, not for {fail}{gap}", counts.pass),
    }
}

/// What the results come to for a requirement.
pub(super) fn requirement(conclusion: Conclusion, counts: &Counts) -> String {
    let words = match conclusion {
        Conclusion::Shown => "The ledger shows evidence",
        Conclusion::NotShown => "The ledger does not show evidence",
        Conclusion::Insufficient => "Insufficient evidence",
        Conclusion::NotApplicable => return "Did not apply to any deployment".to_owned(),
        Conclusion::Manual => return "Only people can attest it".to_owned(),
    };
    let conclusion = self::conclusion(counts);
    // The words have said already that it is evidence.
    format!(
        "{words}: {}",
        conclusion.strip_prefix("evidence ").unwrap_or(&conclusion)
    )
}
