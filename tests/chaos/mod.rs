//! Kills real servers under load: SIGKILL at random times, sometimes after SIGSTOP and SIGCONT, and
//! a restart on the same folder. Clients record every reply. After each kill, the accounts are
//! compared with this record, and at the end the audit log is too.

mod server;

pub use server::daytraded;

use super::Tally;
use super::simulation::Random;
use anyhow::{Context as _, bail, ensure};
use server::{Server, TIMEOUT};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Number of concurrent clients, each with its own user.
const CLIENTS: usize = 4;
/// Number of requests in flight for each client.
const PIPELINED: u64 = 200;

/// Cents of one client's user: every ADD that took effect has added one.
#[derive(Clone, Copy, Debug, Default)]
struct Cents {
    submitted: u64,
    acknowledged: u64,
}

/// Kills a server `rounds` times.
///
/// # Errors
/// Returns the first broken promise.
pub fn run(program: &Path, rounds: u64, seed: u64) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir()?;
    let mut users = [Cents::default(); CLIENTS];
    let mut tally = Tally { runs: rounds, ..Tally::default() };
    for round in 0..rounds {
        let mut server = Server::start(program, folder.path())?;
        compare(&server, &mut users)
            .with_context(|| format!("chaos: after {round} kills (seed {seed})"))?;
        let clients: Vec<_> = users
            .into_iter()
            .enumerate()
            .map(|(number, cents)| {
                let stream = server.connect()?;
                Ok(std::thread::spawn(move || trade(stream, number, cents)))
            })
            .collect::<anyhow::Result<_>>()?;
        std::thread::sleep(Duration::from_millis(random.below(250) + 5));
        if random.one_in(3) {
            server.signal("STOP")?;
            std::thread::sleep(Duration::from_millis(random.below(50)));
            server.signal("CONT")?;
            std::thread::sleep(Duration::from_millis(random.below(50)));
            tally.faults += 1;
        }
        server.kill()?;
        tally.faults += 1;
        for (cents, client) in users.iter_mut().zip(clients) {
            // Before the round, both counts were the balance after the last start.
            let before = cents.submitted;
            *cents = client.join().map_err(|_| anyhow::anyhow!("a client has failed"))??;
            tally.submitted += cents.submitted - before;
            tally.acknowledged += cents.acknowledged - before;
        }
    }
    let mut server = Server::start(program, folder.path())?;
    compare(&server, &mut users)
        .with_context(|| format!("chaos: after {rounds} kills (seed {seed})"))?;
    // Every cent in the accounts was recovered after the kill that followed it.
    tally.recovered = users.iter().map(|cents| cents.submitted).sum();
    check_log(&server, folder.path(), &users)?;
    server.signal("TERM")?;
    ensure!(server.wait()?.success(), "the server did not stop cleanly");
    tally.took = started.elapsed();
    Ok(tally)
}

/// Adds cents until the connection breaks. Returns the submitted and the acknowledged cents.
fn trade(stream: TcpStream, number: usize, mut cents: Cents) -> anyhow::Result<Cents> {
    let mut writer = stream.try_clone()?;
    let mut replies = BufReader::new(stream).lines();
    let line = format!("[1] ADD,chaos{number},0.01\n");
    let mut in_flight = 0;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        ensure!(Instant::now() < deadline, "the server was not killed within {TIMEOUT:?}");
        while in_flight < PIPELINED {
            // The count comes first: a partly written line can take effect.
            cents.submitted += 1;
            if let Err(error) = writer.write_all(line.as_bytes()) {
                check_not_timeout(&error)?;
                return Ok(cents);
            }
            in_flight += 1;
        }
        let reply = match replies.next() {
            Some(Ok(reply)) => reply,
            Some(Err(error)) => {
                check_not_timeout(&error)?;
                return Ok(cents);
            }
            None => return Ok(cents),
        };
        let Some(balance) = reply.strip_prefix("[1] OK,ADD,") else {
            // A line that the kill has truncated is not a reply.
            if replies.next().is_none_or(|next| next.is_err()) {
                return Ok(cents);
            }
            bail!("answered {reply}");
        };
        if let Some(balance) = parse_cents(balance) {
            cents.acknowledged = cents.acknowledged.max(balance);
        }
        in_flight -= 1;
    }
}

/// Separates a server that no longer answers from a connection that the kill has broken.
fn check_not_timeout(error: &std::io::Error) -> anyhow::Result<()> {
    let timed_out = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    ensure!(!timed_out, "the server has not answered within {TIMEOUT:?}");
    Ok(())
}

fn parse_cents(balance: &str) -> Option<u64> {
    let (dollars, cents) = balance.split_once('.')?;
    if cents.len() != 2 {
        return None;
    }
    Some(dollars.parse::<u64>().ok()? * 100 + cents.parse::<u64>().ok()?)
}

/// Checks acknowledged <= recovered <= submitted for every user. Both counts then become the
/// recovered balance.
fn compare(server: &Server, users: &mut [Cents; CLIENTS]) -> anyhow::Result<()> {
    let mut stream = server.connect()?;
    let mut replies = BufReader::new(stream.try_clone()?).lines();
    let deadline = Instant::now() + TIMEOUT;
    for (number, cents) in users.iter_mut().enumerate() {
        writeln!(stream, "DISPLAY_SUMMARY,chaos{number}")?;
        let mut found = 0;
        loop {
            ensure!(Instant::now() < deadline, "no end of the summaries within {TIMEOUT:?}");
            let line = replies.next().context("no answer")??;
            if let Some(account) = line.strip_prefix(&format!("-ACCOUNT,chaos{number},")) {
                found = account.split(',').next().and_then(parse_cents).context("no balance")?;
            } else if !line.starts_with('-') {
                break;
            }
        }
        ensure!(
            found >= cents.acknowledged,
            "LOST: {} of chaos{number}, {cents:?}",
            cents.acknowledged - found
        );
        ensure!(
            found <= cents.submitted,
            "INVENTED: {} of chaos{number}, {cents:?}",
            found - cents.submitted
        );
        *cents = Cents { submitted: found, acknowledged: found };
    }
    Ok(())
}

/// Checks that the audit log has one accountTransaction for every cent.
fn check_log(server: &Server, folder: &Path, users: &[Cents; CLIENTS]) -> anyhow::Result<()> {
    let mut stream = server.connect()?;
    writeln!(stream, "DUMPLOG,chaos.xml")?;
    let reply = BufReader::new(stream).lines().next().context("no answer")??;
    ensure!(reply.starts_with("OK,DUMPLOG,"), "{reply}");
    let log = std::fs::read_to_string(folder.join("dumps/chaos.xml"))?;
    for (number, cents) in users.iter().enumerate() {
        let name = format!("<username>chaos{number}</username>");
        let transactions = log.split("<accountTransaction>").skip(1).filter(|element| {
            element
                .split("</accountTransaction>")
                .next()
                .is_some_and(|element| element.contains(&name))
        });
        let transactions = transactions.count() as u64;
        ensure!(
            transactions == cents.submitted,
            "chaos{number} has {} cents and {transactions} transactions in the log",
            cents.submitted
        );
    }
    Ok(())
}
