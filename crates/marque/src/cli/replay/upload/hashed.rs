//! A reader that knows what passed.

use std::io::{self, Read};

/// So much is mixed at once, however the bytes come.
const PART_BYTES: usize = 1 << 16;

/// Reads on, and mixes what passes into one number.
pub(super) struct Hashed<R> {
    input: R,
    part: Vec<u8>,
    hash: u64,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, part: Vec::with_capacity(PART_BYTES), hash: 0 }
    }

    /// What the bytes that were read up to here are known by.
    pub(super) fn hash(&self) -> u64 {
        mix(self.hash, &self.part)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(PART_BYTES - self.part.len());
        let space = buffer.get_mut(..room).unwrap_or_default();
        let length = self.input.read(space)?;
        self.part.extend_from_slice(space.get(..length).unwrap_or_default());
        if self.part.len() == PART_BYTES {
            self.hash = self.hash();
            self.part.clear();
        }
        Ok(length)
    }
}

fn mix(hash: u64, part: &[u8]) -> u64 {
    model::fnv1a(hash.to_le_bytes().iter().chain(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read in steps of so many bytes.
    fn hash(content: &[u8], step: usize) -> u64 {
        let mut hashed = Hashed::new(content);
        let mut buffer = vec![0; step];
        let mut read = Vec::new();
        while let length @ 1.. = hashed.read(&mut buffer).unwrap() {
            read.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(read, content);
        hashed.hash()
    }

    #[test]
    fn the_same_content_is_the_same_number_however_it_is_read() {
        let mut content = vec![b'x'; 200_000];
        let first = hash(&content, 8_192);
        assert_eq!(first, hash(&content, 100_000));
        assert_ne!(first, hash(&content[..199_999], 8_192));
        content[150_000] = b'y';
        assert_ne!(first, hash(&content, 8_192));
    }
}
