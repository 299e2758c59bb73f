//! The platform's words as JSON and OpenAPI spell them. Domain types know no format; these wrap them.

use std::{borrow::Cow, fmt, net::IpAddr};

use crate::{
    ownership::{OrganisationKind, ReleaseState},
    quarantine::QuarantineReason,
};
use consent::Purpose;
use identity::{Function, Profile, Realm};
use model::{
    Brand, CatalogueHash, DataCategory, Lane, OrganisationId, PersonId, Region, ServiceId, Timestamp,
    VehicleId,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type, schema::Schema},
};

/// One place of a request or a document that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaceError {
    /// Where: `groups[0].signals[2]`, or a parameter's name.
    #[schema(example = "groups[0].signals[2]")]
    pub place: String,
    #[schema(example = "unknown signal `Vehicle.Sped`")]
    pub detail: String,
}

impl PlaceError {
    pub(crate) fn new(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place: place.into(), detail: detail.into() }
    }

    /// Of a field whose value the place is in.
    pub(crate) fn in_field(self, field: &str) -> Self {
        self.within(field)
    }

    /// Of a list whose item the place is in.
    pub(crate) fn in_item(self, index: usize) -> Self {
        self.within(format_args!("[{index}]"))
    }

    fn within(self, outer: impl fmt::Display) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        Self { place: format!("{outer}{dot}{}", self.place), ..self }
    }
}

/// Wraps a domain word that is a string in JSON: parsed at the edge, never carried as text.
macro_rules! word {
    ($name:ident($inner:ty), $describe:literal, $text:expr, $parse:expr, $schema:expr) => {
        #[doc = $describe]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl $name {
            fn text(&self) -> Cow<'_, str> {
                let text: fn(&$inner) -> Cow<'_, str> = $text;
                text(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let parse: fn(&str) -> Result<$inner, String> = $parse;
                parse(&text).map(Self).map_err(D::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.schema_type(Type::String).description(Some($describe)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }
    };
}

fn parse<T: std::str::FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn one_of<const N: usize>(slugs: [&'static str; N]) -> ObjectBuilder {
    ObjectBuilder::new().enum_values(Some(slugs)).examples([slugs[0]])
}

fn shaped(pattern: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().pattern(Some(pattern)).examples([example])
}

word! {
    BrandSlug(Brand), "A brand of the group.",
    |brand| Cow::Borrowed(brand.slug()), parse, one_of(Brand::ALL.map(Brand::slug))
}
word! {
    CategorySlug(DataCategory), "What a signal says something about.",
    |category| Cow::Borrowed(category.slug()), parse, one_of(DataCategory::ALL.map(DataCategory::slug))
}
word! {
    LaneSlug(Lane), "A priority class of a car's queue.",
    |lane| Cow::Borrowed(lane.slug()), parse, one_of(Lane::ALL.map(Lane::slug))
}
word! {
    PurposeSlug(Purpose), "What personal data is used for.",
    |purpose| Cow::Borrowed(purpose.slug()), parse, one_of(Purpose::ALL.map(Purpose::slug))
}
word! {
    RegionName(Region), "A region: a cell with its own log, SQL, objects and CA.",
    |region| Cow::Borrowed(region.as_str()), parse, shaped("^[a-z][a-z0-9-]{1,15}$", "eu")
}
word! {
    VehicleIdHex(VehicleId), "One car for its whole life: 128 random bits as 32 hexadecimal digits.",
    |id| Cow::Owned(id.to_string()), parse, shaped("^[0-9a-f]{32}$", "9f1c6a02d4e84b7f8a3d5c6e7f809112")
}
word! {
    FunctionSlug(Function), "What a person does here.",
    |function| Cow::Borrowed(function.slug()), parse, one_of(Function::ALL.map(Function::slug))
}
word! {
    RealmSlug(Realm), "Who an account belongs to.",
    |realm| Cow::Borrowed(realm.slug()), parse, one_of(Realm::ALL.map(Realm::slug))
}
word! {
    ProfileSlug(Profile), "What a service is for.",
    |profile| Cow::Borrowed(profile.slug()), parse, one_of(Profile::ALL.map(Profile::slug))
}
word! {
    QuarantineReasonSlug(QuarantineReason), "Why a car's identity is in quarantine.",
    |reason| Cow::Borrowed(reason.slug()), |text| Ok(QuarantineReason::of(text)),
    one_of(QuarantineReason::ALL.map(QuarantineReason::slug))
}
word! {
    ReleaseStateSlug(ReleaseState), "What became of a request for release.",
    |state| Cow::Borrowed(state.slug()), parse, one_of(ReleaseState::ALL.map(ReleaseState::slug))
}
word! {
    PersonIdHex(PersonId), "An account of a person: 128 random bits as 32 hexadecimal digits.",
    |id| Cow::Owned(id.to_string()), parse, shaped("^[0-9a-f]{32}$", "6f1c6a02d4e84b7f8a3d5c6e7f809112")
}
word! {
    OrganisationIdHex(OrganisationId), "A fleet or a dealership: 128 random bits as 32 hexadecimal digits.",
    |id| Cow::Owned(id.to_string()), parse, shaped("^[0-9a-f]{32}$", "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c")
}
word! {
    OrganisationKindSlug(OrganisationKind), "What an organisation does with cars that are not its own.",
    |kind| Cow::Borrowed(kind.slug()), parse, one_of(OrganisationKind::SLUGS)
}
word! {
    ServiceIdHex(ServiceId), "A machine of ours: 128 random bits as 32 hexadecimal digits.",
    |id| Cow::Owned(id.to_string()), parse, shaped("^[0-9a-f]{32}$", "2a7d6a02d4e84b7f8a3d5c6e7f80ab01")
}
word! {
    CatalogueHashHex(CatalogueHash), "Names a catalogue by its content.",
    |hash| Cow::Owned(hash.to_string()), parse, shaped("^[0-9a-f]{16}$", "5d0f3c9a7be21846")
}
word! {
    Time(Timestamp), "A point in time by RFC 3339, in UTC, to the microsecond.",
    |time| Cow::Owned(rfc3339(*time)),
    parse_rfc3339,
    ObjectBuilder::new()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-11-23T08:15:30.250000Z"])
}

/// Always six digits of the second, so that texts of times sort as times do.
pub fn rfc3339(time: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(time.0) {
        Ok(time) => format!("{time:.6}"),
        // Outside of the years -9999 to 9999: no clock says so, but a car's source time may.
        Err(_) if time.0 < 0 => "-009999-01-03T00:00:00.000000Z".to_owned(),
        Err(_) => "9999-12-30T00:00:00.000000Z".to_owned(),
    }
}

/// Takes any offset; the platform speaks UTC only.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "a time is written as in RFC 3339: 2026-11-23T08:15:30.25Z".to_owned())?;
    Ok(Timestamp(time.as_microsecond()))
}

/// The network that somebody comes from: enough to tell a stranger's, too little to find a flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4((u32::from(address) & 0xffff_ff00).into()),
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 80 << 80).into()),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(first) => write!(f, "{first}/24"),
            IpAddr::V6(first) => {
                let [a, b, c, ..] = first.segments();
                write!(f, "{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }
}

/// As the audit log and people have it.
pub(crate) fn network_of(from: IpAddr) -> String {
    Network::of(from).to_string()
}

#[cfg(test)]
mod tests;
