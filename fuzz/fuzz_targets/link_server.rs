//! Whatever a stranger sends, the server's session answers within its limits.
#![no_main]

use std::{ops::ControlFlow, sync::OnceLock, time::Instant};

use libfuzzer_sys::fuzz_target;
use link::{
    Frames,
    server::{Event, Limits, Session},
};
use model::{Timestamp, VehicleId};

fuzz_target!(|bytes: &[u8]| {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; nothing here waits for one")]
    let now = *START.get_or_init(Instant::now);
    let limits = Limits::default();
    let mut session = Session::new(now, Some(VehicleId::from_bytes([0xab; 16])), &limits);
    let (mut frames, mut out) = (Frames::new(), Vec::new());
    let flow = frames.feed(bytes, limits.packet_bytes_max, |packet| {
        match session.handle_packet(now, packet, &limits, &mut out) {
            Err(violation) => return ControlFlow::Break(violation),
            Ok(Some(Event::Connect(request))) => {
                session.accept(now, Timestamp(0), &request, &limits, &mut out)
            }
            Ok(Some(Event::Batch { id, .. })) => session.taken(id),
            Ok(_) => {}
        }
        assert!(session.in_flight() <= usize::from(limits.receive_maximum));
        ControlFlow::Continue(())
    });
    if let Ok(ControlFlow::Break(violation)) | Err(violation) = flow {
        session.fail(violation, &mut out);
    }
    session.flush_acks(&mut out);
    let mut answers = out.as_slice();
    while let Some((_, len)) = link::codec::decode(answers, 1 << 20).expect("answers are valid") {
        answers = &answers[len..];
    }
    assert!(answers.is_empty());
});
