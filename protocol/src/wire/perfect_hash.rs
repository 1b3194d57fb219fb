//! Places of known keys in a table, such that every key has a place of its own: what is looked up
//! is compared with one entry only. A comparison with each in turn would cost mispredicted
//! branches.

/// Finds the place of a key in a table of this many places, a power of two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerfectHash<const PLACES: usize> {
    factor: u64,
}

impl<const PLACES: usize> PerfectHash<PLACES> {
    /// Tries factors until no two of the keys have the same place. Meant for the compiler, which
    /// refuses two keys that are equal.
    pub(crate) const fn of(keys: &[u64]) -> Self {
        let mut hash = Self { factor: 0x9e37_79b9_7f4a_7c15 };
        while !hash.fits(keys) {
            hash.factor = hash.factor.wrapping_mul(0x5851_f42d_4c95_7f2d);
        }
        hash
    }

    #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    const fn fits(self, keys: &[u64]) -> bool {
        let (mut taken, mut at) = ([None; PLACES], 0);
        while at < keys.len() {
            let place = &mut taken[self.place(keys[at])];
            if let Some(other) = *place {
                assert!(keys[at] != other, "two keys are equal");
                return false;
            }
            *place = Some(keys[at]);
            at += 1;
        }
        true
    }

    /// Returns the place of a key, which is below `PLACES`.
    #[inline]
    pub(crate) const fn place(self, key: u64) -> usize {
        (key.wrapping_mul(self.factor) >> (u64::BITS - PLACES.ilog2())) as usize
    }
}
