//! What a car says only when asked: data identifiers of UDS and parameters of OBD, on a schedule.

use std::sync::Arc;

use model::{Micros, Timestamp};
use signals::{Catalogue, Conversion, Leaf, Quality, Reading, Sample, Unit, Value};

use super::{Profile, file::DiagnosticFile, layout, route::nearest_raw};
use crate::{
    CanFrame, CanId, Error, SignalCoding,
    isotp::{self, Received, Receiver, Sender},
    obd::CURRENT_DATA,
    uds::{READ_DATA_BY_IDENTIFIER, Response},
};

/// How long a control unit may take to answer (P2* of ISO 14229-2 is 5 s; a poller need not wait so long).
const ANSWER_WITHIN: Micros = Micros::from_millis(1_500);

/// How often a control unit may say that its answer is still to come. Then others get their turn.
const PENDING_MAX: u8 = 8;

/// A value is stale once its control unit has left so many questions unanswered.
const MISSED_MAX: u8 = 3;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosticService {
    /// UDS ReadDataByIdentifier (ISO 14229-1, service 22).
    DataIdentifier(u16),
    /// OBD mode 01 (SAE J1979).
    Parameter(u8),
}

/// One value that a control unit tells when asked.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub leaf: Arc<Leaf>,
    /// Where the identifier and its coding are known from.
    pub origin: Arc<str>,
    pub service: DiagnosticService,
    pub request: CanId,
    pub response: CanId,
    pub every: Micros,
    coding: SignalCoding,
    conversion: Conversion,
}

impl Diagnostic {
    /// The message that asks.
    pub fn request_payload(&self) -> Vec<u8> {
        match self.service {
            DiagnosticService::DataIdentifier(did) => crate::uds::read_data_request(&[did]),
            DiagnosticService::Parameter(pid) => crate::obd::current_data_request(&[pid]),
        }
    }

    /// The reading in an answer.
    pub fn read(&self, payload: &[u8], time: Timestamp) -> Result<Reading, Error> {
        let data = Response::expect_service(payload, self.service_id())?;
        let identifier = self.identifier();
        let data = data.strip_prefix(identifier.as_slice());
        let data = data.ok_or(Error::Diagnostic { problem: "the answer is to another identifier" })?;
        let number =
            self.coding.decode(data).ok_or(Error::Diagnostic { problem: "the answer is too short" })?;
        Ok(self.leaf.read_number(self.conversion.apply(number), time))
    }

    /// The answer of a control unit that has the value.
    pub fn answer_payload(&self, value: &Value) -> Option<Vec<u8>> {
        let physical = self.conversion.inverse().apply(value.as_f64()?);
        let mut data = vec![0; self.coding.bytes_needed()];
        self.coding.set_raw(&mut data, nearest_raw(&self.coding, physical, [None, None])).ok()?;
        let head = std::iter::once(self.service_id() | 0x40).chain(self.identifier());
        Some(head.chain(data).collect())
    }

    fn service_id(&self) -> u8 {
        match self.service {
            DiagnosticService::DataIdentifier(_) => READ_DATA_BY_IDENTIFIER,
            DiagnosticService::Parameter(_) => CURRENT_DATA,
        }
    }

    fn identifier(&self) -> Vec<u8> {
        match self.service {
            DiagnosticService::DataIdentifier(did) => did.to_be_bytes().to_vec(),
            DiagnosticService::Parameter(pid) => vec![pid],
        }
    }
}

/// Asks one car's control units, one question at a time, and reads their answers. Pure: it is told
/// the time and given the bus's frames.
#[derive(Debug)]
pub struct DiagnosticPoller {
    profile: Arc<Profile>,
    /// By diagnostic.
    schedule: Vec<Turn>,
    asked: Option<Asked>,
}

#[derive(Debug, Clone)]
struct Turn {
    /// When to ask next.
    due: Timestamp,
    /// Questions without an answer since the last one with.
    missed: u8,
    /// What was answered last, until it is stale.
    known: Option<Value>,
}

