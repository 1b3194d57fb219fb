//! Reader of the workload file: a thread that reads blocks of whole lines.
//!
//! It owns the file. It must never interpret a line.

use daytrade_protocol::LINE_BYTES_MAX;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Bytes to read at once.
const BLOCK_BYTES: usize = 64 << 10;
/// Capacity of the channel, in blocks.
const CHANNEL_BLOCKS: usize = 4;
/// Bytes kept of a line longer than a block: enough for the server to refuse it for its length.
const OVERLONG_KEPT_BYTES: usize = 2 * LINE_BYTES_MAX;

/// Whole lines, each with its LF. The memory is used again: what it held is overwritten.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Bytes of the lines.
    used: usize,
}

impl Block {
    /// Returns the lines.
    pub(super) fn lines(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Begins with these bytes, which are then empty.
    fn begin_with(&mut self, remainder: &mut Vec<u8>) {
        self.used = 0;
        self.reserve(remainder.len());
        self.bytes[..remainder.len()].copy_from_slice(remainder);
        self.used = remainder.len();
        remainder.clear();
    }

    /// Makes room for this number of bytes.
    fn reserve(&mut self, bytes: usize) {
        if self.bytes.len() < self.used + bytes {
            self.bytes.resize(self.used + bytes, 0);
        }
    }
}

/// The reader thread: blocks in the order of the file, or the error that ended the reading.
pub(super) struct Source {
    blocks: mpsc::Receiver<io::Result<Block>>,
    used: std::sync::mpsc::Sender<Block>,
}

impl Source {
    /// Returns the next block; None at the end of the input.
    ///
    /// # Errors
    /// An error of the input.
    pub(super) async fn next(&mut self) -> io::Result<Option<Block>> {
        self.blocks.recv().await.transpose()
    }

    /// Gives a block back whose lines are not needed any more.
    pub(super) fn give_back(&self, block: Block) {
        // A reader that has ended needs no more of them.
        let _ = self.used.send(block);
    }
}

/// Starts the reader thread.
///
/// # Errors
/// An error of the operating system, if the thread cannot start.
pub(super) fn read_in_background(mut input: Box<dyn Read + Send>) -> io::Result<Source> {
    let (sender, blocks) = mpsc::channel(CHANNEL_BLOCKS);
    let (used, spare) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("workload".to_owned()).spawn(move || {
        let mut remainder = Vec::new();
        loop {
            let block = spare.try_recv().unwrap_or_default();
            let block = read_block(&mut input, block, &mut remainder).transpose();
            let Some(block) = block else { return };
            let failed = block.is_err();
            if sender.blocking_send(block).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(Source { blocks, used })
}

/// Reads the next whole lines into a block. Bytes after the last LF go to `remainder`, with which
/// the next block begins. A last line without LF gets one. Returns None at the end of the input.
fn read_block(
    input: &mut dyn Read,
    mut block: Block,
    remainder: &mut Vec<u8>,
) -> io::Result<Option<Block>> {
    block.begin_with(remainder);
    loop {
        block.reserve(BLOCK_BYTES);
        let read = match input.read(&mut block.bytes[block.used..block.used + BLOCK_BYTES]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            if block.used == 0 {
                return Ok(None);
            }
            block.bytes[block.used] = b'\n';
            block.used += 1;
            return Ok(Some(block));
        }
        block.used += read;
        if let Some(lf) = memchr::memrchr(b'\n', block.lines()) {
            remainder.extend_from_slice(&block.lines()[lf + 1..]);
            block.used = lf + 1;
            return Ok(Some(block));
        }
        if block.used > BLOCK_BYTES {
            // The rest of a line without LF in a whole block makes no difference.
            block.used = block.used.min(OVERLONG_KEPT_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut source = read_in_background(Box::new(io::Cursor::new(text.to_vec()))).unwrap();
        let mut all = Vec::new();
        while let Some(block) = source.blocks.blocking_recv() {
            let block = block.unwrap();
            all.extend_from_slice(block.lines());
            source.give_back(block);
        }
        all.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_block_that_is_used_again_shows_nothing_of_what_it_held() {
        let text: Vec<u8> =
            (0..200_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        assert_eq!(lines(&text).concat(), text);
        let (mut block, mut remainder) = (Block::default(), b"be".to_vec());
        block =
            read_block(&mut &b"gin\nlong enough\n"[..], block, &mut remainder).unwrap().unwrap();
        assert_eq!(block.lines(), b"begin\nlong enough\n");
        block = read_block(&mut &b"x\nrest"[..], block, &mut remainder).unwrap().unwrap();
        assert_eq!((block.lines(), &remainder[..]), (&b"x\n"[..], &b"rest"[..]));
    }

    #[test]
    fn a_last_line_without_lf_gets_one() {
        assert_eq!(lines(b"a\nb"), [b"a\n", b"b\n"]);
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_line_longer_than_a_block_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * BLOCK_BYTES];
        text.extend_from_slice(b"\nPING\n");
        let got = lines(&text);
        assert_eq!(got.len(), 2);
        assert!(got[0].len() > LINE_BYTES_MAX && got[0].len() <= 2 * BLOCK_BYTES);
        assert_eq!(got[1], b"PING\n");
    }
}
