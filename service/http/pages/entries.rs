//! One entry of the log: what it says, and the proof that it is there.

use actix_web::web::{Data, Path, ReqData};
use actix_web::{HttpResponse, get};
use serde::Serialize;

use super::super::blocking;
use super::super::problem::Problem;
use super::Page;
use crate::app::{App, Caller, EventView};

#[derive(Serialize)]
struct Shown {
    tree_size: u64,
    event: EventView,
    /// The payload, as people read JSON.
    payload: String,
    /// C2SP `tlog-proof` text.
    proof: String,
}

/// One entry.
#[get("/entries/{index}")]
pub async fn entry(app: Data<App>, caller: ReqData<Caller>, index: Path<u64>) -> HttpResponse {
    let at = app.clone();
    let index = *index;
    let content = blocking(move || {
        let event = at.event(index)?;
        let proof = at.entry_proof(index, None)?;
        let payload = serde_json::to_string_pretty(&event.payload).map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>(Shown {
            tree_size: at.log_summary()?.tree_size,
            event,
            payload,
            proof: proof.to_string(),
        })
    });
    Page::new("web/entry.html", "", &caller).answer(&app, content.await)
}
