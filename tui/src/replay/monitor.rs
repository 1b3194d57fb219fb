//! A replay on its own thread, with a monitor that follows and controls it.

use super::ReplayArgs;
use super::connection::Shared;
use super::instants::Instants;
use super::run::execute;
use crate::replay_message::{Control, Pace, Progress, Stage};
use std::io;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// Shortest interval between two progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(16);

/// The replay's end of the channels to its monitor.
pub(super) struct MonitorChannel {
    controls: UnboundedReceiver<Control>,
    progress: watch::Sender<Progress>,
}

impl MonitorChannel {
    /// Returns the progress before the first line, and sends it to the monitor. `bytes` is the size
    /// of the file, 0 if unknown.
    pub(super) fn begin(&self, file: &Path, bytes: u64) -> Progress {
        let progress = Progress {
            file: file.display().to_string(),
            bytes: (bytes, 0),
            stage: Stage::Running,
            pace: Pace::Paused,
            ..Progress::default()
        };
        self.progress.send_replace(progress.clone());
        progress
    }

    /// Applies the monitor's commands and sends it the progress, until the monitor stops.
    pub(super) async fn serve(mut self, shared: &Shared) {
        let mut instants = Instants::default();
        loop {
            tokio::select! {
                control = self.controls.recv() => {
                    let Some(control) = control else { return };
                    if let Control::Show(exchange) = control {
                        let instant = instants.show(shared, exchange).await;
                        shared.state.borrow_mut().set_instant(instant);
                    }
                    shared.state.borrow_mut().control(control);
                    shared.wake_all();
                    self.send_progress(shared);
                }
                () = shared.answered.notified() => {
                    self.send_progress(shared);
                    tokio::time::sleep(PROGRESS_INTERVAL).await;
                }
            }
        }
    }

    fn send_progress(&self, shared: &Shared) {
        if let Some(progress) = shared.state.borrow().progress() {
            self.progress.send_replace(progress);
        }
    }
}

/// A running replay, for the screen that follows it.
pub(crate) struct ReplayMonitor {
    controls: UnboundedSender<Control>,
    progress: watch::Receiver<Progress>,
    thread: JoinHandle<()>,
}

impl ReplayMonitor {
    /// Starts a replay, paused before its first line.
    ///
    /// # Errors
    /// An error of the operating system, if the thread cannot start.
    pub(crate) fn start(args: ReplayArgs) -> io::Result<Self> {
        let (controls, control_receiver) = unbounded_channel();
        let file = args.file.display().to_string();
        let (sender, progress) = watch::channel(Progress { file, ..Progress::default() });
        let channel = MonitorChannel { controls: control_receiver, progress: sender.clone() };
        let thread = std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || send_outcome(&args, channel, &sender))?;
        Ok(Self { controls, progress, thread })
    }

    /// Sends a command to the replay; one that has ended ignores it.
    pub(crate) fn send(&self, control: Control) {
        let _ = self.controls.send(control);
    }

    /// Waits for the next progress; forever, if the replay has ended.
    pub(crate) async fn next_progress(&mut self) -> Progress {
        if self.progress.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.progress.borrow_and_update().clone()
    }

    /// Stops the replay and waits until its server has stopped.
    pub(crate) fn stop(self) {
        drop(self.controls);
        // A thread that panicked has already printed its message.
        let _ = self.thread.join();
    }
}

