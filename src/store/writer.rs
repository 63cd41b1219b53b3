//! The one writer: groups commands that wait into one transaction, since the commit is what costs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::lost_to_another;
use super::{Db, StoreError, Tx};

/// Commands in one transaction at most.
const BATCH: usize = 256;
/// A transaction takes no further command after this long.
const OPEN: Duration = Duration::from_millis(5);
/// Commands that may wait before whoever submits is held up.
const QUEUE: usize = 4_096;

/// How often a command is carried out alone after it lost to another writer.
const ATTEMPTS: u32 = 5;

/// How a command ended, before the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// What it wrote is to be kept.
    Kept,
    /// It failed, and leaves nothing.
    Failed,
    /// Another writer was in its way, and the database chose it to give up: it may be carried out again.
    Lost,
}

/// A command that waits.
trait Command: Send {
    /// Carries it out, and keeps its result for the answer.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Ended>;
    /// Answers with its result; or with why the transaction was not kept.
    fn answer(self: Box<Self>, failure: Option<&Arc<StoreError>>);
    /// Answers it without carrying it out.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Submitted<F, T, E> {
    command: F,
    /// None before it ran, and where it ended in a panic.
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Command for Submitted<F, T, E>
where
    T: Send + 'static,
    E: std::error::Error + From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Ended> {
        Box::pin(async move {
            self.result = None;
            let result = (self.command.clone())(tx).await;
            let ended = match &result {
                Ok(_) => Ended::Kept,
                Err(error) if lost_to_another(error) => Ended::Lost,
                Err(_) => Ended::Failed,
            };
            self.result = Some(result);
            ended
        })
    }

    fn answer(self: Box<Self>, failure: Option<&Arc<StoreError>>) {
        let result = match (self.result, failure) {
            (Some(Ok(_)), Some(failure)) => Err(StoreError::NotCommitted(Arc::clone(failure)).into()),
            (Some(result), _) => result,
            (None, _) => return,
        };
        // Where nobody waits any more, what was written stays all the same.
        drop(self.answer.send(result));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.answer.send(Err(error.into())));
    }
}

/// Stands at both sides of each commit: there a simulation lets the process die.
pub trait Seam: Send + Sync {
    /// Before a commit, and once more when it is `done`. One that never ends is a process that died there.
    fn at_commit(&self, done: bool) -> BoxFuture<'_, ()>;
}

/// The writer. Clones share its queue.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    db: Db,
    queue: mpsc::Sender<Box<dyn Command>>,
    waiting: Mutex<mpsc::Receiver<Box<dyn Command>>>,
    inline: bool,
    seam: Option<Arc<dyn Seam>>,
}

impl Writer {
    /// A writer whose commands are carried out by [`Self::run`] (or [`Self::turn`]) in a task of its own.
    pub fn new(db: Db) -> Self {
        Self::with(db, false, None)
    }

    /// A writer that carries a command out within [`Self::submit`]: for one task at a time, where the order of all
    /// that happens must be the same each time, as in a command of the CLI or a simulation.
    pub fn inline(db: Db) -> Self {
        Self::with(db, true, None)
    }

    /// Like [`Self::inline`], with something that stands at each commit.
    pub fn seamed(db: Db, seam: Arc<dyn Seam>) -> Self {
        Self::with(db, true, Some(seam))
    }

    fn with(db: Db, inline: bool, seam: Option<Arc<dyn Seam>>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self { shared: Arc::new(Shared { db, queue, waiting: Mutex::new(waiting), inline, seam }) }
    }

    /// The store, for reading.
    pub fn db(&self) -> &Db {
        &self.shared.db
    }

