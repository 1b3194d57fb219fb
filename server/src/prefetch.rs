//! Begins to load memory that will be needed soon, so that the waits for several parts of it
//! overlap.
//!
//! It only tells the processor what will be read: nothing waits for it, and no result may depend on
//! it. On processors without such an instruction it does nothing.

use prefetch_index::prefetch_index;

/// Bytes that the processor's cache loads together: a line.
const LINE_BYTES: usize = 64;

/// Begins to load the line of the cache in which a value begins.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    prefetch_index(std::slice::from_ref(value), 0);
}

/// Begins to load values that stand in a row, at most this many lines of the cache.
#[inline]
pub(crate) fn prefetch_all<T>(values: &[T], lines_max: usize) {
    let in_line = (LINE_BYTES / size_of::<T>().max(1)).max(1);
    for at in (0..values.len()).step_by(in_line).take(lines_max) {
        prefetch_index(values, at);
    }
    // The first value need not begin a line, so that the last one may reach into another.
    if let Some(last) = values.last() {
        prefetch(last);
    }
}
