//! How instants, spans and counts are written in the sentences of findings and documents.

use super::instant::Instant;

/// `2026-03-02 09:04:00 UTC`. Findings are in UTC whatever the zone of the document: they do not depend on who reads.
pub fn when(instant: Instant) -> String {
    instant.to_utc().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The two largest units of a length of time, such as `3 h 20 min` or `2 days 1 h`; its sign is dropped.
pub fn span(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1000;
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let Some(first) = units.iter().position(|(count, _)| *count > 0) else {
        return "less than 1 s".to_owned();
    };
    // Seconds say nothing beside minutes.
    let shown = units[first..]
        .iter()
        .take(2)
        .filter(|(count, unit)| *count > 0 && (first == 3 || *unit != "s"));
    let words = shown.map(|(count, unit)| match (*count, *unit) {
        (1, "day") | (_, "h" | "min" | "s") => format!("{count} {unit}"),
        (count, unit) => format!("{count} {unit}s"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `1 change`, `2 changes`.
pub fn count(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_well() {
        for (seconds, words) in [
            (0, "less than 1 s"),
            (12, "12 s"),
            (60, "1 min"),
            (250, "4 min"),
            (3600, "1 h"),
            (12_000, "3 h 20 min"),
            (86_400, "1 day"),
            (-180_000, "2 days 2 h"),
        ] {
            assert_eq!(span(seconds * 1000), words);
        }
    }

    #[test]
    fn lists_read_well() {
        let words = |items: &[&str]| list(&items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!((words(&[]), words(&["a"])), (String::new(), "a".to_owned()));
        assert_eq!(words(&["a", "b", "c"]), "a, b and c");
        assert_eq!(
            (count(1, "change"), count(0, "change")),
            ("1 change".to_owned(), "0 changes".to_owned())
        );
    }
}
