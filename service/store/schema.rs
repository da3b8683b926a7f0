//! The tables, as both databases have them. `migrations/` is the source.

diesel::table! {
    log (id) {
        id -> Integer,
        origin -> Text,
        log_key -> Text,
        created_ms -> BigInt,
    }
}

diesel::table! {
    entry (idx) {
        idx -> BigInt,
        leaf -> Binary,
    }
}

diesel::table! {
    envelope (idx) {
        idx -> BigInt,
        tree_size -> BigInt,
        salt -> Nullable<Binary>,
        bytes -> Nullable<Binary>,
    }
}

diesel::table! {
    tile (level, idx) {
        level -> Integer,
        idx -> BigInt,
        hashes -> Binary,
    }
}

diesel::table! {
    head (id) {
        id -> Integer,
        tree_size -> BigInt,
        root -> Binary,
        edge -> Binary,
        time_ms -> BigInt,
        runs -> BigInt,
    }
}

diesel::table! {
    checkpoint (tree_size) {
        tree_size -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    publication (tree_size) {
        tree_size -> BigInt,
        published_ms -> BigInt,
    }
}

diesel::table! {
    event (idx) {
        idx -> BigInt,
        event_id -> Text,
        source -> Text,
        producer -> Text,
        event_type -> Text,
        subject -> Text,
        predicate -> Text,
        subject_id -> Text,
        about -> Nullable<Text>,
        chain -> Nullable<Text>,
        names -> Nullable<Text>,
        service -> Nullable<Text>,
        environment -> Nullable<Text>,
        outcome -> Nullable<Text>,
        occurred_ms -> BigInt,
        recorded_ms -> BigInt,
        administrative -> Bool,
    }
}

diesel::table! {
    reference (idx, value, kind) {
        idx -> BigInt,
        value -> Text,
        kind -> Text,
    }
}

diesel::table! {
    reference_run (run, value, kind, idx) {
        run -> BigInt,
        value -> Text,
        kind -> Text,
        idx -> BigInt,
    }
}

diesel::table! {
    reference_hash (level, bucket, run) {
        level -> Integer,
        bucket -> Integer,
        run -> BigInt,
        hashes -> Binary,
    }
}

diesel::table! {
    cosignature (tree_size, witness) {
        tree_size -> BigInt,
        witness -> Text,
        line -> Text,
        cosigned_ms -> BigInt,
    }
}

diesel::table! {
    quorum (policy, tree_size) {
        policy -> Binary,
        tree_size -> BigInt,
        reached_ms -> BigInt,
    }
}

diesel::table! {
    alarm (witness, held_size, reason) {
        witness -> Text,
        held_size -> BigInt,
        tree_size -> BigInt,
        reason -> Text,
        message -> Text,
        held_note -> Nullable<Text>,
        raised_ms -> BigInt,
    }
}

// Of the witness's own database.
diesel::table! {
    witnessed (origin) {
        origin -> Text,
        tree_size -> BigInt,
        note -> Text,
        time_s -> BigInt,
    }
}

diesel::table! {
    erasure (idx) {
        idx -> BigInt,
        erased_by -> BigInt,
        reason -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(event, reference, reference_run);
