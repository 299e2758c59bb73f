//! Who gets access to the car: the code that it shows, and notices of who got in.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::rand;
use model::{Region, Timestamp};
use possession::{Code, CodeKind, LIFETIME_MAX, Salt};
use tokio::sync::watch;
use wire::{
    ACCESS_NOTICES_MAX, AccessNotice, AccessNoticeKind, LinkCode, decode_access_notices,
    encode_access_notices,
};

use crate::{clock::Clock, desired::replace};

const NOTICES_FILE: &str = "access-notices";

/// A code on the car's screen. Whoever gives it to the platform has seen the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCode {
    pub code: Code,
    /// What it will do.
    pub kind: CodeKind,
    /// Not shown any more at this time, by the car's clock.
    pub until: Timestamp,
    pub state: CodeState,
}

/// Whether the platform takes a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeState {
    /// The platform has not heard of it: there may be no link.
    Unheard,
    Taken,
    /// The platform does not take it; show another one.
    Refused,
}

/// Why a car shows no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("the car belongs to no region yet; enrol it first")]
    NoRegion,
    #[error("the system gives no random numbers; try again")]
    Random,
}

/// Shows codes. Apps in the car and the car's loop have one together.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    salt: Option<Salt>,
    clock: Clock,
    shown: watch::Sender<Option<ShownCode>>,
}

impl Codes {
    pub(crate) fn new(region: Option<&Region>, clock: Clock) -> Self {
        Self { salt: region.map(Salt::of_region), clock, shown: watch::Sender::new(None) }
    }

    /// Draws a code and shows it instead of the one before.
    pub(crate) fn show(&self, kind: CodeKind) -> Result<ShownCode, CodeError> {
        if self.salt.is_none() {
            return Err(CodeError::NoRegion);
        }
        let mut bytes = [0; 5];
        rand::fill(&mut bytes).map_err(|_| CodeError::Random)?;
        let (code, until) = (Code::from_random(bytes), (self.clock)() + LIFETIME_MAX);
        let shown = ShownCode { code, kind, until, state: CodeState::Unheard };
        self.shown.send_replace(Some(shown.clone()));
        Ok(shown)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<ShownCode>> {
        self.shown.subscribe()
    }

    /// The code that the platform has not heard of, for the link.
    pub(crate) fn unheard(&self, now: Timestamp) -> Option<(Code, LinkCode)> {
        let shown = self.shown.borrow();
        let shown = shown.as_ref().filter(|shown| shown.state == CodeState::Unheard && shown.until > now)?;
        let hash = shown.code.hash(self.salt?, shown.kind);
        Some((shown.code.clone(), LinkCode { kind: shown.kind, hash, until: shown.until }))
    }

    /// What the platform says of a code, if it is still the one that is shown.
    pub(crate) fn settle(&self, code: &Code, state: CodeState) {
        self.shown.send_if_modified(|shown| match shown {
            Some(shown) if shown.code == *code => {
                shown.state = state;
                true
            }
            Some(_) | None => false,
        });
    }
}

/// Who got access or asked for it, for the driver; kept for the next start.
#[derive(Debug)]
pub(crate) struct Notices {
    path: PathBuf,
    all: watch::Sender<Arc<[AccessNotice]>>,
}

impl Notices {
    /// Takes up what was there before the car was switched off. What cannot be read is asked for again.
    pub(crate) fn open(dir: &Path) -> Self {
        let path = dir.join(NOTICES_FILE);
        let kept = match fs::read(&path) {
            Ok(bytes) => decode_access_notices(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        };
        let kept = kept.unwrap_or_else(|problem| {
            tracing::warn!(problem, "notices of access cannot be read; the platform is asked for them");
            Vec::new()
        });
        Self { path, all: watch::Sender::new(kept.into()) }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<[AccessNotice]>> {
        self.all.subscribe()
    }

    /// The number of the newest.
    pub(crate) fn newest(&self) -> u64 {
        self.all.borrow().last().map_or(0, |notice| notice.number)
    }

    /// Takes what came down.
    pub(crate) fn take(&self, payload: &[u8]) {
        let come = match decode_access_notices(payload) {
            Ok(come) => come,
            Err(error) => return tracing::warn!(%error, "notices of access cannot be read"),
        };
        let newest = self.newest();
        let mut all = self.all.borrow().to_vec();
        all.extend(come.into_iter().filter(|notice| notice.number > newest));
        if all.len() == self.all.borrow().len() {
            return;
        }
        // A new owner begins anew: what was before is nobody's business any more.
        let owned = AccessNoticeKind::Got(CodeKind::Owner);
        let first = all.iter().rposition(|notice| notice.kind == owned).unwrap_or(0);
        let kept = all.split_off(first.max(all.len().saturating_sub(ACCESS_NOTICES_MAX)));
        if let Err(error) = replace(&self.path, &encode_access_notices(&kept)) {
            tracing::error!(%error, "notices of access are not kept; the next start asks for them again");
        }
        self.all.send_replace(kept.into());
    }
}

#[cfg(test)]
mod tests;
