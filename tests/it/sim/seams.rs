//! The seams: before and after each exchange with a tracker, and before and after each commit. They are numbered, so
//! that a seed is a trace; here people come between, two engines take turns, and the process dies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use connector_api::Transport;
use futures::future::BoxFuture;
use http::Request;
use poam::store::Seam;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::faults::{Fault, Happened};

/// Where a seam is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    BeforeExchange,
    AfterExchange,
    BeforeCommit,
    AfterCommit,
}

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deaths {
    /// At this many of a thousand seams at exchanges, and of two thousand at commits.
    Drawn(u32),
    /// At the seam of this number, and at no other.
    At(u64),
}

/// How rough the world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Faults in a thousand exchanges.
    pub(crate) faults: u32,
    pub(crate) deaths: Deaths,
    /// Entries on a page of a listing, where it is fewer than asked for.
    pub(crate) page: Option<u32>,
}

/// Something that somebody does between two exchanges.
pub(crate) type Between = Box<dyn FnMut() -> String + Send>;

/// A request that its site carries out later.
pub(crate) struct Late {
    pub(crate) due: DateTime<Utc>,
    pub(crate) request: Request<Bytes>,
    pub(crate) to: Arc<dyn Transport>,
}

struct State {
    rng: StdRng,
    weather: Weather,
    /// What is set up is not part of the trace.
    muted: bool,
    /// Engines take turns at exchanges.
    turns: bool,
    parked: bool,
    died: Option<Place>,
    number: u64,
    now: DateTime<Utc>,
    late: Vec<Late>,
    happened: Happened,
    trace: Vec<String>,
    between: Option<Between>,
}

/// Every seam of a seed, with the trace of the seed.
pub(crate) struct Seams(Mutex<State>);

impl Seams {
    pub(crate) fn new(seed: u64, weather: Weather) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            rng: StdRng::seed_from_u64(seed ^ 0x5ea5),
            weather,
            muted: true,
            turns: false,
            parked: false,
            died: None,
            number: 0,
            now: crate::bed::start(),
            late: Vec::new(),
            happened: Happened::default(),
            trace: Vec::new(),
            between: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens where somebody comes between.
    pub(crate) fn set_between(&self, between: Between) {
        self.lock().between = Some(between);
    }

    /// No more faults, and no more deaths.
    pub(crate) fn calm(&self) {
        self.lock().weather = Weather { faults: 0, deaths: Deaths::Drawn(0), page: None };
    }

    /// Without seams, for what is no part of the bridge.
    pub(crate) fn mute(&self, muted: bool) {
        self.lock().muted = muted;
    }

    /// Where the process died; asked once.
    pub(crate) fn take_death(&self) -> Option<Place> {
        self.lock().died.take()
    }

    pub(crate) fn died(&self) -> bool {
        self.lock().died.is_some()
    }

    /// Whether engines stop before each exchange until they are polled again.
    pub(crate) fn set_turns(&self, turns: bool) {
        self.lock().turns = turns;
    }

    /// Whether an engine stopped since this was asked last.
    pub(crate) fn take_parked(&self) -> bool {
        std::mem::take(&mut self.lock().parked)
    }

    pub(crate) fn note(&self, line: String) {
        self.lock().trace.push(line);
    }

    /// Seams so far.
    pub(crate) fn count(&self) -> u64 {
        self.lock().number
    }

    pub(crate) fn happened(&self) -> Happened {
        self.lock().happened.clone()
    }

    pub(crate) fn happens(&self, what: &'static str) {
        *self.lock().happened.entry(what).or_default() += 1;
    }

    pub(crate) fn page(&self) -> Option<u32> {
        self.lock().weather.page
    }

    /// The time, as the seams know it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    pub(crate) fn set_now(&self, now: DateTime<Utc>) {
        self.lock().now = now;
    }

    pub(crate) fn postpone(&self, late: Late) {
        self.lock().late.push(late);
    }

    /// The request that is due first, if that is by then.
    pub(crate) fn take_late(&self, by: DateTime<Utc>) -> Option<Late> {
        let mut state = self.lock();
        let first = state.late.iter().enumerate().min_by_key(|(_, late)| late.due)?;
        let (at, due) = (first.0, first.1.due);
        (due <= by).then(|| state.late.remove(at))
    }

    pub(crate) fn last_steps(&self, most: usize) -> String {
        let state = self.lock();
        let from = state.trace.len().saturating_sub(most);
        state.trace[from..].iter().map(|line| format!("  {line}\n")).collect()
    }

    /// The fault of an exchange, if it has one.
    pub(crate) fn draw(&self, fault: impl FnOnce(&mut StdRng) -> Fault) -> Option<Fault> {
        let mut state = self.lock();
        let rate = state.weather.faults;
        if rate == 0 || !state.rng.random_ratio(rate, 1000) {
            return None;
        }
        Some(fault(&mut state.rng))
    }

    /// A seam is passed, or the process dies at it: whatever waits for this is then dropped. Gives its number.
    pub(crate) async fn pass(&self, place: Place) -> u64 {
        let (number, dies) = {
            let mut state = self.lock();
            if state.muted {
                return 0;
            }
            state.number += 1;
            let dies = match state.weather.deaths {
                Deaths::At(number) => state.number == number,
                Deaths::Drawn(0) => false,
                Deaths::Drawn(rate) => {
                    let of = match place {
                        Place::BeforeExchange | Place::AfterExchange => 1_000,
                        Place::BeforeCommit | Place::AfterCommit => 2_000,
                    };
                    state.rng.random_ratio(rate, of)
                }
            };
            if dies {
                state.died = Some(place);
                let line = format!("    seam {}: the process dies, {place:?}", state.number);
                state.trace.push(line);
                let name = match place {
                    Place::BeforeExchange => "death before an exchange",
                    Place::AfterExchange => "death after an exchange",
                    Place::BeforeCommit => "death before a commit",
                    Place::AfterCommit => "death after a commit",
                };
                *state.happened.entry(name).or_default() += 1;
            }
            (state.number, dies)
        };
        if dies {
            return std::future::pending().await;
        }
        number
    }

    /// Stops until it is this engine's turn again.
    pub(crate) async fn turn(&self) {
        let mut stopped = false;
        std::future::poll_fn(|cx| {
            let mut state = self.lock();
            if stopped || !state.turns {
                return Poll::Ready(());
            }
            stopped = true;
            state.parked = true;
            // A pass holds its links in a set that polls only what was woken.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn come_between(&self) {
        let taken = self.lock().between.take();
        if let Some(mut between) = taken {
            let said = between();
            let mut state = self.lock();
            state.trace.push(format!("    between: {said}"));
            state.between = Some(between);
        }
    }
}

/// The seams at commits.
pub(crate) struct Commits(pub(crate) Arc<Seams>);

impl Seam for Commits {
    fn at_commit(&self, done: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.0.pass(if done { Place::AfterCommit } else { Place::BeforeCommit }).await;
        })
    }
}
