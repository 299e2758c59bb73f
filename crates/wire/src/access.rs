//! Who gets access to a car: the code that it shows goes up, notices of who got in, or wants to, come down.

use model::Timestamp;
use possession::{CodeHash, CodeKind};
use prost::Message as _;

use crate::{Error, batch::unknown, documents::parse, pb};

const LINK_CODE: &str = "the link code";
const ACCESS_NOTICES: &str = "the access notices";

/// Notices that a car keeps and is sent: nobody reads more on a car's screen.
pub const ACCESS_NOTICES_MAX: usize = 32;

/// The code that a car shows from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkCode {
    pub kind: CodeKind,
    pub hash: CodeHash,
    /// By the platform's clock, as far as the car knows it.
    pub until: Timestamp,
}

/// What a car is told about who may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessNoticeKind {
    /// Somebody got access, as this.
    Got(CodeKind),
    /// Somebody who gave the code for an owner asked that the car's owner lets it go.
    ReleaseRequested,
}

/// Somebody got access to the car, or asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessNotice {
    /// Goes up with each notice to the car.
    pub number: u64,
    pub kind: AccessNoticeKind,
    pub at: Timestamp,
}

pub fn encode_link_code(code: &LinkCode) -> Vec<u8> {
    pb::LinkCode { kind: kind_code(code.kind), hash: code.hash.0.to_vec(), until: code.until.0 }
        .encode_to_vec()
}

pub fn decode_link_code(bytes: &[u8]) -> Result<LinkCode, Error> {
    let code: pb::LinkCode = parse(LINK_CODE, bytes)?;
    let hash = code.hash.try_into().map_err(|_| Error::Field { message: LINK_CODE, field: "hash" })?;
    let kind = kind_from(code.kind).ok_or_else(|| unknown(LINK_CODE, "kind", code.kind))?;
    Ok(LinkCode { kind, hash: CodeHash(hash), until: Timestamp(code.until) })
}

pub fn encode_access_notices(notices: &[AccessNotice]) -> Vec<u8> {
    let notices = notices.iter().map(|notice| pb::AccessNotice {
        number: notice.number,
        kind: notice_code(notice.kind),
        at: notice.at.0,
    });
    pb::AccessNotices { notices: notices.collect() }.encode_to_vec()
}

/// Their numbers go up. One of a kind that this release does not know is left out.
pub fn decode_access_notices(bytes: &[u8]) -> Result<Vec<AccessNotice>, Error> {
    let notices = parse::<pb::AccessNotices>(ACCESS_NOTICES, bytes)?.notices;
    let ascends = notices.windows(2).all(|pair| pair[0].number < pair[1].number);
    if !ascends || notices.len() > ACCESS_NOTICES_MAX {
        return Err(Error::Field { message: ACCESS_NOTICES, field: "notices" });
    }
    let known = notices.iter().filter_map(|notice| {
        let kind = match notice.kind {
            RELEASE_REQUESTED => AccessNoticeKind::ReleaseRequested,
            code => AccessNoticeKind::Got(kind_from(code)?),
        };
        Some(AccessNotice { number: notice.number, kind, at: Timestamp(notice.at) })
    });
    Ok(known.collect())
}

/// Never renumbered.
const fn kind_code(kind: CodeKind) -> u32 {
    match kind {
        CodeKind::Owner => 1,
        CodeKind::Driver => 2,
        CodeKind::Workshop => 3,
    }
}

/// Follows the kinds of codes, which notices were made of first.
const RELEASE_REQUESTED: u32 = 4;

const fn notice_code(kind: AccessNoticeKind) -> u32 {
    match kind {
        AccessNoticeKind::Got(kind) => kind_code(kind),
        AccessNoticeKind::ReleaseRequested => RELEASE_REQUESTED,
    }
}

fn kind_from(code: u32) -> Option<CodeKind> {
    CodeKind::ALL.into_iter().find(|kind| kind_code(*kind) == code)
}
