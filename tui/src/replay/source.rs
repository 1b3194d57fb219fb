//! Reader of the workload file: a thread that reads blocks of whole lines.
//!
//! It owns the file. It must never interpret a line.

use daytrade_protocol::LINE_BYTES_MAX;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Bytes to read at once.
const BLOCK_BYTES: usize = 256 << 10;
/// Capacity of the channel, in blocks.
const CHANNEL_BLOCKS: usize = 4;
/// Bytes kept of a line longer than a block: enough for the server to refuse it for its length.
const OVERLONG_KEPT_BYTES: usize = 2 * LINE_BYTES_MAX;

/// Whole lines, each with its LF, or the error that ended the reading.
pub(super) type Block = io::Result<Vec<u8>>;

/// Starts the reader thread; the channel closes at the end of the input.
///
/// # Errors
/// An error of the operating system, if the thread cannot start.
pub(super) fn read_in_background(
    mut input: Box<dyn Read + Send>,
) -> io::Result<mpsc::Receiver<Block>> {
    let (sender, receiver) = mpsc::channel(CHANNEL_BLOCKS);
    std::thread::Builder::new().name("workload".to_owned()).spawn(move || {
        let mut remainder = Vec::new();
        loop {
            let block = read_block(&mut input, &mut remainder).transpose();
            let Some(block) = block else { return };
            let failed = block.is_err();
            if sender.blocking_send(block).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Reads the next whole lines. Bytes after the last LF go to `remainder`, with which the next block
/// begins. A last line without LF gets one. Returns None at the end of the input.
fn read_block(input: &mut dyn Read, remainder: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut block = std::mem::take(remainder);
    loop {
        let length = block.len();
        block.resize(length + BLOCK_BYTES, 0);
        let read = match input.read(&mut block[length..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                block.truncate(length);
                continue;
            }
            read => read?,
        };
        block.truncate(length + read);
        if read == 0 {
            if block.is_empty() {
                return Ok(None);
            }
            block.push(b'\n');
            return Ok(Some(block));
        }
        if let Some(lf) = memchr::memrchr(b'\n', &block) {
            remainder.extend_from_slice(&block[lf + 1..]);
            block.truncate(lf + 1);
            return Ok(Some(block));
        }
        if block.len() > BLOCK_BYTES {
            // The rest of a line without LF in a whole block makes no difference.
            block.truncate(OVERLONG_KEPT_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut receiver = read_in_background(Box::new(io::Cursor::new(text.to_vec()))).unwrap();
        let mut all = Vec::new();
        while let Some(block) = receiver.blocking_recv() {
            all.extend(block.unwrap());
        }
        all.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
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