/// Runs a replay and sends its last progress, or the error that ended it.
fn send_outcome(args: &ReplayArgs, channel: MonitorChannel, sender: &watch::Sender<Progress>) {
    match execute(args, Some(channel)) {
        Ok((outcome, _)) => sender.send_modify(|last| {
            *last = outcome.progress.unwrap_or_default();
            (last.stage, last.differences) = (Stage::Ended, outcome.summary.differences);
        }),
        Err(failure) => {
            sender.send_modify(|last| last.stage = Stage::Failed(format!("{:#}", failure.error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for progress that satisfies the condition.
    async fn wait_for(
        monitor: &mut ReplayMonitor,
        condition: impl Fn(&Progress) -> bool,
    ) -> Progress {
        let wait = async {
            loop {
                let progress = monitor.next_progress().await;
                if condition(&progress) {
                    return progress;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("in time")
    }

    #[tokio::test]
    async fn a_replay_steps_jumps_to_refusals_and_runs_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.txt");
        let lines = "# a comment\n[1] ADD,a,100\n[2] COMMIT_BUY,a\n[3] ADD,a,1\n[4] ADD,a,2\n\
                     [5] BUY,nobody,XYZ,5\n[6] ADD,a,3\n";
        std::fs::write(&file, lines).unwrap();
        let mut monitor =
            ReplayMonitor::start(ReplayArgs::of_file(file.to_str().unwrap()).unwrap()).unwrap();
        let at = wait_for(&mut monitor, |at| at.stage == Stage::Running).await;
        assert_eq!((at.lines, at.pace), (0, Pace::Paused));
        monitor.send(Control::Step);
        let at = wait_for(&mut monitor, |at| at.ok == 1).await;
        let first = at.exchanges.newest().unwrap();
        assert_eq!(
            (first.file_line, first.request.as_str(), first.reply.as_str()),
            (2, "[1] ADD,a,100", "[1] OK,ADD,100.00")
        );
        monitor.send(Control::Pace(Pace::ToNextRefusal));
        let at = wait_for(&mut monitor, |at| at.pace == Pace::Paused && at.refused == 1).await;
        assert_eq!((at.lines, at.ok), (2, 1), "paused at the refusal, with no later line sent");
        monitor.send(Control::Pace(Pace::ToNextRefusal));
        let at = wait_for(&mut monitor, |at| at.pace == Pace::Paused && at.refused == 2).await;
        assert_eq!(at.exchanges.newest().unwrap().request, "[5] BUY,nobody,XYZ,5");
        monitor.send(Control::Pace(Pace::Max));
        let at = wait_for(&mut monitor, |at| at.stage == Stage::Ended).await;
        assert_eq!((at.lines, at.ok, at.refused, at.bytes.1), (6, 4, 2, lines.len() as u64));
        assert_eq!(Vec::from_iter(at.reasons), [("NO_ACCOUNT", 1), ("NO_PENDING_BUY", 1)]);
        // Back in time, after the end: the account is the one of that line.
        for (number, cash) in
            [(0, Some(10_000)), (3, Some(10_300)), (4, Some(0)), (5, Some(10_600))]
        {
            monitor.send(Control::Show(number));
            let asked = |at: &Progress| at.instant.as_ref().is_some_and(|at| at.exchange == number);
            let at = wait_for(&mut monitor, asked).await;
            let account = at.instant.unwrap().account.ok();
            assert_eq!(account.map(|(_, account)| account.cash.cents()), cash, "line {number}");
        }
        monitor.stop();
    }

    #[tokio::test]
    async fn a_replay_ends_with_its_monitor_and_one_that_cannot_start_reports_the_error() {
        let mut monitor =
            ReplayMonitor::start(ReplayArgs::of_file("/nowhere/to/be/found").unwrap()).unwrap();
        let at = wait_for(&mut monitor, |at| matches!(at.stage, Stage::Failed(_))).await;
        let Stage::Failed(message) = at.stage else { panic!("{:?}", at.stage) };
        assert!(message.contains("cannot read /nowhere/to/be/found"), "{message}");
        monitor.stop();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.txt");
        std::fs::write(&file, "[1] ADD,a,100\n").unwrap();
        let monitor =
            ReplayMonitor::start(ReplayArgs::of_file(file.to_str().unwrap()).unwrap()).unwrap();
        // Returns although the replay is paused.
        monitor.stop();
    }
}
