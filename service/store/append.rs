//! Rows of the tables that grow with every batch, inserted as each database takes many of them fastest.
//!
//! SQLite parses each statement that it has not seen before, which costs more than the rows themselves: statements of a few
//! fixed lengths are parsed once and kept. PostgreSQL is sent all rows at once, a column an array, with a statement that is
//! parsed once as well. A row that is refused fails the whole transaction; what a statement wrote before it goes with that.

use std::borrow::Borrow;
use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::connection::Connection;
use super::{EnvelopeRow, EventRow, ReferenceRow, StoreError};

/// Rows of one statement to PostgreSQL: a bound for the memory of both sides, not of the protocol.
const MOST: usize = 1024;

/// A leaf at its index.
pub(super) struct EntryRow<'a> {
    pub(super) idx: i64,
    pub(super) leaf: &'a [u8],
}

/// A tile that became full.
pub(super) struct TileRow<'a> {
    pub(super) level: i32,
    pub(super) idx: i64,
    pub(super) hashes: &'a [u8],
}

/// A reference in its run.
pub(super) struct RunRow<'a> {
    pub(super) run: i64,
    pub(super) reference: &'a ReferenceRow,
}

/// Hashes of the values of a run, those of one bucket.
pub(super) struct HashRow<'a> {
    pub(super) level: i32,
    pub(super) bucket: i32,
    pub(super) run: i64,
    pub(super) hashes: &'a [u8],
}

/// A row that can be inserted together with others.
pub(super) trait Row {
    /// Names the statement for which it is prepared.
    type Id: 'static;
    /// The table and its columns.
    const INTO: &'static str;
    /// One array a column.
    type Columns<'r>: QueryFragment<Pg>
    where
        Self: 'r;

    /// Adds the values of one row, separated by commas.
    fn values<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
    /// Turns rows into columns.
    fn columns<'r, B: Borrow<Self>>(rows: &'r [B]) -> Self::Columns<'r>
    where
        Self: 'r;
}

/// Inserts rows, none, few or many.
pub(super) fn append<R: Row, B: Borrow<R>>(connection: &mut Connection, rows: &[B]) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(connection) => {
            let (sixteens, rest) = rows.as_chunks::<16>();
            let (fours, rest) = rest.as_chunks::<4>();
            let (ones, _) = rest.as_chunks::<1>();
            for rows in sixteens {
                Values::<R, B, _>::new(rows).execute(connection)?;
            }
            for rows in fours {
                Values::<R, B, _>::new(rows).execute(connection)?;
            }
            for rows in ones {
                Values::<R, B, _>::new(rows).execute(connection)?;
            }
        }
        Connection::Postgres(connection) => {
            for rows in rows.chunks(MOST) {
                Unnested::<R>(R::columns(rows)).execute(connection)?;
            }
        }
    }
    Ok(())
}

/// `INSERT … VALUES` of so many rows. Without `OR FAIL`, SQLite would keep a copy of each page that it changes until the statement
/// ends, to undo this statement alone; here a failure undoes the transaction.
/// Source: <https://www.sqlite.org/tempfiles.html>, "Statement Journal Files".
struct Values<'r, R, B, const N: usize>(&'r [B; N], PhantomData<R>);

/// `INSERT … SELECT` from arrays.
struct Unnested<'r, R: Row + 'r>(R::Columns<'r>);

/// Names a statement.
struct Statement<Id, const N: usize>(PhantomData<Id>);

impl<'r, R, B, const N: usize> Values<'r, R, B, N> {
    fn new(rows: &'r [B; N]) -> Self {
        Self(rows, PhantomData)
    }
}

impl<R: Row, B: Borrow<R>, const N: usize> QueryFragment<Sqlite> for Values<'_, R, B, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT OR FAIL INTO ");
        out.push_sql(R::INTO);
        let mut separator = " VALUES (";
        for row in self.0 {
            out.push_sql(separator);
            row.borrow().values(&mut out)?;
            separator = "), (";
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<R: Row, B, const N: usize> QueryId for Values<'_, R, B, N> {
    type QueryId = Statement<R::Id, N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R, B, const N: usize> RunQueryDsl<SqliteConnection> for Values<'_, R, B, N> {}

impl<R: Row> QueryFragment<Pg> for Unnested<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for part in ["INSERT INTO ", R::INTO, " SELECT * FROM unnest("] {
            out.push_sql(part);
        }
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

impl<R: Row> QueryId for Unnested<'_, R> {
    type QueryId = Statement<R::Id, 0>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R: Row, C> RunQueryDsl<C> for Unnested<'_, R> {}

/// Writes down a table once: its name, and of each column the type in SQL, the array that holds many of it, and the value in a row.
macro_rules! rows {
    ($row:ident $(<$life:lifetime>)?, $columns:ident, $table:literal: {
        $($column:ident: $sql:ty, $array:literal, $rust:ty = |$of:ident| $value:expr;)+
    }) => {
        pub(super) struct $columns<'r> {
            $($column: Vec<&'r $rust>,)+
        }

        impl QueryFragment<Pg> for $columns<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, Vec<&$rust>>(&self.$column)?;
                    out.push_sql($array);
                    separator = ", ";
                )+
                let _ = separator;
                Ok(())
            }
        }

        impl $(<$life>)? Row for $row $(<$life>)? {
            type Id = $columns<'static>;
            type Columns<'r> = $columns<'r> where Self: 'r;
            const INTO: &'static str = concat!($table, " (", rows!(@names $($column)+), ")");

            fn values<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    let $of = self;
                    out.push_bind_param::<$sql, $rust>($value)?;
                    separator = ", ";
                )+
                let _ = separator;
                Ok(())
            }

            fn columns<'r, B: Borrow<Self>>(rows: &'r [B]) -> $columns<'r>
            where
                Self: 'r,
            {
                $columns {
                    $($column: rows.iter().map(B::borrow).map(|$of: &'r Self| -> &'r $rust { $value }).collect(),)+
                }
            }
        }
    };
    (@names $first:ident $($rest:ident)*) => {
        concat!(stringify!($first) $(, ", ", stringify!($rest))*)
    };
}

