use super::*;

fn erasure(index: u64, by: u64) -> Erasure {
    Erasure {
        index,
        by,
        at: Instant::from_millis(0),
        reason: ErasureReason::LegalOrder,
    }
}

fn identity(n: u64) -> String {
    format!("{n:064x}")
}

#[test]
fn an_entry_is_erased_once_and_only_by_a_later_one() {
    let mut erasures = Erasures::default();
    erasures.keep(0);
    erasures.add(erasure(5, 9), &identity(1)).unwrap();
    assert_eq!(erasures.of(5).map(|found| found.by), Some(9));
    assert_eq!(
        erasures.add(erasure(5, 10), &identity(2)),
        Err(ErasureError::Again { index: 5, by: 9 })
    );
    for later in [11, 12] {
        assert_eq!(
            erasures.add(erasure(later, 11), &identity(3)),
            Err(ErasureError::NoEntry(later))
        );
    }
    assert_eq!(erasures.all().count(), 1);
}

#[test]
fn what_rights_follow_from_stays() {
    let mut erasures = Erasures::default();
    erasures.keep(3);
    assert_eq!(
        erasures.add(erasure(3, 9), &identity(1)),
        Err(ErasureError::Administrative(3))
    );
    assert_eq!(erasures.of(3), None);
}

#[test]
fn an_identity_survives_as_a_hash_and_nothing_else() {
    let mut erasures = Erasures::default();
    for wrong in ["", "payments-ci", &identity(1)[1..], &format!("{}0", identity(1))] {
        assert_eq!(erasures.add(erasure(5, 9), wrong), Err(ErasureError::Identity));
    }
    erasures.add(erasure(5, 9), &identity(7)).unwrap();
    let hash = |n| Hash::from_hex(&identity(n)).unwrap();
    assert_eq!(
        (erasures.identified(&hash(7)), erasures.identified(&hash(8))),
        (Some(5), None)
    );
}

#[test]
fn words_are_those_of_json() {
    for reason in ErasureReason::ALL {
        assert_eq!(
            serde_json::to_value(reason).unwrap(),
            serde_json::Value::from(reason.as_str())
        );
    }
}
