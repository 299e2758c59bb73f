use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::{
    SoftwareSigner,
    tests::{log_signer, witness},
};

/// The example of golang.org/x/mod/sumdb/note.
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn a_note_of_another_implementation_verifies() {
    let note: Note = format!("{TEXT}\n{LINE}").parse().unwrap();
    let signed = note.verify(&[KEY.parse().unwrap()]).unwrap();
    assert_eq!((note.text(), signed.len(), signed[0].cosigned_at_s), (TEXT, 1, None));
}

#[test]
fn we_sign_as_another_implementation_does() {
    let key = STANDARD.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
    let seed: [u8; 32] = key[1..].try_into().unwrap();
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    note.sign(&SoftwareSigner::from_seed("PeterNeumann".parse().unwrap(), &seed).unwrap()).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
}

#[test]
fn unknown_signatures_are_passed_over() {
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    note.sign(&log_signer()).unwrap();
    note.cosign(&witness(1), 1_700_000_000).unwrap();
    let note: Note = format!("{note}— PeterNeumann {}\n", STANDARD.encode([9; 100])).parse().unwrap();
    assert_eq!(note.signatures().len(), 3);
    let log = verifier_key(&log_signer(), Algorithm::Ed25519);
    assert_eq!(note.verify(std::slice::from_ref(&log)).unwrap().len(), 1);
    let witness = verifier_key(&witness(1), Algorithm::Cosignature);
    let signed = note.verify(&[witness.clone(), log]).unwrap();
    assert_eq!(signed[1], Signed { key: witness, cosigned_at_s: Some(1_700_000_000) });
    assert!(note.verify(&[]).unwrap().is_empty());
}

#[test]
fn a_wrong_signature_of_a_known_key_fails_the_note() {
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    note.sign(&log_signer()).unwrap();
    note.signatures[0].bytes[63] ^= 1;
    let key = verifier_key(&log_signer(), Algorithm::Ed25519);
    assert!(matches!(note.verify(&[key]), Err(Error::Signature { name }) if name == "audit.example/eu"));
}

#[test]
fn a_cosignature_is_no_signature_and_its_time_cannot_be_changed() {
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    note.cosign(&witness(1), 7).unwrap();
    let key = verifier_key(&witness(1), Algorithm::Cosignature);
    assert!(note.verify(&[verifier_key(&witness(1), Algorithm::Ed25519)]).unwrap().is_empty());
    note.signatures[0].bytes[7] ^= 1;
    assert!(note.verify(std::slice::from_ref(&key)).is_err());
    note.signatures[0].bytes.truncate(7);
    assert!(note.verify(&[key]).is_err());
}

#[test]
fn a_key_that_signed_twice_counts_once() {
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    note.cosign(&witness(1), 7).unwrap();
    note.cosign(&witness(1), 8).unwrap();
    assert_eq!(note.verify(&[verifier_key(&witness(1), Algorithm::Cosignature)]).unwrap().len(), 1);
}

/// Signs something else than it was asked to.
struct Broken(SoftwareSigner);

impl Signer for Broken {
    fn name(&self) -> &KeyName {
        self.0.name()
    }

    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], Error> {
        self.0.sign(b"something else")
    }
}

#[test]
fn what_a_broken_signer_made_is_not_used() {
    let mut note = Note::new(TEXT.to_owned()).unwrap();
    assert!(matches!(note.sign(&Broken(log_signer())), Err(Error::Signature { .. })));
    assert!(note.signatures().is_empty());
}

#[test]
fn malformed_notes_are_refused() {
    let line = LINE.trim_end();
    for bad in [
        String::new(),
        "\n".to_owned(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}{LINE}"),
        format!("{TEXT}\n{line}"),
        format!("{TEXT}\n{LINE}\n"),
        format!("{TEXT}\n{LINE}x\n"),
        format!("{TEXT}\n-{}", LINE.trim_start_matches('—')),
        format!("{TEXT}\n—{}", LINE.trim_start_matches("— ")),
        format!("{TEXT}\n— Peter+Neumann AAAAAAA=\n"),
        format!("{TEXT}\n— PeterNeumann AAAAAA==\n"),
        format!("{TEXT}\n— PeterNeumann AAAAAAA\n"),
        format!("{TEXT}\n— PeterNeumann AAAAAAB=\n"),
        format!("{TEXT}\n— PeterNeumann  AAAAAAA=\n"),
        format!("\r{TEXT}\n{LINE}"),
        format!("\0{TEXT}\n{LINE}"),
        format!("{TEXT}\n{}", LINE.repeat(SIGNATURES_MAX + 1)),
        format!("{}\n{LINE}", TEXT.repeat(2_000)),
    ] {
        assert!(bad.parse::<Note>().is_err(), "{:?}", bad.chars().take(200).collect::<String>());
    }
    assert!(format!("{TEXT}\n{TEXT}\n{LINE}").parse::<Note>().is_ok());
}

proptest! {
    #[test]
    fn any_text_is_a_note_or_refused(text in "([ -~é]{0,5}\n){0,3}\n?(— [a-z+ ]{0,3} ?[A-Za-z=]{0,12}\n){0,2}.{0,2}") {
        if let Ok(note) = text.parse::<Note>() {
            prop_assert_eq!(note.to_string(), text);
        }
    }
}