rows!(EntryRow<'a>, EntryColumns, "entry": {
    idx: BigInt, "::bigint[]", i64 = |row| &row.idx;
    leaf: Binary, "::bytea[]", [u8] = |row| row.leaf;
});

rows!(EnvelopeRow, EnvelopeColumns, "envelope": {
    idx: BigInt, "::bigint[]", i64 = |row| &row.idx;
    tree_size: BigInt, "::bigint[]", i64 = |row| &row.tree_size;
    salt: Nullable<Binary>, "::bytea[]", Option<Vec<u8>> = |row| &row.salt;
    bytes: Nullable<Binary>, "::bytea[]", Option<Vec<u8>> = |row| &row.bytes;
});

rows!(TileRow<'a>, TileColumns, "tile": {
    level: Integer, "::integer[]", i32 = |row| &row.level;
    idx: BigInt, "::bigint[]", i64 = |row| &row.idx;
    hashes: Binary, "::bytea[]", [u8] = |row| row.hashes;
});

rows!(EventRow, EventColumns, "event": {
    idx: BigInt, "::bigint[]", i64 = |row| &row.idx;
    event_id: Text, "::text[]", String = |row| &row.event_id;
    source: Text, "::text[]", String = |row| &row.source;
    producer: Text, "::text[]", String = |row| &row.producer;
    event_type: Text, "::text[]", String = |row| &row.event_type;
    subject: Text, "::text[]", String = |row| &row.subject;
    predicate: Text, "::text[]", String = |row| &row.predicate;
    subject_id: Text, "::text[]", String = |row| &row.subject_id;
    about: Nullable<Text>, "::text[]", Option<String> = |row| &row.about;
    chain: Nullable<Text>, "::text[]", Option<String> = |row| &row.chain;
    names: Nullable<Text>, "::text[]", Option<String> = |row| &row.names;
    service: Nullable<Text>, "::text[]", Option<String> = |row| &row.service;
    environment: Nullable<Text>, "::text[]", Option<String> = |row| &row.environment;
    outcome: Nullable<Text>, "::text[]", Option<String> = |row| &row.outcome;
    occurred_ms: BigInt, "::bigint[]", i64 = |row| &row.occurred_ms;
    recorded_ms: BigInt, "::bigint[]", i64 = |row| &row.recorded_ms;
    administrative: Bool, "::boolean[]", bool = |row| &row.administrative;
});

rows!(ReferenceRow, ReferenceColumns, "reference": {
    value: Text, "::text[]", String = |row| &row.value;
    kind: Text, "::text[]", String = |row| &row.kind;
    idx: BigInt, "::bigint[]", i64 = |row| &row.idx;
});

rows!(RunRow<'a>, RunColumns, "reference_run": {
    run: BigInt, "::bigint[]", i64 = |row| &row.run;
    value: Text, "::text[]", String = |row| &row.reference.value;
    kind: Text, "::text[]", String = |row| &row.reference.kind;
    idx: BigInt, "::bigint[]", i64 = |row| &row.reference.idx;
});

rows!(HashRow<'a>, HashColumns, "reference_hash": {
    level: Integer, "::integer[]", i32 = |row| &row.level;
    bucket: Integer, "::integer[]", i32 = |row| &row.bucket;
    run: BigInt, "::bigint[]", i64 = |row| &row.run;
    hashes: Binary, "::bytea[]", [u8] = |row| row.hashes;
});
