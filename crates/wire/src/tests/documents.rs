use campaigns::{Campaign, Group, How, UploadLimits};
use consent::{Grant, Grants, Jurisdiction};
use model::{
    CampaignId, CampaignVersion, CatalogueHash, ConsentEpoch, DataCategory, Lane, Micros, Purpose,
    QueueEpoch, Seq, Timestamp, limits,
};
use proptest::{collection::vec, prelude::*};
use prost::Message as _;
use signals::SignalId;

use crate::*;

pub(super) fn campaigns() -> Vec<Campaign> {
    vec![Campaign {
        id: CampaignId(7),
        version: CampaignVersion(3),
        name: "Live and bulk".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![
            Group {
                signals: vec![SignalId(1), SignalId(2_147_483_700)],
                lane: Lane::Live,
                how: How::Every(Micros::SECOND),
                flush_every: Micros::SECOND,
            },
            Group {
                signals: vec![SignalId(4)],
                lane: Lane::Alert,
                how: How::OnChange { min_interval: Micros::ZERO, min_delta: 0.5 },
                flush_every: Micros::ZERO,
            },
        ],
        limits: UploadLimits { samples_per_minute_max: Some(6_000) },
    }]
}

pub(super) fn consent() -> ConsentDocument {
    let grant = |purpose, category, granted| Grant { purpose, category, granted, at: Timestamp(1_700_000) };
    let grants = [
        grant(Purpose::FleetManagement, DataCategory::Location, true),
        grant(Purpose::Maintenance, DataCategory::Tyres, false),
    ];
    ConsentDocument {
        grants: Grants::new(ConsentEpoch(9), grants),
        jurisdiction: Jurisdiction::Eu,
        first_epoch: ConsentEpoch(0),
    }
}

pub(super) fn report() -> Report {
    Report {
        at: Timestamp(1_767_225_600_000_000),
        software: "brain 0.1.0".to_owned(),
        catalogue: CatalogueHash(0x0123_4567_89ab_cdef),
        applied: vec![
            Applied { kind: Kind::Campaigns, version: 12, error: None },
            Applied { kind: Kind::Consent, version: 2, error: Some("expired".to_owned()) },
        ],
        not_available: vec!["Vehicle.Speed".to_owned()],
        queues: vec![QueueReport {
            lane: Lane::Bulk,
            epoch: QueueEpoch(1),
            next_seq: Seq(100),
            pending_batches: 5,
            pending_bytes: 1_500,
            dropped_batches: 3,
            dropped: vec![SeqRange { first: Seq(1), last: Seq(3) }],
        }],
    }
}

pub(super) fn fetch() -> Fetch {
    Fetch { have: vec![(Kind::Campaigns, 12), (Kind::Consent, 0)], access: None }
}

pub(super) fn notice() -> Notice {
    Notice {
        refused: vec![RefusedBatch {
            lane: Lane::Live,
            epoch: QueueEpoch(1),
            seq: Seq(8),
            reason: "unknown campaign".to_owned(),
        }],
        bad_columns: vec![BadColumnNotice {
            campaign: CampaignId(7),
            version: CampaignVersion(3),
            signal: SignalId(4),
            samples: 20,
            reason: ColumnProblem::Malformed.slug().to_owned(),
        }],
    }
}

#[test]
fn an_unknown_value_names_its_field() {
    let mut document = pb::CampaignsDocument::decode(&*encode_campaigns(&campaigns())).unwrap();
    document.campaigns[0].purpose = 99;
    let error = decode_campaigns(&document.encode_to_vec()).unwrap_err();
    assert_eq!(error, Error::UnknownValue { message: "the campaigns document", field: "purpose", value: 99 });
    document.campaigns[0].purpose = 1;
    document.campaigns[0].groups[0].how = None;
    let error = decode_campaigns(&document.encode_to_vec()).unwrap_err();
    assert_eq!(error, Error::Field { message: "the campaigns document", field: "how" });
}

#[test]
fn a_grant_of_a_later_release_does_not_keep_the_others_away() {
    let mut document = pb::ConsentDocument::decode(&*encode_consent(&consent())).unwrap();
    document.grants[1].category = 200;
    let known = decode_consent(&document.encode_to_vec()).unwrap();
    assert_eq!(known.grants.entries(), &consent().grants.entries()[..1]);
}

#[test]
fn a_document_above_the_limit_is_not_read() {
    let bytes = vec![0; limits::DOCUMENT_BYTES_MAX + 1];
    assert!(matches!(decode_campaigns(&bytes), Err(Error::DocumentTooLarge { .. })));
    assert!(matches!(decode_report(&bytes), Err(Error::DocumentTooLarge { .. })));
}

#[test]
fn a_report_names_a_kind_once_and_in_plain_text() {
    let twice = Report { applied: [report().applied, report().applied].concat(), ..report() };
    let mut nul = report();
    nul.applied[0].error = Some("a\0b".to_owned());
    for wrong in [twice, nul] {
        let decoded = decode_report(&encode_report(&wrong));
        assert!(matches!(decoded, Err(Error::Field { field: "applied", .. })), "{decoded:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_documents_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(campaigns) = decode_campaigns(&bytes) {
            prop_assert_eq!(decode_campaigns(&encode_campaigns(&campaigns)).map(|again| again.len()), Ok(campaigns.len()));
        }
        if let Ok(consent) = decode_consent(&bytes) {
            prop_assert_eq!(decode_consent(&encode_consent(&consent)), Ok(consent));
        }
        if let Ok(report) = decode_report(&bytes) {
            prop_assert_eq!(decode_report(&encode_report(&report)), Ok(report));
        }
        if let Ok(notice) = decode_notice(&bytes) {
            prop_assert_eq!(decode_notice(&encode_notice(&notice)), Ok(notice));
        }
        if let Ok(fetch) = decode_fetch(&bytes) {
            prop_assert_eq!(decode_fetch(&encode_fetch(&fetch)), Ok(fetch));
        }
    }
}
