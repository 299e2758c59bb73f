//! The files that ship with the crate.

/// The group's architectures.
pub const ARCHITECTURES: &[&str] = &[
    "psa-aee2004",
    "psa-aee2010",
    "fca-giorgio",
    "fca-cusw",
    "fca-pacifica",
    "ram-dt",
    "ram-hd",
    "opel-gm-legacy",
    "zonal",
];

/// Maps for the frames of a DBC that the user gives.
pub const EXTERNAL: &[&str] = &["toyota-rav4-2017", "hyundai-kona-ev"];

pub(super) const MODELS: &str = include_str!("../../profiles/models.toml");

pub(super) fn text(name: &str) -> Option<&'static str> {
    Some(match name {
        "psa-aee2004" => include_str!("../../profiles/psa-aee2004.toml"),
        "psa-aee2010" => include_str!("../../profiles/psa-aee2010.toml"),
        "fca-giorgio" => include_str!("../../profiles/fca-giorgio.toml"),
        "fca-cusw" => include_str!("../../profiles/fca-cusw.toml"),
        "fca-pacifica" => include_str!("../../profiles/fca-pacifica.toml"),
        "ram-dt" => include_str!("../../profiles/ram-dt.toml"),
        "ram-hd" => include_str!("../../profiles/ram-hd.toml"),
        "opel-gm-legacy" => include_str!("../../profiles/opel-gm-legacy.toml"),
        "zonal" => include_str!("../../profiles/zonal.toml"),
        "toyota-rav4-2017" => include_str!("../../profiles/toyota-rav4-2017.toml"),
        "hyundai-kona-ev" => include_str!("../../profiles/hyundai-kona-ev.toml"),
        _ => return None,
    })
}

/// Frames of our own that several architectures share.
pub(super) fn extension(name: &str) -> Option<&'static str> {
    Some(match name {
        "gnss" => include_str!("../../profiles/extensions/gnss.toml"),
        "traction-battery" => include_str!("../../profiles/extensions/traction-battery.toml"),
        "vehicle-state" => include_str!("../../profiles/extensions/vehicle-state.toml"),
        "tyres" => include_str!("../../profiles/extensions/tyres.toml"),
        "body" => include_str!("../../profiles/extensions/body.toml"),
        "cabin" => include_str!("../../profiles/extensions/cabin.toml"),
        "dynamics" => include_str!("../../profiles/extensions/dynamics.toml"),
        _ => return None,
    })
}
