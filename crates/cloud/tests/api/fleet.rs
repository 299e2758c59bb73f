use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn facets_name_what_there_is() {
    let fixture = Fixture::new().await;
    fixture.car(1, "peugeot", "208").await;
    fixture.car(2, "opel", "Corsa").await;
    let facets = fixture.get("/v1/facets").await.expect(200);
    assert_eq!(facets["brands"].as_array().unwrap().len(), 14);
    assert_eq!(facets["brands"][3], json!({ "slug": "citroen", "name": "Citroën" }));
    assert_eq!((&facets["regions"], &facets["architectures"]), (&json!(["eu"]), &json!(["psa-aee2010"])));
    let models: Vec<_> =
        facets["models"].as_array().unwrap().iter().map(|model| model["model"].clone()).collect();
    assert_eq!(models, ["Corsa", "208"]);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_counts_every_car_once_in_each_way() {
    let fixture = Fixture::new().await;
    for number in 0..5 {
        fixture.car(number, if number < 2 { "fiat" } else { "jeep" }, "x").await;
    }
    let summary = fixture.get("/v1/fleet/summary").await.expect(200);
    let sum = |slices: &str, field: &str| -> u64 {
        summary[slices].as_array().unwrap().iter().map(|slice| slice[field].as_u64().unwrap()).sum()
    };
    for slices in ["by_brand", "by_region", "by_architecture"] {
        assert_eq!((sum(slices, "vehicles"), sum(slices, "connected")), (5, 0), "{slices}");
    }
    assert_eq!(summary["by_brand"][0], json!({ "brand": "fiat", "vehicles": 2, "connected": 0 }));
    assert_eq!(
        summary["by_state"],
        json!({ "moving": 0, "parked": 0, "charging": 0, "offline": 5, "unknown": 0 })
    );
    fixture.platform.stop().await;
}
