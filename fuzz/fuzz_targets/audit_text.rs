//! Paths, keys, notes, checkpoints and proofs of any text are read or refused; what was read is spelled in
//! no other way, and proves nothing to a key that did not sign it.
#![no_main]

use std::fmt::Display;

use audit::{Checkpoint, Hash, LogPath, Note, Policy, TlogProof, VerifierKey};
use libfuzzer_sys::fuzz_target;

const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn check<T: std::str::FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text);
    }
}

fuzz_target!(|text: &str| {
    check::<LogPath>(text);
    check::<Hash>(text);
    check::<VerifierKey>(text);
    check::<Note>(text);
    check::<Checkpoint>(text);
    check::<TlogProof>(text);
    let policy = Policy::of_log(KEY.parse().expect("it is a key"));
    assert!(policy.verify(text).is_err());
    if let Ok(proof) = text.parse::<TlogProof>() {
        assert!(proof.verify(&policy).is_err());
    }
});
