//! The providers that the command line can name, as one.

use std::net::IpAddr;

use brain::{
    Error, clock,
    provider::{Input, Provider, ReplayProvider, UdpProvider},
};
use bus::{
    log::Pace,
    profile::{BusMessage, Transport},
};

use crate::args::BusSource;

#[derive(Debug)]
pub(crate) enum Source {
    Udp(UdpProvider),
    Replay(Box<ReplayProvider>),
}

impl Source {
    pub(crate) fn open(source: &BusSource, peers: &[IpAddr], transport: Transport) -> Result<Self, Error> {
        match source {
            BusSource::Udp(address) => {
                let provider = UdpProvider::bind(*address, transport, clock::system)?;
                Ok(Self::Udp(provider.hearing_only(peers.to_vec())))
            }
            BusSource::Replay { path, fast } => {
                let pace = if *fast { Pace::Full } else { Pace::Real };
                let replay = ReplayProvider::open(path, pace, clock::system(), clock::system)?;
                Ok(Self::Replay(Box::new(replay)))
            }
        }
    }
}

impl Provider for Source {
    async fn next(&mut self) -> Option<Input> {
        match self {
            Self::Udp(provider) => provider.next().await,
            Self::Replay(provider) => provider.next().await,
        }
    }

    fn try_next(&mut self) -> Option<Input> {
        match self {
            Self::Udp(provider) => provider.try_next(),
            Self::Replay(provider) => provider.try_next(),
        }
    }

    fn send(&mut self, message: BusMessage) -> bool {
        match self {
            Self::Udp(provider) => provider.send(message),
            Self::Replay(provider) => provider.send(message),
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::Udp(provider) => provider.is_live(),
            Self::Replay(provider) => provider.is_live(),
        }
    }
}