#[derive(Debug)]
struct Asked {
    diagnostic: usize,
    sender: Sender,
    receiver: Receiver,
    reply: Option<isotp::Pdu>,
    pending: u8,
    deadline: Timestamp,
}

impl DiagnosticPoller {
    pub fn new(profile: Arc<Profile>, now: Timestamp) -> Self {
        let turn = Turn { due: now, missed: 0, known: None };
        Self { schedule: vec![turn; profile.diagnostics().len()], profile, asked: None }
    }

    /// Gives up a question whose time is over. Emits a stale reading, once, for a value that was asked
    /// for in vain too often. Call it before [`DiagnosticPoller::poll`].
    pub fn expire(&mut self, now: Timestamp, emit: &mut impl FnMut(Sample)) {
        if self.asked.as_ref().is_some_and(|asked| asked.deadline <= now) {
            self.give_up(now, emit);
        }
    }

    /// The clock went back to `now`: the next turns come no later than a fresh start would have them.
    pub fn set_back(&mut self, now: Timestamp) {
        self.asked = None;
        for (turn, diagnostic) in self.schedule.iter_mut().zip(self.profile.diagnostics()) {
            turn.due = turn.due.min(now + diagnostic.every);
        }
    }

    /// The frame to send now, if there is one; call again until there is none.
    pub fn poll(&mut self, now: Timestamp) -> Option<CanFrame> {
        if self.asked.is_none() {
            self.ask(now)?;
        }
        let asked = self.asked.as_mut()?;
        let pdu = match asked.reply.take() {
            Some(reply) => Some(reply),
            None => asked.sender.poll(now).ok().flatten(),
        }?;
        let request = self.profile.diagnostics().get(asked.diagnostic)?.request;
        CanFrame::new(request, &pdu).ok().map(|frame| frame.at(now))
    }

    /// Takes a frame of the bus; hands the sample to `emit` when it ends an answer. A refusal says
    /// that the value is not available.
    pub fn handle_frame(&mut self, frame: &CanFrame, emit: &mut impl FnMut(Sample)) {
        let Some(asked) = &mut self.asked else { return };
        let Some(diagnostic) = self.profile.diagnostics().get(asked.diagnostic) else { return };
        if frame.id() != diagnostic.response {
            return;
        }
        // A broken exchange is given up; the schedule asks again.
        if asked.sender.handle_frame(frame.time, frame.data()).is_err() {
            return self.give_up(frame.time, emit);
        }
        match asked.receiver.handle_frame(frame.time, frame.data()) {
            Ok(Received::Pending) => {}
            Ok(Received::Reply(reply)) => asked.reply = Some(reply),
            Ok(Received::Message(payload)) => {
                let reading = match diagnostic.read(&payload, frame.time) {
                    Ok(reading) => reading,
                    Err(Error::Refused { code: crate::uds::NegativeCode::RESPONSE_PENDING, .. }) => {
                        if asked.pending < PENDING_MAX {
                            asked.pending += 1;
                            asked.deadline = frame.time + ANSWER_WITHIN;
                            return;
                        }
                        return self.give_up(frame.time, emit);
                    }
                    Err(_) => Reading::not_available(frame.time),
                };
                let turn = &mut self.schedule[asked.diagnostic];
                turn.missed = 0;
                turn.known.clone_from(&reading.value);
                emit(Sample { signal: diagnostic.leaf.id, reading });
                self.asked = None;
            }
            Ok(Received::Refused { .. }) | Err(_) => self.give_up(frame.time, emit),
        }
    }

