//! A small generator of random numbers whose sequence never changes: the same seed, the same fleet.

/// SplitMix64. Good enough for weather and drivers, eight bytes a car, and the same on each machine
/// and in each release, which no library promises.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u64,
}

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator of its own for one of many things that share a seed.
    pub fn of(seed: u64, index: u64) -> Self {
        let mut mixed = Self::new(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        Self::new(mixed.bits())
    }

    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to just below 1.
    pub fn share(&mut self) -> f64 {
        // 53 bits are what a double's fraction holds.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, min: f64, max: f64) -> f64 {
        min + (max - min) * self.share()
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// From 0 to just below `count`, which is not zero.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.bits() % count).unwrap_or_default()
    }

    /// Near zero, with about the given standard deviation and never beyond three of them.
    pub fn bell(&mut self, deviation: f64) -> f64 {
        // Four uniform numbers make a bell that is cheap and has no tails.
        let sum = self.share() + self.share() + self.share() + self.share();
        (sum - 2.0) * 1.732 * deviation
    }
}
