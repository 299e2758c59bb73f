//! A source in the same process, such as the simulator's car.

use bus::profile::BusMessage;
use tokio::sync::mpsc;

use super::{Input, Provider};

/// The car's end.
#[derive(Debug)]
pub struct ChannelProvider {
    inputs: mpsc::Receiver<Input>,
    outputs: mpsc::Sender<BusMessage>,
}

/// The source's end: what it sends the car decodes, and what the car puts on its network it gets.
#[derive(Debug)]
pub struct ChannelSender {
    pub inputs: mpsc::Sender<Input>,
    pub outputs: mpsc::Receiver<BusMessage>,
}

/// Both ends. At most `capacity` inputs wait; then the source waits.
///
/// So may as many messages that the car puts on its network; more are dropped and counted.
pub fn channel(capacity: usize) -> (ChannelSender, ChannelProvider) {
    let (input_sender, inputs) = mpsc::channel(capacity);
    let (outputs, output_receiver) = mpsc::channel(capacity);
    (ChannelSender { inputs: input_sender, outputs: output_receiver }, ChannelProvider { inputs, outputs })
}

impl Provider for ChannelProvider {
    async fn next(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }

    fn try_next(&mut self) -> Option<Input> {
        self.inputs.try_recv().ok()
    }

    fn send(&mut self, message: BusMessage) -> bool {
        // A source that has ended is noticed when its inputs end.
        self.outputs.try_send(message).is_ok()
    }
}
