//! From the desk to the socket.

use link::ReasonCode;

use super::{LINGER, Worker};
use crate::gateway::{
    backend::{Cause, QUARANTINED},
    connection::{Connection, Phase, Written},
    directory::Key,
};

impl Worker {
    /// Writes the acknowledgements of this tick, one call a car.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            let Some(mut connection) = self.slots.take(key) else { continue };
            connection.dirty = false;
            self.desk.reply.clear();
            connection.car.session.flush_acks(&mut self.desk.reply);
            self.buffers.cipher.clear();
            match self.transmit(&mut connection) {
                Some(cause) => self.drop_connection(key, connection, cause),
                None => self.slots.put(key, connection),
            }
        }
        self.dirty = dirty;
    }

    /// Sends what TLS has to say, then the reply. Says why when the connection is over.
    pub(super) fn transmit(&mut self, connection: &mut Connection) -> Option<Cause> {
        let (reply, cipher) = (&mut self.desk.reply, &mut self.buffers.cipher);
        let bytes = match &mut connection.tls {
            None => reply,
            Some(tls) => {
                if !reply.is_empty() && tls.write(reply, cipher).is_err() {
                    return Some(Cause::Lost);
                }
                cipher
            }
        };
        if bytes.is_empty() {
            return None;
        }
        self.desk.metrics.sent_bytes.add(bytes.len());
        match connection.send(bytes, self.config.unsent_bytes_max) {
            Written::All | Written::Some => None,
            Written::Never(cause) => Some(cause),
        }
    }

    /// Sends a reply that stands on the desk, then ends the connection.
    pub(super) fn say_goodbye(&mut self, key: Key, mut connection: Box<Connection>, cause: Cause) {
        self.buffers.cipher.clear();
        match self.transmit(&mut connection) {
            Some(lost) => self.drop_connection(key, connection, lost),
            None => self.linger(key, connection, cause),
        }
    }

    /// Sends the acknowledgements that are due and a DISCONNECT, then ends the connection.
    pub(super) fn dismiss(&mut self, key: Key, mut connection: Box<Connection>, cause: Cause) {
        if matches!(connection.phase, Phase::Lingering { .. }) {
            return self.slots.put(key, connection);
        }
        let (reason, text) = match cause {
            Cause::TakenOver => (ReasonCode::SessionTakenOver, "the same vehicle connected anew"),
            Cause::Withdrawn => (ReasonCode::AdministrativeAction, "the vehicle may not connect any more"),
            Cause::Quarantined => (ReasonCode::NotAuthorized, QUARANTINED),
            Cause::Unavailable => {
                (ReasonCode::ServerBusy, "the platform cannot store now; connect and send again")
            }
            Cause::Shutdown => (ReasonCode::ServerShuttingDown, "the gateway stops; connect again"),
            Cause::Silent => (ReasonCode::KeepAliveTimeout, "nothing was heard for too long"),
            Cause::Goodbye | Cause::Lost | Cause::Violation | Cause::Slow => {
                (ReasonCode::UnspecifiedError, "")
            }
        };
        self.desk.reply.clear();
        connection.car.session.flush_acks(&mut self.desk.reply);
        connection.car.session.disconnect(reason, text, &mut self.desk.reply);
        self.say_goodbye(key, connection, cause);
    }

    /// All is said. The socket stays a moment, so that a reset does not eat the last words.
    pub(super) fn linger(&mut self, key: Key, mut connection: Box<Connection>, cause: Cause) {
        let with_will = connection.car.session.has_will();
        self.desk.leave(key, &mut connection.car, cause, with_will);
        self.buffers.cipher.clear();
        if let Some(tls) = &mut connection.tls
            && let Err(error) = tls.close(&mut self.buffers.cipher)
        {
            tracing::debug!(%error, "TLS was not closed in order");
        }
        if let Written::Never(cause) = connection.send(&self.buffers.cipher, self.config.unsent_bytes_max) {
            return self.drop_connection(key, connection, cause);
        }
        if connection.unsent.is_empty() {
            connection.finish();
        }
        connection.phase = Phase::Lingering { until: self.desk.now.instant + LINGER };
        self.slots.put(key, connection);
        // The socket may hold data or its end already, of which no event will tell again.
        self.read(key);
    }
}
