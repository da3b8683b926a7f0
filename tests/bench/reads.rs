//! What managers read of a long history: how long each question takes through HTTP, beside the rows that it needs, read by hand.
//!
//! `--data` keeps the log for the next run.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Instant as Moment;

use rusqlite::{Connection, OpenFlags, types::Value};
use shipslog::domain::Instant;

use crate::cluster::Cluster;
use crate::history::{DAY, History};
use crate::load::median;
use crate::server::Server;

const GATE: &str = "/v1/gate";
const SUCCESS: &str = "about IS NOT NULL AND outcome = 'success'";

#[derive(clap::Args)]
pub struct Options {
    /// Deployments in the log
    #[arg(long, default_value_t = 1_000_000)]
    deployments: usize,
    /// Services that were deployed
    #[arg(long, default_value_t = 200)]
    services: usize,
    /// Data directory of the log, kept for the next run, which must ask for as many deployments
    #[arg(long, value_name = "DIR", conflicts_with = "postgres")]
    data: Option<PathBuf>,
    /// On PostgreSQL, started for this run
    #[arg(long)]
    postgres: bool,
    /// How often each question is asked
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// Do not ask what reads much more than it shows on a long history
    #[arg(long)]
    quick: bool,
    /// Ask only the questions whose names hold this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

struct Question {
    name: &'static str,
    path: String,
    aim_ms: f64,
    /// The same rows, in SQL.
    floor: (String, Vec<Value>),
}

pub fn run(options: &Options) {
    let history = History::of(options.deployments, options.services);
    let temporary = tempfile::tempdir().unwrap();
    let directory = options.data.clone().unwrap_or(temporary.path().join("history"));
    let cluster = options
        .postgres
        .then(|| Cluster::new().expect("--postgres needs PostgreSQL's programs"));
    let file = directory.join("shipslog.db");
    if !directory.join("admin.token").exists() {
        std::fs::create_dir_all(&directory).unwrap();
        let url = cluster
            .as_ref()
            .map_or(format!("sqlite:{}", file.display()), Cluster::url);
        let begin = Moment::now();
        let entries = history.record(&directory, &url);
        eprintln!("{entries} entries recorded in {:.0} s", begin.elapsed().as_secs_f64());
    }
    let database = cluster
        .is_none()
        .then(|| Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap());
    let server = Server::over(&directory, cluster);
    let cookie = sign_in(&server);
    println!("{} deployments, {} entries\n", options.deployments, server.tree_size());
    println!(
        "{:<38} {:>9} {:>9} {:>9}  {:>8} {:>6}",
        "question", "first ms", "p50 ms", "aim ms", "rows ms", "ratio"
    );
    let mut questions = questions(&history, options.quick);
    questions.retain(|question| question.name.contains(&options.only));
    for question in questions {
        let asked = |_| match question.path.as_str() {
            GATE => ask_gate(&server, &history),
            path => ask(&server, path, &cookie),
        };
        let times: Vec<f64> = (0..options.times).map(asked).map(|answer| answer.took_ms).collect();
        let floors =
            (0..options.times).filter_map(|_| database.as_ref().map(|database| rows(database, &question.floor)));
        let (p50, floor) = (median(times.iter().copied()), median(floors));
        println!(
            "{:<38} {:>9.1} {p50:>9.1} {:>9.0}  {floor:>8.2} {:>6.0}",
            question.name,
            times[0],
            question.aim_ms,
            p50 / floor
        );
    }
    println!("\nmemory {} MiB", server.peak_mib());
}

fn questions(history: &History, quick: bool) -> Vec<Question> {
    let (service, number) = history.newest();
    let half = history.end.plus_millis(history.begin().millis_since(history.end) / 2);
    let year = history.end.plus_millis(-365 * DAY);
    let question = |name, aim_ms, path: String, sql: &str, values: Vec<Value>| Question {
        name,
        path,
        aim_ms,
        floor: (sql.to_owned(), values),
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let newest = format!(
        "WITH RECURSIVE s(name) AS (SELECT min(service) FROM event WHERE environment = ?1 UNION ALL
         SELECT (SELECT min(service) FROM event WHERE environment = ?1 AND service > s.name) FROM s WHERE s.name IS NOT NULL)
         SELECT bytes FROM s JOIN envelope ON envelope.idx = (SELECT max(idx) FROM event
         WHERE environment = ?1 AND service = s.name AND occurred_ms <= ?2 AND {SUCCESS} AND idx < ?3)"
    );
    let all = Value::Integer(i64::MAX);
    let list = "SELECT bytes FROM event JOIN envelope USING (idx) WHERE about IS NOT NULL ORDER BY idx DESC LIMIT ?1";
    let incidents = "SELECT bytes FROM event JOIN envelope USING (idx) WHERE subject IN ('environment', 'incident', 'shipslog-dependencies', 'shipslog-link')
                     AND subject = 'incident' ORDER BY idx DESC LIMIT ?1";
    let one = "SELECT bytes FROM event JOIN envelope USING (idx) WHERE about = ?1";
    let place = "SELECT count(*) FROM event WHERE environment = 'production' AND service = ?1 AND occurred_ms >= ?2";
    let whole = "SELECT count(*) FROM event WHERE environment = 'production' AND occurred_ms >= ?1";
    let from = Value::Integer(year.as_millis());
    let mut questions = vec![
        question(
            "state of production, now",
            10.0,
            "/v1/environments/production/state".into(),
            &newest,
            vec![text("production"), all.clone(), all.clone()],
        ),
        question(
            "state of production, half way",
            10.0,
            format!("/v1/environments/production/state?at={half}"),
            &newest,
            vec![text("production"), Value::Integer(half.as_millis()), all],
        ),
        question(
            "release note, newest",
            50.0,
            format!("/v1/release-notes?service={service}&environment=production"),
            one,
            vec![text(&format!("run-{number:08}"))],
        ),
        question(
            "deployment in full",
            50.0,
            format!("/v1/deployments/run-{number:08}"),
            one,
            vec![text(&format!("run-{number:08}"))],
        ),
        question(
            "correlation of the newest incident",
            5.0,
            format!("/v1/incidents/{}", history.newest_incident()),
            one,
            vec![text(&history.newest_incident())],
        ),
        question(
            "a decision of the gate",
            10.0,
            GATE.into(),
            one,
            vec![text(&format!("run-{number:08}"))],
        ),
        question("page: home", 100.0, "/".into(), list, vec![Value::Integer(10)]),
        question(
            "page: services",
            100.0,
            "/services".into(),
            list,
            vec![Value::Integer(600)],
        ),
        question(
            "page: deployments",
            100.0,
            "/deployments".into(),
            list,
            vec![Value::Integer(150)],
        ),
        question(
            "page: incidents",
            100.0,
            "/incidents".into(),
            incidents,
            vec![Value::Integer(100)],
        ),
        question(
            "page: links",
            100.0,
            "/links".into(),
            incidents,
            vec![Value::Integer(100)],
        ),
    ];
    if !quick {
        let period = format!("from={}&to={}", day(year), day(history.end));
        questions.push(question(
            "metrics of a service, a year",
            50.0,
            format!("/v1/delivery-performance?service={service}&{period}"),
            place,
            vec![text(&service), from.clone()],
        ));
        questions.push(question(
            "metrics of everything, a year",
            1000.0,
            format!("/v1/delivery-performance?{period}"),
            whole,
            vec![from],
        ));
        let week = history.end.plus_millis(-7 * DAY);
        questions.push(question(
            "sample of 60 from a week",
            100.0,
            format!(
                "/v1/samples?environment=production&from={}&to={}&size=60&seed=smith",
                day(week),
                day(history.end)
            ),
            whole,
            vec![Value::Integer(week.as_millis())],
        ));
        let quarter = history.end.plus_millis(-91 * DAY);
        let period = format!("environment=production&from={}&to={}", day(quarter), day(history.end));
        let from = Value::Integer(quarter.as_millis());
        for (name, document, aim_ms) in [
            ("service report, a quarter", "service", 1000.0),
            ("compliance report, a quarter", "compliance", 5000.0),
        ] {
            questions.push(question(
                name,
                aim_ms,
                format!("/v1/reports/{document}?format=json&{period}"),
                whole,
                vec![from.clone()],
            ));
        }
    }
    questions
}

/// What the service answered.
pub struct Answer {
    /// Milliseconds until it was there.
    took_ms: f64,
    pub body: String,
}

/// Asks for what a path names, which must be there.
pub fn ask(server: &Server, path: &str, cookie: &str) -> Answer {
    answered(
        server,
        &format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n",
            server.token()
        ),
    )
}