    /// Carries a command out in a transaction, which other commands may share, and answers after its commit. A command
    /// that fails leaves nothing behind, and does not disturb the others. It must not wait for network, file or time.
    ///
    /// It may be carried out more than once: where another writer on the same database was in its way (PostgreSQL's
    /// deadlock or serialization failure), nothing of it was kept, and it is carried out again in a transaction of its
    /// own, a few times at most.
    ///
    /// ```ignore
    /// let entries = writer
    ///     .submit(move |tx| Box::pin(async move {
    ///         let mut register = tx.load(&system, Scope::milestone(number)).await?;
    ///         tx.record(&mut register, now, &actor, "command", &changes).await
    ///     }))
    ///     .await?;
    /// ```
    ///
    /// # Errors
    /// The command's own; or [`StoreError::NotCommitted`] where the transaction could not be begun or committed, and
    /// then nothing was kept; or [`StoreError::Stopped`].
    pub async fn submit<T, E, F>(&self, command: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: std::error::Error + From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
    {
        let (send, mut answer) = oneshot::channel::<Result<T, E>>();
        let command = Box::new(Submitted { command, result: None, answer: send });
        if self.shared.queue.send(command).await.is_err() {
            return Err(StoreError::Stopped.into());
        }
        if self.shared.inline {
            // Another task's turn may have carried this command out.
            loop {
                match answer.try_recv() {
                    Ok(result) => return result,
                    Err(oneshot::error::TryRecvError::Closed) => return Err(StoreError::Stopped.into()),
                    Err(oneshot::error::TryRecvError::Empty) => drop(self.turn().await),
                }
            }
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    /// Takes what waits into one transaction, or returns at once where nothing does. Gives how many commands it
    /// carried out. Not to be dropped before it is done: then nothing of it is kept, and its commands end as stopped.
    pub async fn turn(&self) -> usize {
        let mut waiting = self.shared.waiting.lock().await;
        match waiting.try_recv() {
            Ok(first) => self.batch(first, &mut waiting).await,
            Err(_) => 0,
        }
    }

    /// Takes turns until it is told to stop, then carries out what still waits.
    pub async fn run(&self, stop: CancellationToken) {
        let mut waiting = self.shared.waiting.lock().await;
        loop {
            let first = tokio::select! {
                biased;
                first = waiting.recv() => first,
                () = stop.cancelled() => None,
            };
            match first {
                Some(first) => drop(self.batch(first, &mut waiting).await),
                None => return,
            }
        }
    }

    async fn at_seam(&self, done: bool) {
        if let Some(seam) = &self.shared.seam {
            seam.at_commit(done).await;
        }
    }

    async fn batch(&self, first: Box<dyn Command>, waiting: &mut mpsc::Receiver<Box<dyn Command>>) -> usize {
        let mut tx = match self.shared.db.write().await {
            Ok(tx) => tx,
            Err(error) => {
                first.refuse(error);
                return 1;
            }
        };
        let began = Instant::now();
        let mut done = Vec::new();
        let mut again = Vec::new();
        let mut taken = 0;
        let mut next = Some(first);
        let mut failure = None;
        while let Some(mut command) = next {
            taken += 1;
            match carry_out(&mut tx, &mut *command).await {
                Ok(Ended::Lost) => again.push(command),
                Ok(Ended::Kept | Ended::Failed) => done.push(command),
                Err(error) => {
                    // The transaction is lost, and what was done so far with it.
                    done.push(command);
                    failure = Some(error);
                    break;
                }
            }
            let open = taken < BATCH && (self.shared.inline || began.elapsed() < OPEN);
            next = if open { waiting.try_recv().ok() } else { None };
        }
        let failure = self.end(tx, failure).await;
        if failure.as_ref().is_some_and(|failure| lost_to_another(&**failure)) {
            done.append(&mut again);
            again = done;
        } else {
            for command in done {
                command.answer(failure.as_ref());
            }
        }
        for command in again {
            self.alone(command).await;
        }
        taken
    }

    /// Commits, where nothing failed before; gives what failed.
    async fn end(&self, tx: Tx, failure: Option<StoreError>) -> Option<Arc<StoreError>> {
        let failure = match failure {
            Some(failure) => Some(failure),
            None => {
                self.at_seam(false).await;
                let failure = tx.commit().await.err();
                self.at_seam(true).await;
                failure
            }
        };
        failure.map(Arc::new)
    }

    /// Carries out a command that lost to another writer, in a transaction of its own.
    async fn alone(&self, mut command: Box<dyn Command>) {
        for attempt in 1..=ATTEMPTS {
            let mut tx = match self.shared.db.write().await {
                Ok(tx) => tx,
                Err(error) => return command.refuse(error),
            };
            let (ended, failure) = match carry_out(&mut tx, &mut *command).await {
                Ok(ended) => (ended, None),
                Err(error) => (Ended::Failed, Some(error)),
            };
            let failure = self.end(tx, failure).await;
            let lost =
                ended == Ended::Lost || failure.as_ref().is_some_and(|failure| lost_to_another(&**failure));
            if !lost || attempt == ATTEMPTS {
                return command.answer(failure.as_ref());
            }
        }
    }
}

/// Carries a command out as a part of the transaction that can be given up alone. An error is that of the transaction
/// as a whole.
async fn carry_out(tx: &mut Tx, command: &mut dyn Command) -> Result<Ended, StoreError> {
    tx.savepoint().await?;
    match AssertUnwindSafe(command.run(tx)).catch_unwind().await {
        Ok(Ended::Kept) => tx.release().await.map(|()| Ended::Kept),
        Ok(ended) => tx.rollback_to().await.map(|()| ended),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = text, "a command failed unexpectedly; nothing of it was kept");
            tx.rollback_to().await.map(|()| Ended::Failed)
        }
    }
}
