//! `fsck` finds every change to a database, and none where there is none.
