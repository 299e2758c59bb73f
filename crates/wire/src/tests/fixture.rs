//! A small catalogue with a leaf of each kind, that changes with no release of VSS.

use std::sync::{Arc, LazyLock};

use campaigns::Column;
use model::{CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Lane, Purpose, QueueEpoch, Seq};
use signals::{
    Catalogue, CatalogueBuilder, DataType, Leaf, LeafKind, Limits, Quality, Scale, SignalId, Value,
};

use crate::{BatchMeta, ClockState};

/// Id, type and scale.
const LEAVES: [(u32, &str, u8); 8] = [
    (1, "float", 2),
    (2, "double", 7),
    (3, "uint64", 0),
    (4, "boolean", 0),
    (5, "string", 0),
    (6, "float[]", 1),
    (7, "string[]", 0),
    (2_147_483_700, "int16", 0),
];

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let mut builder = CatalogueBuilder::default();
    for (id, data_type, digits) in LEAVES {
        builder.add(Leaf {
            id: SignalId(id),
            path: format!("Vehicle.Test.{}{id}", data_type.trim_end_matches("[]")).into(),
            kind: LeafKind::Sensor,
            data_type: data_type.parse::<DataType>().unwrap(),
            unit: None,
            limits: Limits::default(),
            category: DataCategory::Driving,
            scale: Scale::new(digits).unwrap(),
            description: "".into(),
        });
    }
    Arc::new(builder.build().unwrap())
});

pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::clone(&CATALOGUE)
}

/// A column of the fixture's leaf `id`.
pub(crate) fn column(id: u32, values: &[(Option<Value>, Quality)]) -> Column {
    let catalogue = catalogue();
    let leaf = catalogue.by_id(SignalId(id)).unwrap();
    let mut column = Column::new(leaf);
    for (value, quality) in values {
        column.push(leaf, value.as_ref(), *quality);
    }
    column
}

pub(crate) fn header_meta() -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(2),
        seq: Seq(41),
        lane: Lane::Bulk,
        campaign: CampaignId(7),
        version: CampaignVersion(3),
        purpose: Purpose::Maintenance,
        consent_epoch: ConsentEpoch(4),
        clock: ClockState::Synced,
        dropped: Vec::new(),
    }
}
