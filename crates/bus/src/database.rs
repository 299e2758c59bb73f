//! A set of messages, found by CAN id and by name.

use crate::{CanFrame, CanId, Decoded, Error, Message};

/// The messages of one bus. Immutable; share it behind an `Arc`.
#[derive(Debug, Clone)]
pub struct Database {
    messages: Vec<Message>,
    by_id: IdIndex,
}

impl Database {
    /// Fails when two messages have one id.
    pub fn new(messages: Vec<Message>) -> Result<Self, Error> {
        let by_id = IdIndex::new(&messages)?;
        Ok(Self { messages, by_id })
    }

    /// In the order in which they were given.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    #[inline]
    pub fn message(&self, id: CanId) -> Option<&Message> {
        self.messages.get(self.by_id.position(id)?)
    }

    /// Where the message of an id stands among [`Database::messages`].
    #[inline]
    pub fn position(&self, id: CanId) -> Option<usize> {
        self.by_id.position(id)
    }

    pub fn message_named(&self, name: &str) -> Option<&Message> {
        self.messages.iter().find(|message| **message.name() == *name)
    }

    /// Hands each signal of the frame to `emit`; `None` when the frame's id is not in the database.
    #[inline]
    pub fn decode(&self, frame: &CanFrame, emit: impl FnMut(Decoded)) -> Option<&Message> {
        let message = self.message(frame.id())?;
        message.decode(frame.data(), emit);
        Some(message)
    }
}

/// Positions by id: standard ids index a table, extended ones are sorted. Nothing is hashed.
#[derive(Debug, Clone)]
struct IdIndex {
    /// As long as the greatest standard id needs.
    standard: Vec<u16>,
    extended: Vec<(CanId, u16)>,
}

const NONE: u16 = u16::MAX;

impl IdIndex {
    fn new(messages: &[Message]) -> Result<Self, Error> {
        if messages.len() >= usize::from(NONE) {
            let problem = format!("a database has fewer than {NONE} messages; got {}", messages.len());
            return Err(Error::Dbc { problem });
        }
        let mut index = Self { standard: Vec::new(), extended: Vec::new() };
        for (position, message) in (0_u16..).zip(messages) {
            let id = message.id();
            if id.is_extended() {
                index.extended.push((id, position));
                continue;
            }
            let slot = id.bits() as usize;
            if index.standard.len() <= slot {
                index.standard.resize(slot + 1, NONE);
            }
            if index.standard[slot] != NONE {
                return Err(duplicate(messages, index.standard[slot], position));
            }
            index.standard[slot] = position;
        }
        index.extended.sort_unstable();
        match index.extended.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(duplicate(messages, pair[0].1, pair[1].1)),
            None => Ok(index),
        }
    }

    #[inline]
    fn position(&self, id: CanId) -> Option<usize> {
        if id.is_extended() {
            let at = self.extended.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            return self.extended.get(at).map(|(_, position)| usize::from(*position));
        }
        match self.standard.get(id.bits() as usize) {
            None | Some(&NONE) => None,
            Some(position) => Some(usize::from(*position)),
        }
    }
}

fn duplicate(messages: &[Message], first: u16, second: u16) -> Error {
    let first = &messages[usize::from(first)];
    let second = &messages[usize::from(second)];
    Error::DuplicateId { id: first.id(), first: first.name().to_string(), second: second.name().to_string() }
}

#[cfg(test)]
mod tests;
