//! The yardstick: an actix server that reads an envelope and verifies its signature with the service's own functions behind
//! the service's own guards, and answers with as many bytes as a receipt has. It stores nothing, orders nothing, and does
//! not look at what was signed.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;

use actix_web::middleware::from_fn;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use ledger::{Envelope, PublicKey};
use shipslog::http::{access, headers};

/// About the bytes of a receipt in a log of a hundred thousand entries.
const RECEIPT_BYTES: usize = 1_900;

struct Keys {
    by_id: HashMap<String, PublicKey>,
    receipt: Bytes,
}

/// Serves on a free port of loopback, says which on stdout, until the process is ended.
pub fn serve(keys: &Path, workers: usize) {
    let pem = std::fs::read_to_string(keys).unwrap();
    let end = "-----END PUBLIC KEY-----\n";
    let by_id = pem
        .split_inclusive(end)
        .map(|pem| PublicKey::from_pem(pem).unwrap())
        .map(|key| (key.id().to_string(), key))
        .collect();
    let keys = Data::new(Keys {
        by_id,
        receipt: Bytes::from(vec![b' '; RECEIPT_BYTES]),
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    actix_web::rt::System::new()
        .block_on(
            HttpServer::new(move || {
                App::new()
                    .app_data(keys.clone())
                    .app_data(web::PayloadConfig::new(1 << 20))
                    .route("/v1/events", web::post().to(verify))
                    .wrap(from_fn(access::guard))
                    .wrap(from_fn(headers::secure))
            })
            .workers(workers)
            .listen(listener)
            .unwrap()
            .run(),
        )
        .unwrap();
}

async fn verify(keys: Data<Keys>, body: Bytes) -> HttpResponse {
    let verified = Envelope::parse(&body)
        .and_then(|envelope| envelope.verify(|id| id.and_then(|id| keys.by_id.get(id)).cloned().into_iter().collect()));
    match verified {
        Ok(_) => HttpResponse::Created()
            .content_type("application/json")
            .body(keys.receipt.clone()),
        Err(_) => HttpResponse::UnprocessableEntity().finish(),
    }
}
