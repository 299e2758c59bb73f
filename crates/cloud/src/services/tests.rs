use std::path::Path;

use model::Brand;

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

async fn services(folder: &Path, simulated_cars: bool) -> Services {
    let store = Store::sqlite(&folder.join("marque.db")).await.unwrap();
    Services::new(store, "eu".parse().unwrap(), simulated_cars, Changes::default())
}

#[tokio::test]
async fn a_token_is_of_one_service_with_its_brands_and_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let services = services(folder.path(), false).await;
    let (id, brands) = (services.draw_id().unwrap(), Brands::from(Brand::Opel));
    let (name, profiles) = ("plant".to_owned(), vec![Profile::Monitoring, Profile::Factory]);
    let new = NewService { id, name, brands, profiles: profiles.clone() };
    let (row, token) = services.create(new, None, NOW).await.unwrap();
    assert_eq!((row.id, token.expires_at), (id, NOW + Micros::DAY));
    assert!(!format!("{token:?}").contains(token.reveal()));
    let service = services.authenticate(token.reveal(), NOW).await.unwrap().unwrap();
    assert_eq!((service.id, service.brands, service.enabled), (id, brands, true));
    assert_eq!(service.profiles, [Profile::Factory, Profile::Monitoring]);
    assert_eq!(services.authenticate(token.reveal(), token.expires_at).await.unwrap(), None);
    assert_eq!(services.authenticate("mqs_guess", NOW).await.unwrap(), None);
    assert_eq!(services.authenticate("mq_guess", NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_overlaps_with_the_next_for_ten_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let services = services(folder.path(), false).await;
    let new = NewService {
        id: services.draw_id().unwrap(),
        name: "plant".to_owned(),
        brands: Brands::ALL,
        profiles: vec![Profile::Witness],
    };
    let (row, first) = services.create(new, None, NOW).await.unwrap();
    let second = services.rotate(row.id, NOW).await.unwrap();
    let counts = async |token: &ServiceToken, at: Timestamp| {
        services.authenticate(token.reveal(), at).await.unwrap().is_some()
    };
    let end = NOW + Micros(10 * Micros::MINUTE.0);
    assert!(counts(&first, end - Micros(1)).await && !counts(&first, end).await);
    assert!(counts(&second, end).await);
    services.disable(row.id).await.unwrap();
    assert!(!counts(&second, NOW).await);
    let error = services.rotate(row.id, NOW).await.unwrap_err();
    assert!(matches!(error, ServiceError::Disabled), "{error}");
}

#[tokio::test]
async fn simulation_gives_nothing_on_a_platform_for_real_cars() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("simulation-token");
    let simulated = services(folder.path(), true).await;
    simulated.settle_simulation(&file, NOW).await.unwrap();
    let token = std::fs::read_to_string(&file).unwrap();
    let profiles = async |services: &Services| {
        let service = services.authenticate(token.trim(), NOW).await.unwrap();
        service.map(|service| service.profiles)
    };
    assert_eq!(profiles(&simulated).await, Some(vec![Profile::Simulation]));
    let real = services(folder.path(), false).await;
    assert_eq!(profiles(&real).await, Some(vec![]));
    real.settle_simulation(&file, NOW).await.unwrap();
    assert_eq!(profiles(&real).await, None);
    assert!(!file.exists());
    real.settle_simulation(&file, NOW).await.unwrap();
}
