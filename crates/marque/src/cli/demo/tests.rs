use super::*;

/// A platform in a folder of its own, and its operator.
async fn platform(folder: &Path) -> (Platform, Api) {
    let (platform, password_file) = crate::cli::tests::platform(folder).await;
    let password = fs::read_to_string(password_file).unwrap();
    let api = Api::with_password(&platform.url(), "operator", password.trim()).await.unwrap();
    (platform, api)
}

async fn register(api: &Api, number: u32) -> String {
    let vehicle = json!({
        "vin": format!("VF3CCHMZ0KT{number:06}"), "brand": "peugeot", "model": "208", "model_year": 2024,
        "architecture": "psa-aee2010", "region": "eu",
    });
    let vehicle = api.post("/v1/vehicles", &vehicle).await.unwrap();
    vehicle["vehicle_id"].as_str().unwrap().to_owned()
}

/// The numbers of the campaigns that a car has.
async fn campaigns(api: &Api, vehicle: &str) -> Vec<u64> {
    let vehicle = api.get(&format!("/v1/vehicles/{vehicle}")).await.unwrap();
    let campaigns = vehicle["campaigns"].as_array().unwrap();
    campaigns.iter().map(|campaign| campaign["campaign_id"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_assigns_its_campaign_to_its_own_cars() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, api) = platform(folder.path()).await;
    let (own, foreign) = (register(&api, 1).await, register(&api, 2).await);
    for _start in 0..2 {
        assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
    }
    assert_eq!((campaigns(&api, &own).await, campaigns(&api, &foreign).await), (vec![1], vec![]));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_whose_campaign_was_ended_begins_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, api) = platform(folder.path()).await;
    let own = register(&api, 1).await;
    assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
    api.post("/v1/campaigns/1/end", &json!({})).await.unwrap();
    for _start in 0..2 {
        assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
        assert_eq!(campaigns(&api, &own).await, [2]);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_finds_its_campaign_behind_a_page_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, api) = platform(folder.path()).await;
    let own = register(&api, 1).await;
    assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
    let mut other: Value = serde_json::from_str(CAMPAIGN).unwrap();
    other["name"] = json!("Another");
    while api.get("/v1/campaigns").await.unwrap()["next_cursor"].is_null() {
        api.post("/v1/campaigns", &other).await.unwrap();
    }
    assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
    assert_eq!(campaigns(&api, &own).await, [1]);
    platform.stop().await;
}