    /// There is no answer to what was asked.
    fn give_up(&mut self, source_time: Timestamp, emit: &mut impl FnMut(Sample)) {
        let Some(asked) = self.asked.take() else { return };
        let turn = &mut self.schedule[asked.diagnostic];
        turn.missed = turn.missed.saturating_add(1);
        if turn.missed < MISSED_MAX {
            return;
        }
        let signal = self.profile.diagnostics()[asked.diagnostic].leaf.id;
        if let Some(value) = turn.known.take() {
            let reading = Reading { value: Some(value), quality: Quality::Stale, source_time };
            emit(Sample { signal, reading });
        }
    }

    /// When [`DiagnosticPoller::poll`] next has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let asked = self.asked.as_ref().map(|asked| asked.deadline);
        asked.or_else(|| self.schedule.iter().map(|turn| turn.due).min())
    }

    fn ask(&mut self, now: Timestamp) -> Option<()> {
        let (diagnostic, turn) = self.schedule.iter_mut().enumerate().min_by_key(|(_, turn)| turn.due)?;
        if turn.due > now {
            return None;
        }
        let question = self.profile.diagnostics().get(diagnostic)?;
        turn.due = now + question.every;
        self.asked = Some(Asked {
            diagnostic,
            sender: Sender::new(isotp::Config::default(), question.request_payload()).ok()?,
            receiver: Receiver::new(isotp::Config::default()).ok()?,
            reply: None,
            pending: 0,
            deadline: now + ANSWER_WITHIN,
        });
        Some(())
    }
}

impl Profile {
    /// The frame that a control unit answers a request with, for values that fit one frame.
    pub fn answer(&self, request: &CanFrame, value_of: impl Fn(&Leaf) -> Option<Value>) -> Option<CanFrame> {
        let mut receiver = Receiver::new(isotp::Config::default()).ok()?;
        let Ok(Received::Message(payload)) = receiver.handle_frame(request.time, request.data()) else {
            return None;
        };
        let asked = |diagnostic: &&Diagnostic| {
            diagnostic.request == request.id() && diagnostic.request_payload() == payload
        };
        let diagnostic = self.diagnostics().iter().find(asked)?;
        let answer = diagnostic.answer_payload(&value_of(&diagnostic.leaf)?)?;
        let pdu = Sender::new(isotp::Config::default(), answer).ok()?.poll(request.time).ok()??;
        CanFrame::new(diagnostic.response, &pdu).ok().map(|frame| frame.at(request.time))
    }
}

pub(super) fn resolve(files: &[DiagnosticFile], catalogue: &Catalogue) -> Result<Vec<Diagnostic>, String> {
    let mut diagnostics = Vec::new();
    for file in files {
        let problem = |problem: String| format!("diagnostic `{}`: {problem}", file.path);
        let Some(leaf) = catalogue.by_path(&file.path) else { continue };
        let service = match (file.did, file.pid) {
            (Some(did), None) => DiagnosticService::DataIdentifier(did),
            (None, Some(pid)) => DiagnosticService::Parameter(pid),
            (Some(_), Some(_)) | (None, None) => {
                return Err(problem("give either `did` or `pid`".to_owned()));
            }
        };
        let can_id = |id: u32| match u16::try_from(id).ok().and_then(CanId::standard) {
            Some(id) => Some(id),
            None => CanId::extended(id),
        };
        let id = |id: u32| can_id(id).ok_or_else(|| problem("a CAN id has at most 29 bits".to_owned()));
        let coding = layout::coding(&file.bits, file.factor, file.offset)
            .map_err(|error| problem(error.to_string()))?;
        let conversion = match &leaf.unit {
            Some(unit) => Unit::conversion(&file.unit, unit).map_err(|error| problem(error.to_string()))?,
            None => Conversion::IDENTITY,
        };
        diagnostics.push(Diagnostic {
            leaf: Arc::clone(leaf),
            origin: file.origin.as_str().into(),
            service,
            request: id(file.request)?,
            response: id(file.response)?,
            every: Micros::from_millis(i64::from(file.every_ms)),
            coding,
            conversion,
        });
    }
    Ok(diagnostics)
}
