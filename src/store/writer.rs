//! The one writer: groups commands that wait into one transaction, since the commit is what costs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Db, StoreError, Tx};

/// Commands in one transaction at most.
const BATCH: usize = 256;
/// A transaction takes no further command after this long.
const OPEN: Duration = Duration::from_millis(5);
/// Commands that may wait before whoever submits is held up.
const QUEUE: usize = 4_096;

/// Told whether the transaction was kept: the error if not.
type Answer = Box<dyn FnOnce(Option<Arc<StoreError>>) + Send>;

/// A command that waits.
trait Command: Send {
    /// Carries it out; says whether what it wrote is to be kept, and how to answer it.
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, (bool, Answer)>;
    /// Answers it without carrying it out.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Submitted<F, T, E> {
    command: F,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Command for Submitted<F, T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, (bool, Answer)> {
        Box::pin(async move {
            let Self { command, answer } = *self;
            let result = command(tx).await;
            let keep = result.is_ok();
            let answer: Answer = Box::new(move |failure| {
                let result = match (result, failure) {
                    (Ok(_), Some(failure)) => Err(StoreError::NotCommitted(failure).into()),
                    (result, _) => result,
                };
                // Where nobody waits any more, what was written stays all the same.
                drop(answer.send(result));
            });
            (keep, answer)
        })
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
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (send, mut answer) = oneshot::channel::<Result<T, E>>();
        let command = Box::new(Submitted { command, answer: send });
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
        let mut answers = Vec::new();
        let mut taken = 0;
        let mut next = Some(first);
        let mut failure = None;
        while let Some(command) = next {
            taken += 1;
            let (answer, broken) = carry_out(&mut tx, command).await;
            answers.extend(answer);
            if let Err(error) = broken {
                // The transaction is lost, and what was done so far with it.
                failure = Some(error);
                break;
            }
            let open = taken < BATCH && (self.shared.inline || began.elapsed() < OPEN);
            next = if open { waiting.try_recv().ok() } else { None };
        }
        if failure.is_none() {
            self.at_seam(false).await;
            failure = tx.commit().await.err();
            self.at_seam(true).await;
        }
        let failure = failure.map(Arc::new);
        for answer in answers {
            answer(failure.clone());
        }
        taken
    }
}

/// Carries a command out as a part of the transaction that can be given up alone. No answer is that of a command that
/// panicked; an error is that of the transaction as a whole.
async fn carry_out(tx: &mut Tx, command: Box<dyn Command>) -> (Option<Answer>, Result<(), StoreError>) {
    if let Err(error) = tx.savepoint().await {
        let error = Arc::new(error);
        command.refuse(StoreError::NotCommitted(Arc::clone(&error)));
        return (None, Err(StoreError::NotCommitted(error)));
    }
    match AssertUnwindSafe(command.run(tx)).catch_unwind().await {
        Ok((true, answer)) => (Some(answer), tx.release().await),
        Ok((false, answer)) => (Some(answer), tx.rollback_to().await),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = text, "a command failed unexpectedly; nothing of it was kept");
            (None, tx.rollback_to().await)
        }
    }
}
