//! `marque revoke`: takes a car's certificates back.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::Args;
use model::VehicleId;

use super::api::{Api, Login};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The vehicle's id, 32 hexadecimal digits.
    #[arg(value_name = "VEHICLE")]
    vehicle: VehicleId,

    /// The platform's API, for example `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL")]
    cloud: String,

    #[command(flatten)]
    login: Login,
}

/// None of the car's certificates lets it in any more; if it is connected, it is sent away.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    super::runtime()?.block_on(revoke(options))
}

async fn revoke(options: &Options) -> anyhow::Result<()> {
    let api = Api::sign_in(&options.cloud, &options.login).await?;
    let answer = api.delete(&format!("/v1/vehicles/{}/certificates", options.vehicle)).await?;
    let revoked = answer["revoked"].as_u64().context("read how many certificates were valid")?;
    writeln!(io::stdout(), "{revoked} valid certificates of {} were revoked", options.vehicle)?;
    Ok(())
}
