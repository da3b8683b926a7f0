//! The records that a report was made from, for those who may not have the whole history: with them, and the leaves of all others, it
//! can be made again, and what is withheld is proven to be there.

use ledger::sha256;

use super::documents::{ComplianceQuery, Document, Documents, DocumentsError, Format};
use super::erasure::tombstone;
use super::log::{LogError, envelope_line};

impl Documents<'_> {
    /// Lines of a bundle, ascending by index: what the report was made from, all that says who may sign and what was accepted, and
    /// what was erased, whatever it was about.
    pub(super) fn records(&self, query: &ComplianceQuery, asked: Option<u64>) -> Result<Document, DocumentsError> {
        let (report, mut indexes) = self.compliance_report(query, asked)?;
        let tree_size = report.generated.ledger.tree_size;
        let text = self.database.read(|tx| {
            let below = |index: &i64| (*index as u64) < tree_size;
            indexes.extend(tx.administrative(0)?.into_iter().filter(below));
            let erased = tx.erasures(0, tree_size)?;
            indexes.extend(erased.iter().map(|row| row.idx));
            // A history that ends before the erasure cannot say why there is nothing here.
            let unsaid = erased.iter().find(|row| row.erased_by as u64 >= tree_size);
            if let Some(row) = unsaid {
                return Err(LogError::Erased(Box::new(tombstone(tx, row.idx as u64)?)));
            }
            let indexes: Vec<i64> = indexes.iter().copied().collect();
            let leaves = tx.leaves_of(&indexes)?;
            let mut lines = String::new();
            for (row, (_, leaf)) in tx.envelopes_of(&indexes)?.iter().zip(&leaves) {
                lines.push_str(&envelope_line(row, leaf)?);
                lines.push('\n');
            }
            Ok(lines)
        })?;
        Ok(Document {
            digest: sha256(text.as_bytes()).to_string(),
            text,
            format: Format::Records,
            query: report.generated.query,
            tree_size,
        })
    }
}
