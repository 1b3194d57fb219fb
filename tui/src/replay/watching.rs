//! A replay on a thread of its own, with a watcher who steers it.

use super::connection::Shared;
use super::run::carry_out;
use super::{Pace, Progress, ReplayArgs, Stage, Steer};
use std::io;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};

/// How often the watcher is told, at most.
const TOLD_EVERY: Duration = Duration::from_millis(16);

/// The engine's end.
pub(super) struct Watcher {
    steering: UnboundedReceiver<Steer>,
    told: watch::Sender<Progress>,
}

impl Watcher {
    /// What there is to see before the first line.
    pub(super) fn progress(&self, file: &Path, bytes: u64) -> Progress {
        let progress = Progress {
            file: file.display().to_string(),
            bytes: (bytes, 0),
            stage: Stage::Running,
            pace: Pace::Paused,
            ..Progress::default()
        };
        self.told.send_replace(progress.clone());
        progress
    }

    /// Tells the watcher and does what it says, until it leaves.
    pub(super) async fn look_on(mut self, shared: &Shared) {
        loop {
            tokio::select! {
                steer = self.steering.recv() => {
                    let Some(steer) = steer else { return };
                    shared.state.borrow_mut().steer(steer);
                    shared.wake.iter().for_each(Notify::notify_one);
                    self.tell(shared);
                }
                () = shared.answered.notified() => {
                    self.tell(shared);
                    tokio::time::sleep(TOLD_EVERY).await;
                }
            }
        }
    }

    fn tell(&self, shared: &Shared) {
        if let Some(progress) = shared.state.borrow_mut().progress() {
            self.told.send_replace(progress);
        }
    }
}

/// The watcher's end.
pub struct Watching {
    steering: UnboundedSender<Steer>,
    told: watch::Receiver<Progress>,
    thread: JoinHandle<()>,
}

impl Watching {
    /// Starts a replay, paused before its first line.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(args: ReplayArgs) -> io::Result<Self> {
        let (steering, heard) = unbounded_channel();
        let file = args.file.display().to_string();
        let (told, see) = watch::channel(Progress { file, ..Progress::default() });
        let watcher = Watcher { steering: heard, told: told.clone() };
        let thread =
            std::thread::Builder::new().name("replay".to_owned()).spawn(
                move || match carry_out(&args, Some(watcher)) {
                    Ok((mut state, _)) => {
                        let (differences, progress) = (state.summary.differences, state.progress());
                        told.send_modify(|last| {
                            *last = progress.unwrap_or_default();
                            (last.stage, last.differences) = (Stage::Ended, differences);
                        });
                    }
                    Err(failure) => {
                        told.send_modify(|last| {
                            last.stage = Stage::Failed(format!("{:#}", failure.error))
                        });
                    }
                },
            )?;
        Ok(Self { steering, told: see, thread })
    }

    /// Says something to it; one that has ended hears nothing.
    pub fn steer(&self, steer: Steer) {
        let _ = self.steering.send(steer);
    }

    /// Waits for news; for ever, when there will be none.
    pub async fn news(&mut self) -> Progress {
        if self.told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.told.borrow_and_update().clone()
    }

    /// Ends it and waits until its server has gone.
    pub fn end(self) {
        drop(self.steering);
        // A thread that has panicked has said so already.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until the replay stands as it should.
    async fn until(watching: &mut Watching, is_there: impl Fn(&Progress) -> bool) -> Progress {
        let wait = async {
            loop {
                let progress = watching.news().await;
                if is_there(&progress) {
                    return progress;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("in time")
    }

    #[tokio::test]
    async fn a_replay_can_be_stepped_jumped_and_run_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.txt");
        let lines = "# a comment\n[1] ADD,a,100\n[2] COMMIT_BUY,a\n[3] ADD,a,1\n[4] ADD,a,2\n[5] BUY,nobody,XYZ,5\n[6] ADD,a,3\n";
        std::fs::write(&file, lines).unwrap();
        let mut watching =
            Watching::start(ReplayArgs::of_file(file.to_str().unwrap()).unwrap()).unwrap();
        let at = until(&mut watching, |at| at.stage == Stage::Running).await;
        assert_eq!((at.lines, at.pace), (0, Pace::Paused));
        watching.steer(Steer::Step);
        let at = until(&mut watching, |at| at.ok == 1).await;
        let first = at.exchanges.back().unwrap();
        assert_eq!(
            (first.file_line, first.request.as_str(), first.reply.as_str()),
            (2, "[1] ADD,a,100", "[1] OK,ADD,100.00")
        );
        watching.steer(Steer::Pace(Pace::ToNextRefusal));
        let at = until(&mut watching, |at| at.pace == Pace::Paused && at.refused == 1).await;
        assert_eq!(
            (at.lines, at.ok),
            (2, 1),
            "it stands at the refusal, nothing behind it has been sent"
        );
        watching.steer(Steer::Pace(Pace::ToNextRefusal));
        let at = until(&mut watching, |at| at.pace == Pace::Paused && at.refused == 2).await;
        assert_eq!(at.exchanges.back().unwrap().request, "[5] BUY,nobody,XYZ,5");
        watching.steer(Steer::Pace(Pace::Max));
        let at = until(&mut watching, |at| at.stage == Stage::Ended).await;
        assert_eq!((at.lines, at.ok, at.refused, at.bytes.1), (6, 4, 2, lines.len() as u64));
        watching.end();
    }

    #[tokio::test]
    async fn a_replay_that_nobody_watches_any_more_ends_and_one_that_cannot_begin_says_why() {
        let mut watching =
            Watching::start(ReplayArgs::of_file("/nowhere/to/be/found").unwrap()).unwrap();
        let at = until(&mut watching, |at| matches!(at.stage, Stage::Failed(_))).await;
        assert!(
            matches!(at.stage, Stage::Failed(words) if words.contains("cannot read /nowhere/to/be/found"))
        );
        watching.end();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.txt");
        std::fs::write(&file, "[1] ADD,a,100\n").unwrap();
        let watching =
            Watching::start(ReplayArgs::of_file(file.to_str().unwrap()).unwrap()).unwrap();
        // Returns, though the replay is paused for ever.
        watching.end();
    }
}
