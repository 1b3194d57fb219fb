//! Real servers killed under real load: SIGKILL at random moments, stopped and continued on the
//! way, started again on the same folder. Clients record every reply; afterwards the accounts and
//! the log are held against what they recorded.

use crate::Tally;
use crate::simulation::Random;
use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clients at once, each with a user of its own.
const CLIENTS: usize = 4;
/// Lines on their way for each client.
const PIPELINED: u64 = 200;

/// Where the server's program is: beside this one, built in the same profile.
///
/// # Errors
/// When it cannot be built.
pub fn daytraded() -> anyhow::Result<PathBuf> {
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "daytrade-server", "--bins"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    ensure!(build.current_dir(workspace).status()?.success(), "daytraded does not build");
    Ok(folder.join("daytraded"))
}

/// What one client knows: its user has one cent for every ADD that took effect.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    submitted: u64,
    acknowledged: u64,
}

/// Kills a server so many times.
///
/// # Errors
/// The first promise broken.
pub fn run(program: &Path, rounds: u64, seed: u64) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir()?;
    let mut known = [Known::default(); CLIENTS];
    let mut tally = Tally { runs: rounds, ..Tally::default() };
    for round in 0..rounds {
        let mut server = Server::start(program, folder.path())?;
        compare(&server, &mut known)
            .with_context(|| format!("chaos: after {round} kills (seed {seed})"))?;
        let clients: Vec<_> = known
            .into_iter()
            .enumerate()
            .map(|(number, known)| {
                let stream = server.connect()?;
                Ok(std::thread::spawn(move || trade(stream, number, known)))
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
        server.child.kill()?;
        server.child.wait()?;
        tally.faults += 1;
        for (known, client) in known.iter_mut().zip(clients) {
            // Before the round, all three were what the last start had found.
            let before = known.submitted;
            *known = client.join().map_err(|_| anyhow::anyhow!("a client has failed"))??;
            tally.submitted += known.submitted - before;
            tally.acknowledged += known.acknowledged - before;
        }
    }
    let mut server = Server::start(program, folder.path())?;
    compare(&server, &mut known)
        .with_context(|| format!("chaos: after {rounds} kills (seed {seed})"))?;
    // Every cent that is there now was found again after the kill that followed it.
    tally.recovered = known.iter().map(|known| known.submitted).sum();
    the_log_agrees(&server, folder.path(), &known)?;
    server.signal("TERM")?;
    ensure!(server.child.wait()?.success(), "the server did not stop in order");
    tally.took = started.elapsed();
    Ok(tally)
}

/// Adds cents until the connection breaks; what was sent and what was answered by then.
fn trade(stream: TcpStream, number: usize, mut known: Known) -> anyhow::Result<Known> {
    let mut writer = stream.try_clone()?;
    let mut replies = BufReader::new(stream).lines();
    let line = format!("[1] ADD,chaos{number},0.01\n");
    let mut on_their_way = 0;
    loop {
        while on_their_way < PIPELINED {
            // Counted first: what is half written may take effect.
            known.submitted += 1;
            if writer.write_all(line.as_bytes()).is_err() {
                return Ok(known);
            }
            on_their_way += 1;
        }
        let Some(Ok(reply)) = replies.next() else { return Ok(known) };
        let Some(balance) = reply.strip_prefix("[1] OK,ADD,") else {
            // A line that the kill has cut is no reply.
            if replies.next().is_none_or(|next| next.is_err()) {
                return Ok(known);
            }
            bail!("answered {reply}");
        };
        if let Some(cents) = cents(balance) {
            known.acknowledged = known.acknowledged.max(cents);
        }
        on_their_way -= 1;
    }
}

fn cents(balance: &str) -> Option<u64> {
    let (dollars, cents) = balance.split_once('.')?;
    if cents.len() != 2 {
        return None;
    }
    Some(dollars.parse::<u64>().ok()? * 100 + cents.parse::<u64>().ok()?)
}

/// Acknowledged ≤ recovered ≤ submitted, for every user; from here on, what was recovered is what
/// is known.
fn compare(server: &Server, known: &mut [Known; CLIENTS]) -> anyhow::Result<()> {
    let mut stream = server.connect()?;
    let mut replies = BufReader::new(stream.try_clone()?).lines();
    for (number, known) in known.iter_mut().enumerate() {
        writeln!(stream, "DISPLAY_SUMMARY,chaos{number}")?;
        let mut found = 0;
        loop {
            let line = replies.next().context("no answer")??;
            if let Some(account) = line.strip_prefix(&format!("-ACCOUNT,chaos{number},")) {
                found = account.split(',').next().and_then(cents).context("no balance")?;
            } else if !line.starts_with('-') {
                break;
            }
        }
        ensure!(
            found >= known.acknowledged,
            "LOST: {} of chaos{number}, {known:?}",
            known.acknowledged - found
        );
        ensure!(
            found <= known.submitted,
            "INVENTED: {} of chaos{number}, {known:?}",
            found - known.submitted
        );
        *known = Known { submitted: found, acknowledged: found };
    }
    Ok(())
}

/// The audit log has one accountTransaction for every cent.
fn the_log_agrees(server: &Server, folder: &Path, known: &[Known; CLIENTS]) -> anyhow::Result<()> {
    let mut stream = server.connect()?;
    writeln!(stream, "DUMPLOG,chaos.xml")?;
    let reply = BufReader::new(stream).lines().next().context("no answer")??;
    ensure!(reply.starts_with("OK,DUMPLOG,"), "{reply}");
    let log = std::fs::read_to_string(folder.join("dumps/chaos.xml"))?;
    for (number, known) in known.iter().enumerate() {
        let name = format!("<username>chaos{number}</username>");
        let moved = log.split("<accountTransaction>").skip(1).filter(|element| {
            element
                .split("</accountTransaction>")
                .next()
                .is_some_and(|element| element.contains(&name))
        });
        let moved = moved.count() as u64;
        ensure!(
            moved == known.submitted,
            "chaos{number} has {} cents and {moved} of them in the log",
            known.submitted
        );
    }
    Ok(())
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--shards",
                "2",
                "--snapshot-every",
                "3000",
                "--data-dir",
            ])
            .arg(folder);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if log.read_line(&mut line)? == 0 {
                bail!("the server did not start: {said}");
            }
            if let Some((_, rest)) = line.split_once("address=") {
                break rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
            said.push_str(&line);
        };
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, address })
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "no signal could be sent");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
