use super::{Account, newest};

#[test]
fn an_account_is_found_by_its_whole_name() {
    let accounts = "root:x:0:0:root:/root:/bin/sh\npostgresx:x:1:2::/:/bin/sh\npostgres:x:101:104:a:/b:/c\n";
    assert_eq!(Account::find(accounts, "postgres"), Some(Account { user: 101, group: 104 }));
    assert_eq!(Account::find(accounts, "nobody"), None);
}

#[test]
fn the_newest_version_is_the_highest_number() {
    let names = ["9", "15", "old", "8"].map(str::to_owned);
    assert_eq!(newest(&names), Some("15"));
}