/// Asks whether the newest artifact may be deployed once more: a question that is recorded, and so a new one each time.
fn ask_gate(server: &Server, history: &History) -> Answer {
    let question = history.gate_question(server.tree_size());
    answered(
        server,
        &format!(
            "POST {GATE} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{question}",
            question.len()
        ),
    )
}

fn answered(server: &Server, request: &str) -> Answer {
    let begin = Moment::now();
    let answer = exchange(server, request);
    let took_ms = begin.elapsed().as_secs_f64() * 1000.0;
    assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        took_ms,
        body: body.to_owned(),
    }
}

/// The day of a time, in UTC.
pub fn day(at: Instant) -> String {
    at.to_string()[..10].to_owned()
}

/// Signs in, for the pages.
fn sign_in(server: &Server) -> String {
    let form = format!("token={}", server.token());
    let request = format!(
        "POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\norigin: http://127.0.0.1\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = exchange(server, &request);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.unwrap_or_else(|| panic!("signing in: {answer}"));
    cookie.split(';').next().unwrap_or_default().to_owned()
}

fn exchange(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Milliseconds for reading rows.
fn rows(database: &Connection, (sql, values): &(String, Vec<Value>)) -> f64 {
    let begin = Moment::now();
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
    while let Some(row) = rows.next().unwrap() {
        row.get_ref(0).unwrap();
    }
    begin.elapsed().as_secs_f64() * 1000.0
}
