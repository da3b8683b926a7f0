//! The sentences of a compliance report: what it found, what it cannot show, which numbers it used.

use super::{EmergencyRow, ParameterRow, Population, ResultRow, Tested};
use crate::check::{CheckResult, Parameters};
use crate::domain::deployment::Status;
use crate::domain::words::{count, span};

pub(super) fn summary(
    population: &Population,
    results: &[ResultRow],
    tested: &[Tested<'_>],
    emergencies: &[EmergencyRow],
) -> Vec<String> {
    if population.count == 0 {
        return vec!["The ledger holds no deployment attempt in this scope and period.".to_owned()];
    }
    let failing = tested
        .iter()
        .filter(|t| t.checks.iter().any(|row| row.result == CheckResult::Fail))
        .count();
    let total: usize = results.iter().map(|row| row.tested).sum();
    let passed: usize = results.iter().map(|row| row.pass).sum();
    let gaps: usize = results.iter().map(|row| row.not_evaluable).sum();
    let unfinished = tested
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
    let emergency = emergencies
        .iter()
        .filter(|row| row.deployment.kind == "emergency")
        .count();
    match emergency {
        0 => {}
        1 => sentences.push(format!(
            "1 of {} was recorded as an emergency change.",
            population.count
        )),
        n => sentences.push(format!(
            "{n} of {} were recorded as emergency changes.",
            population.count
        )),
    }
    sentences
}

pub(super) fn limits(population: &Population) -> Vec<String> {
    let mut limits = vec![
        "The ledger proves that nothing was removed or changed after it was recorded. It does not prove that everything \
         was recorded: a deployment that no producer reported is not in the population. This report does not compare \
         the ledger with what really runs, nor with the runs of the build system; shipslog completeness does."
            .to_owned(),
        "Times are claims of the producers; the time and order of recording are the ledger's own. Where both matter, \
         checks ask for both."
            .to_owned(),
        "People are compared by the names that producers recorded. The ledger holds no aliases yet; where two names may \
         be one person, the result is not evaluable."
            .to_owned(),
        "No exceptions (accepted deviations) can be recorded in this version; the count of excepted ones is therefore always 0.".to_owned(),
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

pub(super) fn parameters(parameters: &Parameters) -> Vec<ParameterRow> {
    let row = |check, name, value| ParameterRow { check, name, value };
    vec![
        row("DL-POP-4", "late after", span(parameters.late_after_ms)),
        row(
            "DL-POP-4",
            "filled in afterwards after",
            span(parameters.backfilled_after_ms),
        ),
        row("DL-POP-4", "clocks may run ahead by", span(parameters.skew_ms)),
        row(
            "DL-AUTH-1, DL-AUTH-2, DL-AUTH-3",
            "approvers",
            parameters.min_approvers.to_string(),
        ),
        row(
            "DL-CHG-2",
            "shortest reason",
            count(parameters.min_reason_chars, "character"),
        ),
        row("DL-VER-1", "verified within", span(parameters.verified_within_ms)),
    ]
}

pub(super) fn conclusion(pass: usize, fail: usize, excepted: usize, not_evaluable: usize) -> String {
    let gap = match not_evaluable {
        0 => String::new(),
        n => format!("; cannot tell for {n}"),
    };
    match (pass, fail) {
        (0, 0) if excepted == 0 && not_evaluable == 0 => "did not apply".to_owned(),
        (0, 0) if excepted == 0 => "the ledger cannot tell".to_owned(),
        (pass, 0) => format!("evidence for {0} of {0}{gap}", pass + excepted),
        (pass, fail) => format!("evidence for {pass} of {}, not for {fail}{gap}", pass + fail + excepted),
    }
}
