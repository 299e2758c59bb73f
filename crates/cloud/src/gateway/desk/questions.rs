//! What is asked of the rest of the platform, whose answer may come later.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use lake::log::BoxFuture;
use link::PacketId;

use super::Desk;
use crate::gateway::{backend::Credentials, check::Refusal, connection::Car, directory::Key, mailbox::Mail};

impl Desk {
    pub(super) fn report(&mut self, key: Key, car: &mut Car, id: PacketId, payload: &[u8]) {
        let (Ok(report), Some(vehicle)) = (wire::decode_report(payload), car.vehicle) else {
            return self.reject(car, id, Refusal::Message);
        };
        let kept = self.backends.reports.report(vehicle, self.now.time, report);
        car.questions += 1;
        self.ask_by_mail(kept, move |result| Mail::Kept { key, id, result });
    }

    pub(super) fn link_code(&mut self, key: Key, car: &mut Car, id: PacketId, payload: &[u8]) {
        let (Ok(code), Some(vehicle)) = (wire::decode_link_code(payload), car.vehicle) else {
            return self.reject(car, id, Refusal::Message);
        };
        let shown = self.backends.reports.shows_code(vehicle, self.now.time, code);
        car.questions += 1;
        self.ask_by_mail(shown, move |result| Mail::Kept { key, id, result });
    }

    pub(super) fn fetch(&mut self, key: Key, car: &mut Car, id: PacketId, payload: &[u8]) {
        let (Ok(have), Some(vehicle)) = (wire::decode_fetch(payload), car.vehicle) else {
            return self.reject(car, id, Refusal::Message);
        };
        let newer = self.backends.desired.newer(vehicle, have);
        car.questions += 1;
        self.ask_by_mail(newer, move |result| Mail::Fetched { key, id, result });
    }

    /// Asks the registry again about a car that is connected.
    pub(in crate::gateway) fn recheck(&mut self, key: Key, car: &Car) {
        let Some(vehicle) = car.vehicle else { return };
        let who = Credentials { vehicle, certificate: car.certificate.clone() };
        self.ask_by_mail(self.backends.registry.admit(who), move |result| Mail::Rechecked { key, result });
    }

    /// Polls a backend once here; if it needs longer, its answer comes by mail.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        mut future: BoxFuture<'static, T>,
        mail: impl FnOnce(T) -> Mail + Send + 'static,
    ) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let mailbox = Arc::clone(&self.mailbox);
        self.runtime.spawn(async move { mailbox.post(mail(future.await)) });
        None
    }

    /// The same for an answer that comes by mail in any case.
    fn ask_by_mail<T: Send + 'static>(
        &self,
        future: BoxFuture<'static, T>,
        mail: impl Fn(T) -> Mail + Copy + Send + 'static,
    ) {
        if let Some(value) = self.ask(future, mail) {
            self.mailbox.post(mail(value));
        }
    }
}
