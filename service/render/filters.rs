//! The filters that templates have beside minijinja's own. `templates/README.md` documents them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State};

use super::escape;

/// What a template shows where the ledger has nothing to say.
pub(super) const NOT_RECORDED: &str = "not recorded";

/// Name of the escaping of templates whose name ends in `.md`.
pub(super) const MARKDOWN: &str = "markdown";

/// Adds the filters and takes away what would go round the escaping or show more than the context.
pub(super) fn install(env: &mut Environment<'static>) {
    env.add_filter("address", address);
    env.add_filter("block", block);
    env.add_filter("code", code);
    env.add_filter("duration", duration);
    env.add_filter("idx", idx);
    env.add_filter("link", link);
    env.add_filter("percent", percent);
    env.add_filter("plural", plural);
    env.add_filter("sentence", sentence);
    env.add_filter("short", short);
    in_zone(env, Tz::UTC);
    // Its own says that what it makes is safe, which it is in HTML and not in Markdown.
    env.add_filter("tojson", json);
    env.remove_filter("safe");
    env.remove_global("debug");
}

/// Makes the filter `date` write the time of this zone.
pub(super) fn in_zone(env: &mut Environment<'static>, zone: Tz) {
    env.add_filter("date", move |value: &Value, precision: Option<&str>| {
        date(value, precision, zone)
    });
}

/// Writes an interpolated value: as Markdown text, or as minijinja would.
pub(super) fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = words(value);
    let markdown = matches!(state.auto_escape(), minijinja::AutoEscape::Custom(name) if *name == MARKDOWN);
    if markdown && !value.is_safe() {
        let text = text.unwrap_or_else(|| value.to_string());
        return out.write_str(&escape::escape(&text)).map_err(Error::from);
    }
    let text = text.or_else(|| value.as_str().filter(|_| !value.is_safe()).map(escape::visible_lines));
    match (text, value.is_safe()) {
        (Some(text), false) => minijinja::escape_formatter(out, state, &Value::from(text)),
        _ if markdown => out.write_str(&value.to_string()).map_err(Error::from),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// Values that people read as words.
fn words(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::None => Some(NOT_RECORDED.to_owned()),
        ValueKind::Bool => Some(if value.is_true() { "yes" } else { "no" }.to_owned()),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    words(value).unwrap_or_else(|| value.to_string())
}

/// The value, which must be there: only an error of minijinja's own can say where one that is not came from.
fn defined(value: &Value) -> Result<&Value, Error> {
    match i64::try_from(value.clone()) {
        Err(error) if value.is_undefined() => Err(error),
        Ok(_) | Err(_) => Ok(value),
    }
}

/// `{{ text | code }}`: inline code.
fn code(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_safe_string(if defined(value)?.is_none() {
        NOT_RECORDED.to_owned()
    } else {
        escape::code(&value.to_string())
    }))
}

/// `{{ text | block }}`: a code block, on lines of its own.
fn block(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_safe_string(escape::block(&text(defined(value)?))))
}

/// `{{ text | link(url) }}`: a link, or the text alone where there is no address or it is not allowed.
fn link(value: &Value, url: &Value) -> Result<Value, Error> {
    let label = text(defined(value)?);
    Ok(Value::from_safe_string(match url.as_str() {
        Some(url) => escape::link(&label, url),
        None => escape::escape(&label),
    }))
}

/// `{{ url | address }}`: where a link may lead, or nothing.
fn address(value: &Value) -> Value {
    Value::from(value.as_str().filter(|url| escape::is_allowed(url)).unwrap_or_default())
}

/// `{{ index | idx }}` or `{{ indexes | idx }}`: references to entries of the ledger.
fn idx(value: &Value) -> Result<Value, Error> {
    let one = |index: u64| format!("[#{index}](/entries/{index})");
    let text = match defined(value)?.kind() {
        ValueKind::None => "—".to_owned(),
        ValueKind::Number => one(u64::try_from(value.clone())?),
        _ => {
            let mut parts = Vec::new();
            for index in value.try_iter()? {
                parts.push(one(u64::try_from(index)?));
            }
            if parts.is_empty() {
                "—".to_owned()
            } else {
                parts.join(", ")
            }
        }
    };
    Ok(Value::from_safe_string(text))
}

