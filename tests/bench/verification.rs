//! The bound of everything that takes signed events: verifying their signatures, with keys at hand, on every core.

use std::collections::HashMap;
use std::time::Duration;

use ledger::{Envelope, PublicKey};

use crate::events::Producer;
use crate::processor;

/// What verifying some envelopes took.
pub struct Verification {
    /// Until the last one was verified.
    pub elapsed: Duration,
    /// Processor time of all threads.
    pub processor_time: Duration,
    count: usize,
}

impl Verification {
    /// Envelopes a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }

    /// Processor time for each.
    pub fn each_us(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.count as f64
    }
}

/// Parses envelopes and verifies them, with the ledger's own functions.
pub fn of_envelopes(envelopes: &[String], producers: &[Producer]) -> Verification {
    let keys = keys(producers);
    on_all_cores(envelopes, |envelope| {
        let candidates = |id: Option<&str>| id.and_then(|id| keys.get(id)).copied().into_iter().collect();
        let verified = Envelope::parse(envelope.as_bytes()).and_then(|envelope| envelope.verify(candidates));
        verified.expect("it was signed just now");
    })
}

/// Verifies signatures alone, of envelopes that were parsed before.
pub fn of_signatures(envelopes: &[String], producers: &[Producer]) -> Verification {
    struct Signed {
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    }
    let keys = keys(producers);
    let signed = |envelope: &String| {
        let mut envelope = Envelope::parse(envelope.as_bytes()).unwrap();
        let message = envelope.pae();
        let signature = envelope.signatures.remove(0);
        Signed {
            key: keys[&signature.keyid.unwrap()],
            message,
            signature: signature.sig,
        }
    };
    let signed: Vec<Signed> = envelopes.iter().map(signed).collect();
    on_all_cores(&signed, |signed| {
        let verified = signed.key.verify(&signed.message, &signed.signature);
        verified.expect("it was signed just now");
    })
}

fn keys(producers: &[Producer]) -> HashMap<String, PublicKey> {
    let keys = producers.iter().map(|producer| producer.key.public());
    keys.map(|key| (key.id().to_string(), key)).collect()
}

fn on_all_cores<T: Sync>(all: &[T], verify: impl Fn(&T) + Sync) -> Verification {
    let (begin, before) = (std::time::Instant::now(), processor::of_this_process());
    std::thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(crate::cores())) {
            let verify = &verify;
            scope.spawn(move || some.iter().for_each(verify));
        }
    });
    Verification {
        elapsed: begin.elapsed(),
        processor_time: processor::of_this_process() - before,
        count: all.len(),
    }
}
