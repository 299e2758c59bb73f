use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_assigns_its_campaign_to_its_own_cars() {
    let folder = tempfile::tempdir().unwrap();
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = config::Options {
        data: folder.path().to_owned(),
        http: any_port,
        mqtt: any_port,
        ..config::Options::default()
    };
    let config = options.resolve().unwrap();
    let password_file = config.operator_password_file();
    let platform = Platform::start(config, Clock::system()).await.unwrap();
    let password = fs::read_to_string(password_file).unwrap();
    let api = Api::with_password(&platform.url(), "operator", password.trim()).await.unwrap();
    let register = async |number: u32| {
        let vehicle = json!({
            "vin": format!("VF3CCHMZ0KT{number:06}"), "brand": "peugeot", "model": "208", "model_year": 2024,
            "architecture": "psa-aee2010", "region": "eu",
        });
        let vehicle = api.post("/v1/vehicles", &vehicle).await.unwrap();
        vehicle["vehicle_id"].as_str().unwrap().to_owned()
    };
    let (own, foreign) = (register(1).await, register(2).await);
    for _start in 0..2 {
        assign_campaign(&api, std::slice::from_ref(&own)).await.unwrap();
    }
    let campaigns = async |vehicle: &str| {
        let vehicle = api.get(&format!("/v1/vehicles/{vehicle}")).await.unwrap();
        vehicle["campaigns"].as_array().unwrap().len()
    };
    assert_eq!((campaigns(&own).await, campaigns(&foreign).await), (1, 0));
    platform.stop().await;
}
