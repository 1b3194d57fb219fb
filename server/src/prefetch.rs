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

/// Begins to load the first of several values in a row, about as many as this number of lines of
/// the cache holds.
#[inline]
pub(crate) fn prefetch_lines<T>(values: &[T], lines: usize) {
    let in_line = (LINE_BYTES / size_of::<T>().max(1)).max(1);
    let values = values.get(..lines * in_line).unwrap_or(values);
    for at in (0..values.len()).step_by(in_line) {
        prefetch_index(values, at);
    }
    // The first value need not begin a line, so that the last one may begin in one line more.
    values.last().inspect(|last| prefetch(*last));
}

/// Begins to load values in a row, of which there are few.
#[inline]
pub(crate) fn prefetch_all<T>(values: &[T]) {
    prefetch_lines(values, values.len());
}
