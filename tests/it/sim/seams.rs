//! The seams: before and after each exchange with a tracker. Here faults happen, people come between, and the process
//! dies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use connector_api::{Transport, TransportError};
use http::{Request, Response};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What happens at an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// No connection.
    NotSent,
    /// It never arrived, and nobody knows.
    LostBefore,
    /// It was done, and the answer is lost.
    LostAfter,
    /// 429 with seconds to wait.
    Limited(u32),
    /// 500, nothing done.
    Broken,
    /// A page of a proxy, nothing done.
    Page,
    /// A page of a proxy, though it was done.
    PageAfter,
    /// The process dies before it is sent.
    CrashBefore,
    /// The process dies before the answer is taken.
    CrashAfter,
    /// Somebody acts just before it arrives.
    Between,
}

/// Something that somebody does between two exchanges.
pub(crate) type Between = Box<dyn FnMut() -> String + Send>;

struct State {
    rng: StdRng,
    /// Faults in a thousand exchanges; 0 once it is calm.
    rate: u32,
    crashed: bool,
    number: u64,
    trace: Vec<String>,
    between: Option<Between>,
}

/// Every seam of a seed, numbered, with the trace of the seed.
pub(crate) struct Seams(Mutex<State>);

impl Seams {
    pub(crate) fn new(seed: u64, rate: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            rng: StdRng::seed_from_u64(seed ^ 0x5ea5),
            rate,
            crashed: false,
            number: 0,
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

    /// No more faults.
    pub(crate) fn calm(&self) {
        self.lock().rate = 0;
    }

    /// Whether the process died; asked once.
    pub(crate) fn take_crash(&self) -> bool {
        std::mem::take(&mut self.lock().crashed)
    }

    pub(crate) fn crashed(&self) -> bool {
        self.lock().crashed
    }

    pub(crate) fn note(&self, line: String) {
        self.lock().trace.push(line);
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().number
    }

    pub(crate) fn last_steps(&self, most: usize) -> String {
        let state = self.lock();
        let from = state.trace.len().saturating_sub(most);
        state.trace[from..].iter().map(|line| format!("  {line}\n")).collect()
    }

    fn draw(&self) -> Option<Fault> {
        let mut state = self.lock();
        state.number += 1;
        let rate = state.rate;
        if rate == 0 || !state.rng.random_ratio(rate, 1000) {
            return None;
        }
        Some(match state.rng.random_range(0..20) {
            0 => Fault::NotSent,
            1 => Fault::LostBefore,
            2..=5 => Fault::LostAfter,
            6 | 7 => Fault::Limited(state.rng.random_range(1..90)),
            8 => Fault::Broken,
            9 => Fault::Page,
            10 => Fault::PageAfter,
            11..=13 => Fault::CrashBefore,
            14..=16 => Fault::CrashAfter,
            _ => Fault::Between,
        })
    }

    /// The process is dead from here on: whatever waits for this is dropped.
    async fn die(&self) -> ! {
        self.lock().crashed = true;
        std::future::pending().await
    }

    fn come_between(&self) {
        let taken = self.lock().between.take();
        if let Some(mut between) = taken {
            let said = between();
            let mut state = self.lock();
            state.trace.push(format!("    between: {said}"));
            state.between = Some(between);
        }
    }
}

/// A transport with seams.
pub(crate) struct Seamed {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) seams: Arc<Seams>,
}

fn answer(status: u16, kind: &str, body: &'static str, wait: Option<u32>) -> Response<Bytes> {
    let mut response = Response::builder().status(status).header("content-type", kind);
    if let Some(wait) = wait {
        response = response.header("retry-after", wait.to_string());
    }
    response.body(Bytes::from_static(body.as_bytes())).unwrap_or_default()
}

const PAGE: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

#[async_trait]
impl Transport for Seamed {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let fault = self.seams.draw();
        let line = format!("{} {}", request.method(), request.uri());
        let number = self.seams.count();
        match fault {
            Some(fault) => self.seams.note(format!("    seam {number} {line}: {fault:?}")),
            None => self.seams.note(format!("    seam {number} {line}")),
        }
        match fault {
            None => self.inner.send(request).await,
            Some(Fault::Between) => {
                self.seams.come_between();
                self.inner.send(request).await
            }
            Some(Fault::NotSent) => Err(TransportError::NotSent("refused".to_owned())),
            Some(Fault::LostBefore) => Err(TransportError::Lost("timed out".to_owned())),
            Some(Fault::Limited(wait)) => {
                Ok(answer(429, "application/json", "{\"message\":\"rate limit\"}", Some(wait)))
            }
            Some(Fault::Broken) => Ok(answer(500, "application/json", "{\"message\":\"oops\"}", None)),
            Some(Fault::Page) => Ok(answer(502, "text/html", PAGE, None)),
            Some(Fault::CrashBefore) => self.seams.die().await,
            Some(Fault::LostAfter) => {
                self.inner.send(request).await?;
                Err(TransportError::Lost("the connection broke off".to_owned()))
            }
            Some(Fault::PageAfter) => {
                self.inner.send(request).await?;
                Ok(answer(502, "text/html", PAGE, None))
            }
            Some(Fault::CrashAfter) => {
                self.inner.send(request).await?;
                self.seams.die().await
            }
        }
    }
}
