//! People who look after other people's accounts.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::*;

const PASSWORD: &str = "five words that nobody has";

/// Somebody whom the operator gave an account.
struct Somebody {
    id: String,
    token: String,
}

impl Somebody {
    fn path(&self, rest: &str) -> String {
        format!("/v1/people/{}{rest}", self.id)
    }
}

impl Fixture {
    async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, Some(body), &[]).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None, &[]).await
    }

    async fn act(&self, path: &str) -> Reply {
        self.call(Method::POST, path, None, &[]).await
    }

    /// An account that nobody signed in to yet.
    async fn account(&self, body: Value) -> String {
        let account = self.post("/v1/people", body).await.expect(201);
        account["person_id"].as_str().unwrap().to_owned()
    }

    /// A staff account with functions, signed in.
    async fn somebody(&self, name: &str, functions: &[(&str, &[&str])]) -> Somebody {
        let id = self.account(json!({ "username": name, "realm": "staff", "brands": functions[0].1 })).await;
        for (function, brands) in functions {
            let role = json!({ "function": function, "brands": brands });
            self.post(&format!("/v1/people/{id}/roles"), role).await.expect(201);
        }
        self.act(&format!("/v1/people/{id}/credential-reset")).await.expect(204);
        let link = json!({ "token": self.link(name), "password": PASSWORD });
        self.post("/v1/credential-resets", link).await.expect(204);
        Somebody { id, token: self.sign_in(name).await.expect(201)["token"].as_str().unwrap().to_owned() }
    }

    async fn sign_in(&self, name: &str) -> Reply {
        let credentials = json!({ "username": name, "password": PASSWORD });
        call(&self.platform.router(), Method::POST, "/v1/session", Some(credentials), &[]).await
    }

    fn outbox(&self) -> PathBuf {
        self.folder.path().join("data/outbox")
    }

    fn letters(&self) -> Vec<(PathBuf, String)> {
        let files = fs::read_dir(self.outbox()).unwrap().map(|file| file.unwrap().path());
        files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    /// The token in the letter to somebody who got one.
    fn link(&self, name: &str) -> String {
        let letters = self.letters();
        let to = format!("Account: {name}\n");
        let (_, letter) = letters.iter().find(|(_, letter)| letter.contains(&to)).unwrap();
        letter.lines().find(|line| line.starts_with("mqr_")).unwrap().to_owned()
    }
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["username"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_a_link_and_functions_and_signs_in() {
    let fixture = Fixture::new().await;
    let new = json!({ "username": "anna", "realm": "staff", "brands": ["opel"], "address": "a@example.org" });
    let reply = fixture.post("/v1/people", new.clone()).await;
    let location = reply.header("location").to_owned();
    let account = reply.expect(201);
    assert_eq!((&account["password_set"], &account["roles"]), (&json!(false), &json!([])));
    assert_eq!(fixture.get(&location).await.expect(200), account);
    fixture.post("/v1/people", new).await.problem(409, "conflict");
    let role = json!({ "function": "support", "brands": ["opel"] });
    let role = fixture.post(&format!("{location}/roles"), role).await.expect(201);
    let reply = fixture.act(&format!("{location}/credential-reset")).await;
    assert_eq!((reply.status.as_u16(), &reply.body), (204, &Value::Null), "no answer tells the link");

    let letters = fixture.letters();
    let (path, letter) = &letters[0];
    assert!(letters.len() == 1 && letter.contains("To: a@example.org"), "{letter}");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path), mode(&fixture.outbox())), (0o600, 0o700));
    let token = fixture.link("anna");
    let data = fixture.folder.path().join("data");
    for file in ["marque.db", "marque.db-wal"] {
        let bytes = fs::read(data.join(file)).unwrap();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "the token is in {file}");
    }

    let short = json!({ "token": token, "password": "short" });
    fixture.post("/v1/credential-resets", short).await.problem(422, "unprocessable");
    let link = json!({ "token": token, "password": PASSWORD });
    fixture.post("/v1/credential-resets", link.clone()).await.expect(204);
    fixture.post("/v1/credential-resets", link).await.problem(422, "unprocessable");
    let session = fixture.sign_in("anna").await.expect(201);
    assert_eq!(session["functions"], json!([{ "function": "support", "brands": ["opel"], "until": null }]));
    let account = fixture.get(&location).await.expect(200);
    assert_eq!((&account["password_set"], &account["roles"]), (&json!(true), &json!([role])));

    let page = fixture.get("/v1/people?limit=1").await.expect(200);
    assert_eq!(names(&page), ["anna"]);
    let next = page["next_cursor"].as_str().unwrap();
    assert_eq!(names(&fixture.get(&format!("/v1/people?cursor={next}")).await.expect(200)), ["operator"]);
    let found = fixture.get("/v1/people?q=NN&function=support").await.expect(200);
    assert_eq!(names(&found), ["anna"]);
    let none = fixture.get("/v1/people?q=nn&function=security").await.expect(200);
    assert_eq!(names(&none), Vec::<&str>::new());
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_of_links_waits() {
    let fixture = Fixture::new().await;
    let guess = json!({ "token": "mqr_guess", "password": PASSWORD });
    for _ in 0..=30 {
        fixture.post("/v1/credential-resets", guess.clone()).await.problem(422, "unprocessable");
    }
    let reply = fixture.post("/v1/credential-resets", guess).await;
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(429, "too-many-requests");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_what_the_account_had() {
    let fixture = Fixture::new().await;
    let anna = fixture.somebody("anna", &[("support", &["opel"])]).await;
    fixture.act(&anna.path("/credential-reset")).await.expect(204);
    fixture.by(&anna.token, Method::GET, "/v1/session", None).await.problem(401, "unauthorized");
    fixture.sign_in("anna").await.problem(401, "sign-in-refused");
    fixture.patch(&anna.path(""), json!({ "address": "anna@example.org" })).await.expect(200);
    let problem = fixture.act(&anna.path("/credential-reset")).await.problem(403, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("seven days"), "{problem}");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_changed_disabled_and_enabled() {
    let fixture = Fixture::new().await;
    let anna = fixture.somebody("anna", &[("support", &["opel"])]).await;
    fixture.patch(&anna.path(""), json!({ "username": "operator" })).await.problem(409, "conflict");
    for (body, place) in [
        (json!({ "username": "Anna" }), "username"),
        (json!({ "username": "" }), "username"),
        (json!({ "address": "anna" }), "address"),
        (json!({ "realm": "partner" }), "realm"),
    ] {
        let problem = fixture.patch(&anna.path(""), body).await.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], place);
    }
    let changed = fixture.patch(&anna.path(""), json!({ "username": "ann" })).await.expect(200);
    assert_eq!(changed["username"], "ann");
    fixture.act(&anna.path("/disable")).await.expect(204);
    fixture.by(&anna.token, Method::GET, "/v1/session", None).await.problem(401, "unauthorized");
    fixture.sign_in("ann").await.problem(401, "sign-in-refused");
    assert_eq!(fixture.get(&anna.path("")).await.expect(200)["enabled"], false);
    fixture.act(&anna.path("/enable")).await.expect(204);
    fixture.sign_in("ann").await.expect(201);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changes_ones_own_account_and_the_old_address_hears_of_it() {
    let fixture = Fixture::new().await;
    let anna = fixture.somebody("anna", &[("support", &["opel"])]).await;
    let change = async |body: Value| fixture.by(&anna.token, Method::PATCH, "/v1/account", Some(body)).await;
    let problem = change(json!({ "address": "anna" })).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "address");
    change(json!({ "username": "operator" })).await.problem(409, "conflict");
    change(json!({ "address": "a@example.org" })).await.expect(200);
    let changed = change(json!({ "username": "ann", "address": "b@example.org" })).await.expect(200);
    assert_eq!((&changed["username"], &changed["address"]), (&json!("ann"), &json!("b@example.org")));
    let account = fixture.by(&anna.token, Method::GET, "/v1/account", None).await.expect(200);
    assert_eq!(account, changed);
    let letters = fixture.letters();
    let told = letters.iter().filter(|(_, letter)| letter.contains("go to another address"));
    let told: Vec<_> = told.map(|(_, letter)| letter.contains("To: a@example.org")).collect();
    assert_eq!(told, [true], "there was none before the first");
    assert!(letters.iter().any(|(_, letter)| letter.contains("that was not you")), "{letters:?}");
    // It may have been who found their screen unlocked.
    fixture.act(&anna.path("/credential-reset")).await.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_belongs_to_a_fleet_or_a_dealership() {
    let fixture = Fixture::new().await;
    let house = json!({ "kind": "dealership", "name": "House", "brands": ["opel", "peugeot"] });
    let house = fixture.post("/v1/organisations", house).await.expect(201)["organisation_id"].clone();
    let staff = json!({ "username": "carl", "realm": "staff", "organisation_id": house });
    let problem = fixture.post("/v1/people", staff).await.problem(422, "unprocessable");
    assert_eq!(problem["errors"][0]["place"], "organisation_id");
    let new = json!({ "username": "ben", "realm": "partner", "brands": ["opel"], "organisation_id": house });
    let ben = fixture.post("/v1/people", new).await.expect(201);
    assert_eq!(ben["organisation_id"], house);
    let path = format!("/v1/people/{}", ben["person_id"].as_str().unwrap());
    assert_eq!(fixture.get("/v1/people?q=ben").await.expect(200)["items"][0]["organisation_id"], house);
    let unknown = json!({ "organisation_id": "00000000000000000000000000000000" });
    fixture.patch(&path, unknown).await.problem(422, "unprocessable");
    let left = fixture.patch(&path, json!({ "organisation_id": null })).await.expect(200);
    assert_eq!(left["organisation_id"], Value::Null);
    // Who reaches one of its brands puts nobody into it.
    let opel = fixture.somebody("dora", &[("administrator", &["opel"])]).await;
    let body = Some(json!({ "organisation_id": house }));
    let reply = fixture.by(&opel.token, Method::PATCH, &path, body).await;
    assert_eq!(reply.problem(422, "unprocessable")["errors"][0]["place"], "organisation_id");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_others_are_seen_and_ended() {
    let fixture = Fixture::new().await;
    let anna = fixture.somebody("anna", &[("support", &["opel"])]).await;
    fixture.sign_in("anna").await.expect(201);
    let open = fixture.get(&anna.path("/sessions")).await.expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 2);
    let first = open["items"][1]["session_id"].as_str().unwrap();
    assert_eq!(open["items"][1]["current"], false);
    fixture.delete(&anna.path(&format!("/sessions/{first}"))).await.expect(204);
    fixture.delete(&anna.path(&format!("/sessions/{first}"))).await.problem(404, "not-found");
    fixture.by(&anna.token, Method::GET, "/v1/session", None).await.problem(401, "unauthorized");
    fixture.delete(&anna.path("/sessions")).await.expect(204);
    assert_eq!(fixture.get(&anna.path("/sessions")).await.expect(200)["items"], json!([]));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_fits_the_account_and_lies_ahead() {
    let fixture = Fixture::new().await;
    let staff = fixture.account(json!({ "username": "anna", "realm": "staff" })).await;
    let partner = fixture.account(json!({ "username": "garage", "realm": "partner" })).await;
    let customer = json!({ "username": "carl", "realm": "customer" });
    fixture.post("/v1/people", customer).await.problem(422, "unprocessable");
    let give = async |id: &str, role: Value| fixture.post(&format!("/v1/people/{id}/roles"), role).await;
    let role = |function: &str| json!({ "function": function, "brands": ["opel"] });
    for (id, role, place) in [
        (&staff, role("dealer"), "function"),
        (&staff, role("owner"), "function"),
        (&partner, role("support"), "function"),
        (&staff, role("king"), "function"),
        (&staff, json!({ "function": "support", "brands": [] }), "brands"),
        (
            &staff,
            json!({ "function": "support", "brands": ["opel"], "until": "2020-01-01T00:00:00Z" }),
            "until",
        ),
    ] {
        let problem = give(id, role).await.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], place, "{problem}");
    }
    give(&partner, role("dealer")).await.expect(201);
    let until = json!({ "function": "support", "brands": ["opel"], "until": "2999-01-01T00:00:00Z" });
    let given = give(&staff, until).await.expect(201);
    assert_eq!(given["until"], "2999-01-01T00:00:00.000000Z");
    let path = format!("/v1/people/{staff}/roles/{}", given["assignment_id"].as_str().unwrap());
    fixture.delete(&path).await.expect(204);
    fixture.delete(&path).await.problem(404, "not-found");
    assert_eq!(fixture.get(&format!("/v1/people/{staff}")).await.expect(200)["roles"], json!([]));
    let nobody = "9f1c6a02d4e84b7f8a3d5c6e7f809112";
    give(nobody, role("support")).await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_oneself_anything_nor_to_an_account_that_they_made() {
    let fixture = Fixture::new().await;
    let own = fixture.get("/v1/account").await.expect(200)["person_id"].as_str().unwrap().to_owned();
    let own = Somebody { id: own, token: fixture.token.clone() };
    let dealer = json!({ "function": "support", "brands": ["opel"] });
    fixture.post(&own.path("/roles"), dealer.clone()).await.problem(403, "forbidden");
    fixture.act(&own.path("/disable")).await.problem(403, "forbidden");
    fixture.act(&own.path("/credential-reset")).await.problem(403, "forbidden");
    fixture.patch(&own.path(""), json!({ "address": "o@example.org" })).await.problem(403, "forbidden");
    // Until there was a second administrator, the first may do both.
    let second = fixture.somebody("second", &[("administrator", &["opel"])]).await;
    let anna = fixture.account(json!({ "username": "anna", "realm": "staff" })).await;
    let path = format!("/v1/people/{anna}/roles");
    let problem = fixture.post(&path, dealer.clone()).await.problem(403, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("you made this account"), "{problem}");
    fixture.by(&second.token, Method::POST, &path, Some(dealer)).await.expect(201);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_brand_keeps_an_administrator() {
    let fixture = Fixture::new().await;
    let operator = fixture.get("/v1/people?q=operator").await.expect(200)["items"][0].clone();
    let roles = operator["roles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["function"] == "administrator").unwrap();
    let id = operator["person_id"].as_str().unwrap();
    let path = format!("/v1/people/{id}/roles/{}", role["assignment_id"].as_str().unwrap());
    fixture.delete(&path).await.problem(409, "conflict");
    let all = Brand::ALL.map(Brand::slug);
    let second = fixture.somebody("second", &[("administrator", &all)]).await;
    let opel = fixture.account(json!({ "username": "opel", "realm": "staff" })).await;
    let opel = Somebody { id: opel, token: String::new() };
    let role = json!({ "function": "administrator", "brands": ["opel"] });
    fixture.by(&second.token, Method::POST, &opel.path("/roles"), Some(role)).await.expect(201);
    fixture.act(&second.path("/disable")).await.expect(204);
    // That Opel still has one is not enough for the other brands.
    fixture.delete(&path).await.problem(409, "conflict");
    fixture.act(&second.path("/enable")).await.expect(204);
    fixture.delete(&path).await.expect(204);
    // What was taken away counts no more at once.
    fixture.act(&second.path("/enable")).await.problem(403, "forbidden");
    // The operator, who still guards identities, stops any administrator but the last.
    fixture.act(&opel.path("/disable")).await.expect(204);
    let problem = fixture.act(&second.path("/disable")).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("no administrator"), "{problem}");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_audits_a_brand_sees_what_administrators_did_in_it() {
    let fixture = Fixture::new().await;
    let anna =
        fixture.account(json!({ "username": "anna", "realm": "staff", "brands": ["fiat", "opel"] })).await;
    let role = json!({ "function": "support", "brands": ["fiat", "opel"] });
    fixture.post(&format!("/v1/people/{anna}/roles"), role).await.expect(201);
    for (brand, sees) in [("opel", true), ("fiat", true), ("jeep", false)] {
        let privacy = fixture.somebody(&format!("{brand}-privacy"), &[("privacy", &[brand])]).await;
        let found = fixture.by(&privacy.token, Method::GET, "/v1/audit/entries", None).await.expect(200);
        let about_anna = |item: &&Value| item["resource"]["id"]["value"] == anna.as_str();
        let items = found["items"].as_array().unwrap();
        let acts: Vec<_> =
            items.iter().filter(about_anna).map(|item| (&item["action"], &item["reason"])).collect();
        let expected = [(&json!("role.assign"), &json!("support")), (&json!("person.create"), &Value::Null)];
        assert_eq!(acts, if sees { &expected[..] } else { &[] }, "{brand}: {found}");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reaches_no_further_than_the_own_brands() {
    let fixture = Fixture::new().await;
    let fiat = fixture.somebody("fiat", &[("support", &["fiat"])]).await;
    let both = fixture.somebody("both", &[("support", &["fiat", "opel"])]).await;
    let admin = fixture.somebody("admin", &[("administrator", &["opel"])]).await;
    let by = async |method: Method, path: &str, body: Option<Value>| {
        fixture.by(&admin.token, method, path, body).await
    };
    let page = by(Method::GET, "/v1/people", None).await.expect(200);
    assert_eq!(names(&page), ["admin", "both", "operator"]);
    assert_eq!(page["items"][1]["roles"][0]["brands"], json!(["opel"]), "of others' brands it hears nothing");
    let role = page["items"][1]["roles"][0]["assignment_id"].as_str().unwrap();
    by(Method::GET, &both.path(""), None).await.expect(200);
    let nobody = "/v1/people/9f1c6a02d4e84b7f8a3d5c6e7f809112";
    let missing = by(Method::GET, nobody, None).await.problem(404, "not-found");
    let hidden = by(Method::GET, &fiat.path(""), None).await.problem(404, "not-found");
    assert_eq!(missing["detail"], hidden["detail"], "what is out of reach is what is not there");
    for path in [both.path("/disable"), fiat.path("/disable"), both.path("/credential-reset")] {
        let problem = by(Method::POST, &path, None).await.problem(404, "not-found");
        assert_eq!(problem["detail"], missing["detail"]);
    }
    by(Method::DELETE, &both.path(&format!("/roles/{role}")), None).await.problem(404, "not-found");
    by(Method::GET, &both.path("/sessions"), None).await.problem(404, "not-found");
    let role = |brand: &str| Some(json!({ "function": "support", "brands": [brand] }));
    by(Method::POST, &both.path("/roles"), role("fiat")).await.problem(403, "forbidden");
    by(Method::POST, &both.path("/roles"), role("opel")).await.expect(201);
    // It would take the account away from those who look after it.
    let problem = by(Method::POST, &fiat.path("/roles"), role("opel")).await.problem(404, "not-found");
    assert_eq!(problem["detail"], missing["detail"]);
    let page = by(Method::GET, "/v1/people?q=both", None).await.expect(200);
    assert_eq!(page["items"][0]["created_for"], json!(["opel"]));
    let new = |brands: Value| Some(json!({ "username": "new", "realm": "staff", "brands": brands }));
    by(Method::POST, "/v1/people", new(Value::Null)).await.problem(403, "forbidden");
    by(Method::POST, "/v1/people", new(json!(["opel", "fiat"]))).await.problem(403, "forbidden");
    by(Method::POST, "/v1/people", new(json!(["opel"]))).await.expect(201);
    // Support looks after nobody's account.
    fixture.by(&fiat.token, Method::GET, "/v1/people", None).await.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_functions_is_that_of_the_policies() {
    let fixture = Fixture::new().await;
    let roles = fixture.get("/v1/roles").await.expect(200);
    let functions = roles["functions"].as_array().unwrap();
    assert_eq!(functions.len(), 10);
    let of = |function: &str| functions.iter().find(|item| item["function"] == function).unwrap();
    let right = |function: &str, action: &str| {
        let rights = of(function)["rights"].as_array().unwrap();
        rights.iter().find(|right| right["action"] == action).cloned()
    };
    let expected = json!({ "action": "role.assign", "reach": "tenant", "step_up": true });
    assert_eq!(right("administrator", "role.assign"), Some(expected));
    assert_eq!(right("support", "role.assign"), None);
    assert_eq!(right("owner", "consent.write").unwrap()["reach"], "linked");
    assert_eq!(of("dealer")["realm"], "partner");
    let meanings = roles["actions"].as_array().unwrap();
    let meaning = meanings.iter().find(|item| item["action"] == "person.disable").unwrap();
    assert_eq!((&meaning["privileged"], &meaning["resource"]), (&json!(true), &json!("person")));
    fixture.platform.stop().await;
}
