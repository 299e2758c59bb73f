use super::*;

fn check(address: &str, prefix: &str) {
    assert_eq!(word(&network_of(address.parse().unwrap())).as_str(), prefix);
}

#[test]
fn an_address_is_kept_as_its_network() {
    check("192.0.2.77", "192.0.2.0/24");
    check("::ffff:192.0.2.77", "192.0.2.0/24");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48");
}

#[test]
fn what_looks_like_a_vin_is_not_repeated() {
    assert_eq!(word("12345678901234567").as_str(), "unnamed");
    assert_eq!(word("1234567890123456").as_str(), "1234567890123456");
}
