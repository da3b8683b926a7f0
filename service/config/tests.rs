//! What decides when several sources say something, and what is refused by name.

use super::*;

const FILE: &str = "[client]\nurl = \"https://file.example/\"\n\n[serve]\ndata = \"/srv/file\"\npublic_log = false\n";

fn file() -> File {
    File::parse(Path::new("shipslog.toml"), FILE).unwrap()
}

#[test]
fn flag_beats_environment_beats_file() {
    let environment = Environment::from([("SHIPSLOG_URL", "https://env.example"), ("SHIPSLOG_DATA", "/srv/env")]);
    let flags = ClientSettings {
        url: Some("https://flag.example".into()),
        ..Default::default()
    };
    assert_eq!(
        flags.resolve(&environment, &file()).unwrap().url,
        "https://flag.example"
    );
    let none = ClientSettings::default();
    assert_eq!(
        none.clone().resolve(&environment, &file()).unwrap().url,
        "https://env.example"
    );
    assert_eq!(
        none.clone().resolve(&Environment::default(), &file()).unwrap().url,
        "https://file.example"
    );
    assert_eq!(
        none.resolve(&Environment::default(), &File::default()).unwrap().url,
        DEFAULT_URL
    );

    let serve = ServeSettings::default().resolve(&environment, &file()).unwrap();
    assert_eq!((serve.data.as_path(), serve.public_log), (Path::new("/srv/env"), false));
}

#[test]
fn a_variable_that_is_set_but_empty_counts_as_unset() {
    let environment = Environment::from([("SHIPSLOG_URL", ""), ("SHIPSLOG_TOKEN", ""), ("SHIPSLOG_LISTEN", "")]);
    let client = ClientSettings::default().resolve(&environment, &file()).unwrap();
    assert_eq!((client.url.as_str(), client.token), ("https://file.example", None));
    assert_eq!(ServeSettings::of_environment(&environment).unwrap().listen, None);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = File::parse(Path::new("shipslog.toml"), "[client]\nurl = \"x\"\nurls = \"y\"\n").unwrap_err();
    assert!(
        error.to_string().starts_with("shipslog.toml:3: unknown field `urls`"),
        "{error}"
    );
    let error = File::parse(Path::new("shipslog.toml"), "[serve]\nlisten = \"nowhere\"\n").unwrap_err();
    assert!(error.to_string().starts_with("shipslog.toml:2: "), "{error}");
}

#[test]
fn a_bad_variable_is_named() {
    let environment = Environment::from([("SHIPSLOG_LISTEN", "here")]);
    let error = ServeSettings::of_environment(&environment).unwrap_err();
    assert!(error.to_string().starts_with("SHIPSLOG_LISTEN: \"here\""), "{error}");
}

#[test]
fn what_cannot_be_a_token_is_told_with_its_place_and_not_shown() {
    let resolve = |token| ClientSettings::default().resolve(&Environment::from([("SHIPSLOG_TOKEN", token)]), &file());
    assert_eq!(resolve(" a.b-c \n").unwrap().token.as_deref(), Some("a.b-c"));
    for token in ["secret\nsecret", "secret\u{fffd}", "secret secret", "secret\u{7f}", " "] {
        let error = resolve(token).err().unwrap().to_string();
        assert!(
            error.starts_with("SHIPSLOG_TOKEN holds no token") && !error.contains("secret"),
            "{error}"
        );
    }
    let kept = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kept.path(), "a\nb\n").unwrap();
    let settings = ClientSettings {
        token_file: Some(kept.path().to_owned()),
        ..Default::default()
    };
    let error = settings
        .resolve(&Environment::default(), &file())
        .err()
        .unwrap()
        .to_string();
    assert!(error.starts_with(&kept.path().display().to_string()), "{error}");
}

#[test]
fn serving_needs_a_data_directory() {
    let error = ServeSettings::default()
        .resolve(&Environment::default(), &File::default())
        .unwrap_err();
    assert!(error.to_string().contains("--data DIR"), "{error}");
}
