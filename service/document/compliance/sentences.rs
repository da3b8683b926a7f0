//! The sentences of a compliance report: what it found, what it cannot show, which numbers it used.

use super::super::assurance::CheckRow;
use super::attested::{ManualRow, ManualState};
use super::emergencies::EmergencyShare;
use super::gates::FollowedRow;
use super::requirements::{Conclusion, FrameworkResult};
use super::tested::{Counts, ResultRow, Tested};
use super::{ElsewhereRow, Population};
use crate::check::CheckResult;
use crate::domain::deployment::Status;
use crate::domain::words::count;

pub(super) fn summary(
    population: &Population,
    results: &[ResultRow],
    tested: &Tested<'_>,
    period_checks: &[CheckRow],
    frameworks: &[FrameworkResult],
    emergencies: &EmergencyShare,
    against_gate: &[FollowedRow],
) -> Vec<String> {
    if population.count == 0 {
        let mut sentences = vec!["The ledger holds no deployment attempt in this scope and period.".to_owned()];
        sentences.extend(of_period(period_checks));
        sentences.extend(frameworks.iter().map(framework));
        sentences.extend(attestations(frameworks));
        return sentences;
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
            "All {} that the ledger holds for this scope and period were tested against {}; none was sampled.",
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
    if !tested.excepted.is_empty() {
        sentences.push(format!(
            "An exception excused {}; all are listed in full, each with the exception.",
            count(tested.excepted.len(), "deployment")
        ));
    }
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
    sentences.extend(against(against_gate));
    sentences.extend(of_period(period_checks));
    sentences.extend(frameworks.iter().map(framework));
    sentences.extend(attestations(frameworks));
    sentences
}

/// What went ahead against the answer of the gate; nothing where nothing did.
fn against(rows: &[FollowedRow]) -> Option<String> {
    let silent = rows.iter().filter(|row| row.answer.said.override_reason.is_none());
    (!rows.is_empty()).then(|| {
        format!(
            "{} went ahead although the gate had not allowed it, {} of them without a recorded override.",
            count(rows.len(), "deployment"),
            silent.count()
        )
    })
}

/// What meets the period and counts in another; nothing where there is none.
pub(super) fn elsewhere(rows: &[ElsewhereRow]) -> Option<String> {
    let failing = rows.iter().filter(|row| !row.failed.is_empty()).count();
    let claim = match rows.len() {
        0 => return None,
        1 => "claims",
        _ => "claim",
    };
    Some(format!(
        "{} of which something was recorded in this period, or is said to have happened in it, {claim} to have begun at another time: \
         not counted, but listed apart; {failing} of these failed at least one check.",
        count(rows.len(), "attempt"),
    ))
}

/// What checks of the period as a whole did not show; nothing where all passed.
fn of_period(checks: &[CheckRow]) -> Option<String> {
    let of = |wanted| {
        let found = checks.iter().filter(move |row| row.result == wanted);
        found.map(|row| row.id).collect::<Vec<_>>()
    };
    let parts = [
        ("failed", CheckResult::Fail),
        ("cannot be told", CheckResult::NotEvaluable),
    ];
    let parts = parts.into_iter().filter_map(|(words, result)| match of(result) {
        ids if ids.is_empty() => None,
        ids => Some(format!("{words}: {}", ids.join(", "))),
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| format!("Of the checks of the period as a whole, {}.", parts.join("; ")))
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
        "{} {}: of {}, the ledger shows evidence for {}, does not for {}, and holds too little to tell for {}; {} did not apply, \
         and only people can attest {}.",
        result.title,
        result.version,
        count(result.requirements.len(), "requirement"),
        of(Conclusion::Shown),
        of(Conclusion::NotShown),
        of(Conclusion::Insufficient),
        of(Conclusion::NotApplicable),
        of(Conclusion::Manual),
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
    let part = |words: &str, n: usize| match n {
        0 => String::new(),
        n => format!("{words} {n}"),
    };
    match counts.tested {
        0 if counts.not_evaluable == 0 => "did not apply".to_owned(),
        0 => "the ledger cannot tell".to_owned(),
        tested => format!(
            "evidence for {} of {tested}{}{}{}",
            counts.pass,
            part(", not for", counts.fail),
            part(", excepted", counts.excepted),
            part("; cannot tell for", counts.not_evaluable)
        ),
    }
}

/// What the results come to for a requirement; `beside` are the checks of the whole period that did not pass, where deployments are
/// counted.
pub(super) fn requirement(
    conclusion: Conclusion,
    counts: &Counts,
    beside: &[(&str, CheckResult)],
    elsewhere: &Counts,
) -> String {
    let words = match conclusion {
        Conclusion::Shown => "The ledger shows evidence",
        Conclusion::NotShown => "The ledger does not show evidence",
        Conclusion::Insufficient => "Insufficient evidence",
        Conclusion::NotApplicable => return format!("Did not apply to any deployment{}", not_counted(elsewhere)),
        Conclusion::Manual => return "Only people can attest it".to_owned(),
    };
    let conclusion = self::conclusion(counts);
    // The words have said already that it is evidence.
    let conclusion = conclusion.strip_prefix("evidence ").unwrap_or(&conclusion);
    let of = |wanted| {
        beside
            .iter()
            .filter(move |(_, result)| *result == wanted)
            .map(|(id, _)| *id)
    };
    let of_period = [
        ("; not for the period as a whole", CheckResult::Fail),
        ("; cannot tell for the period as a whole", CheckResult::NotEvaluable),
    ];
    let of_period = of_period.map(|(words, result)| match of(result).collect::<Vec<_>>() {
        ids if ids.is_empty() => String::new(),
        ids => format!("{words} ({})", ids.join(", ")),
    });
    format!("{words}: {conclusion}{}{}", of_period.concat(), not_counted(elsewhere))
}

/// What counts in another period, of that to which a requirement applies; nothing where that is nothing.
fn not_counted(elsewhere: &Counts) -> String {
    match elsewhere.tested + elsewhere.not_evaluable {
        0 => String::new(),
        n => format!(
            "; not counted, of another period by their start: {}, {} of them failed",
            count(n, "attempt"),
            elsewhere.fail
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excepted_is_no_evidence_and_what_failed_beside_the_deployments_is_named() {
        let counts = Counts {
            tested: 9,
            pass: 7,
            fail: 0,
            excepted: 2,
            not_applicable: 4,
            not_evaluable: 1,
        };
        assert_eq!(
            conclusion(&counts),
            "evidence for 7 of 9, excepted 2; cannot tell for 1"
        );
        let beside = [
            ("DL-POP-1", CheckResult::Pass),
            ("DL-POP-2", CheckResult::Fail),
            ("DL-POP-3", CheckResult::NotEvaluable),
        ];
        assert_eq!(
            requirement(Conclusion::NotShown, &counts, &beside, &Counts::default()),
            "The ledger does not show evidence: for 7 of 9, excepted 2; cannot tell for 1; not for the period as a whole \
             (DL-POP-2); cannot tell for the period as a whole (DL-POP-3)"
        );
        let all = Counts {
            pass: 9,
            excepted: 0,
            not_evaluable: 0,
            ..counts
        };
        assert_eq!(
            requirement(Conclusion::Shown, &all, &[], &counts),
            "The ledger shows evidence: for 9 of 9; not counted, of another period by their start: 10 attempts, 0 of them failed"
        );
    }
}
