//! What no entry speaks of: rows beyond the end of the log, the time of its head, and the name and key that it gives itself.
//!
//! Only what the entries are compared with is looked at here; what the entries say themselves is checked one by one.

use ledger::{Entry, NoteKey};

use crate::audit::Kind;
use crate::store::{ReadTx, StoreError};

/// Everything wrong with the ends of the log, in words. One snapshot, so that a service may go on beside it.
pub(super) fn check(tx: &mut ReadTx<'_>, log_key: &NoteKey) -> Result<Vec<(Kind, String)>, StoreError> {
    let mut wrong = Vec::new();
    match tx.log()? {
        Some(log) if log.origin == log_key.name() && log.log_key == log_key.to_string() => {}
        Some(_) => wrong.push((
            Kind::Origin,
            "the log calls itself otherwise, or its key is another".to_owned(),
        )),
        None => wrong.push((Kind::Origin, "the log has no name".to_owned())),
    }
    let Some(head) = tx.head()? else {
        wrong.push((Kind::Contiguity, "the log has no head".to_owned()));
        return Ok(wrong);
    };
    for table in tx.tables_beyond(&head)? {
        let message = format!(
            "the table {table} holds more than the {} entries of the log",
            head.tree_size
        );
        wrong.push((Kind::Contiguity, message));
    }
    let last = match head.tree_size.checked_sub(1) {
        Some(last) => tx.leaves(last, 1)?.pop(),
        None => None,
    };
    // An entry that cannot be read is a finding of its own.
    if let Some(Ok(entry)) = last.map(|leaf| Entry::parse(&leaf))
        && entry.time() != head.time_ms as u64
    {
        wrong.push((
            Kind::Time,
            "the time of the head is not that of the last entry".to_owned(),
        ));
    }
    Ok(wrong)
}