/// `{{ instant | date }}`: `2026-03-02 09:14:05 UTC`, or with the distance from UTC in another zone; `date("minute")`,
/// `date("day")` and `date("time")` say less.
fn date(value: &Value, precision: Option<&str>, zone: Tz) -> Result<Value, Error> {
    if defined(value)?.is_none() {
        return Ok(Value::from(NOT_RECORDED));
    }
    let given = value.to_string();
    let time: DateTime<Utc> = given.parse().map_err(|_| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("`{given}` is not an RFC 3339 date and time"),
        )
    })?;
    // An abbreviation such as CST means several zones; the distance does not.
    let suffix = if zone == Tz::UTC { "UTC" } else { "%:z" };
    let pattern = match precision {
        None | Some("second") => format!("%Y-%m-%d %H:%M:%S {suffix}"),
        Some("minute") => format!("%Y-%m-%d %H:%M {suffix}"),
        Some("day") => "%Y-%m-%d".to_owned(),
        Some("time") => "%H:%M:%S".to_owned(),
        Some(other) => {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("`{other}` is no precision of a date"),
            ));
        }
    };
    Ok(Value::from(time.with_timezone(&zone).format(&pattern).to_string()))
}

/// `{{ share | percent }}`: a part of 1 in hundredths, such as `48 %`.
fn percent(value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(Value::from(NOT_RECORDED));
    }
    let part = f64::try_from(value.clone())?;
    Ok(Value::from(format!("{:.0} %", part * 100.0)))
}

/// `{{ milliseconds | duration }}`: the two largest units, such as `3 min 20 s`.
fn duration(value: &Value) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(Value::from(NOT_RECORDED));
    }
    let millis = i64::try_from(value.clone())?;
    let seconds = millis.unsigned_abs() / 1000;
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = units.iter().position(|(count, _)| *count > 0);
    let text = match first {
        None => "less than 1 s".to_owned(),
        Some(first) => {
            let shown = units[first..].iter().take(2).filter(|(count, _)| *count > 0);
            let words = shown.map(|(count, unit)| match (*count, *unit) {
                (2.., "day") => format!("{count} days"),
                (count, unit) => format!("{count} {unit}"),
            });
            words.collect::<Vec<_>>().join(" ")
        }
    };
    Ok(Value::from(if millis < 0 { format!("minus {text}") } else { text }))
}

/// `{{ count | plural("change") }}`: `1 change`, `2 changes`; a second argument gives an irregular plural.
fn plural(value: &Value, one: &str, many: Option<&str>) -> Result<Value, Error> {
    // A median may lie between two.
    let count = f64::try_from(value.clone())?;
    let word = match many {
        _ if count == 1.0 => one.to_owned(),
        Some(many) => many.to_owned(),
        None => format!("{one}s"),
    };
    Ok(Value::from(format!("{count} {word}")))
}

/// `{{ text | sentence }}`: with a capital letter, unless the first word may be the name of something.
fn sentence(value: &Value) -> Result<Value, Error> {
    let given = text(defined(value)?);
    let word = given.split_whitespace().next().unwrap_or_default();
    let plain = word
        .trim_end_matches([',', ':', ';'])
        .bytes()
        .all(|b| b.is_ascii_lowercase());
    Ok(Value::from(match given.chars().next() {
        Some(first) if plain => format!("{}{}", first.to_ascii_uppercase(), &given[first.len_utf8()..]),
        Some(_) | None => given,
    }))
}

/// `{{ value | tojson }}`: as JSON, which is escaped like any other text.
fn json(value: &Value) -> Result<Value, Error> {
    let text = serde_json::to_string(defined(value)?);
    let text =
        text.map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("not to be said as JSON: {error}")))?;
    Ok(Value::from(text))
}

/// `{{ digest | short }}`: enough of a hash to recognise it.
fn short(value: &Value, length: Option<usize>) -> Result<Value, Error> {
    if defined(value)?.is_none() {
        return Ok(Value::from(NOT_RECORDED));
    }
    let given = value.to_string();
    let (algorithm, hex) = given
        .split_once(':')
        .map_or(("", given.as_str()), |(algorithm, hex)| (algorithm, hex));
    let kept: String = hex.chars().take(length.unwrap_or(12)).collect();
    let cut = if kept.len() < hex.len() { "…" } else { "" };
    let colon = if algorithm.is_empty() { "" } else { ":" };
    Ok(Value::from(format!("{algorithm}{colon}{kept}{cut}")))
}
