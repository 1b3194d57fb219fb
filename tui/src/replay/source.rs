//! The workload file, read on a thread of its own in blocks of whole lines.

use daytrade_protocol::LINE_BYTES_MAX;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;
/// Blocks that wait to be sent.
const BLOCKS_AHEAD: usize = 4;
/// What is kept of a line that outgrows a block: enough for the server to refuse it for its length.
const OVERLONG_KEPT_BYTES: usize = 2 * LINE_BYTES_MAX;

/// Whole lines, each with its LF.
pub(super) type Block = io::Result<Vec<u8>>;

/// Reads in the background; the channel ends with the input.
pub(super) fn read_in_background(
    mut input: Box<dyn Read + Send>,
) -> io::Result<mpsc::Receiver<Block>> {
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    std::thread::Builder::new().name("workload".to_owned()).spawn(move || {
        let mut carried = Vec::new();
        loop {
            let block = read_block(&mut input, &mut carried).transpose();
            let Some(block) = block else { return };
            let failed = block.is_err();
            if sender.blocking_send(block).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// The next whole lines; what is behind the last LF is carried over. A last line without LF gets
/// one.
fn read_block(input: &mut dyn Read, carried: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut block = std::mem::take(carried);
    loop {
        let had = block.len();
        block.resize(had + BLOCK_BYTES, 0);
        let read = match input.read(&mut block[had..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                block.truncate(had);
                continue;
            }
            read => read?,
        };
        block.truncate(had + read);
        if read == 0 {
            if block.is_empty() {
                return Ok(None);
            }
            block.push(b'\n');
            return Ok(Some(block));
        }
        if let Some(lf) = memchr::memrchr(b'\n', &block) {
            carried.extend_from_slice(&block[lf + 1..]);
            block.truncate(lf + 1);
            return Ok(Some(block));
        }
        if block.len() > BLOCK_BYTES {
            // No LF in a whole block: the rest of such a line changes nothing.
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
    fn a_last_line_without_its_end_gets_one() {
        assert_eq!(lines(b"a\nb"), [b"a\n", b"b\n"]);
        assert_eq!(lines(b""), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * BLOCK_BYTES];
        text.extend_from_slice(b"\nPING\n");
        let got = lines(&text);
        assert_eq!(got.len(), 2);
        assert!(got[0].len() > LINE_BYTES_MAX && got[0].len() <= 2 * BLOCK_BYTES);
        assert_eq!(got[1], b"PING\n");
    }
}
