use proptest::prelude::*;

use super::*;

fn check(text: &str, name: &str, algorithm: Algorithm) {
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!((key.name().as_str(), key.algorithm(), key.to_string().as_str()), (name, algorithm, text));
}

/// Keys that other implementations publish or test with.
#[test]
fn keys_of_others_are_read() {
    let ed25519 = Algorithm::Ed25519;
    check("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "PeterNeumann", ed25519);
    check("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop", "EnochRoot", ed25519);
    check(
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo",
        ed25519,
    );
    // Its base64 holds a '+'.
    check("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", "TEST", ed25519);
    let cosignature = Algorithm::Cosignature;
    check(
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de",
        cosignature,
    );
}

#[test]
fn a_key_with_any_character_changed_or_cut_is_refused() {
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for place in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] ^= 1;
        let changed = String::from_utf8(bytes).unwrap();
        assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
        assert!(text.chars().take(place).collect::<String>().parse::<VerifierKey>().is_err());
    }
}

#[test]
fn a_key_of_another_algorithm_says_so() {
    let error = "x+00000000+BgAAAA==".parse::<VerifierKey>().unwrap_err();
    assert!(matches!(error, Error::Algorithm { algorithm: 6 }));
}

#[test]
fn a_name_has_no_spaces_and_no_plus() {
    for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{7}b", &"x".repeat(256)] {
        assert!(bad.parse::<KeyName>().is_err(), "{bad:?}");
    }
    assert!("transparency.dev/DEV:witness-little-garden".parse::<KeyName>().is_ok());
}

#[test]
fn a_signer_hides_its_key() {
    let signer = SoftwareSigner::from_seed("a".parse().unwrap(), &[0x55; 32]).unwrap();
    let shown = format!("{signer:?}");
    assert!(shown.starts_with("SoftwareSigner(a+") && !shown.contains("5555"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_is_a_key_or_refused(text in "[a-z]{0,3}\\+[0-9a-f]{0,9}\\+[A-Za-z0-9+/=]{0,50}|.{0,40}") {
        if let Ok(key) = text.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
