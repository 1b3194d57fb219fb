//! Copies of a few bytes as whole words: calling `memcpy` would cost more than the copy.

/// Copies `from` to the head of `to`, as two words that may overlap, and returns its length. Copies
/// nothing if `from` is longer than 32 bytes or than `to`.
#[inline]
pub fn copy<const N: usize>(to: &mut [u8; N], from: &[u8]) -> usize {
    let length = from.len();
    let Some(to) = to.get_mut(..length) else { return 0 };
    if length < 4 {
        // The first, the middle and the last byte cover all of them.
        for at in [0, length / 2, length.saturating_sub(1)] {
            if let (Some(to), Some(from)) = (to.get_mut(at), from.get(at)) {
                *to = *from;
            }
        }
    } else if !(words::<4>(to, from) || words::<8>(to, from) || words::<16>(to, from)) {
        return 0;
    }
    length
}

/// Copies between W and 2 W bytes as two words.
#[inline]
fn words<const W: usize>(to: &mut [u8], from: &[u8]) -> bool {
    if from.len() > 2 * W {
        return false;
    }
    let (Some(head), Some(tail)) = (from.first_chunk::<W>(), from.last_chunk::<W>()) else {
        return false;
    };
    if let Some(to) = to.first_chunk_mut::<W>() {
        *to = *head;
    }
    if let Some(to) = to.last_chunk_mut::<W>() {
        *to = *tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_up_to_32_is_copied_and_no_longer_one() {
        let from: Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            let mut to = [0; 36];
            let copied = copy(&mut to, &from[..length]);
            assert_eq!(copied, if length <= 32 { length } else { 0 });
            assert_eq!(to[..copied], from[..copied]);
            assert!(to[copied..].iter().all(|byte| *byte == 0));
        }
        assert_eq!(copy(&mut [0; 5], b"longer"), 0);
    }
}
