//! What a large register costs: a full pass of drift detection, pages of lists, the start, verification, an earlier day.
//!
//! It is filled by one process and measured by another, which has nothing in its memory but the program.

use std::path::Path;
use std::sync::Arc;

use chrono::Days;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::BenchError;
use super::meter::peak_memory_mib;
use super::stage::{Size, Stage};
use crate::app::{App, Writing};
use crate::clock::ManualClock;
use crate::register::{ItemNumber, MilestoneNumber, Status, SystemId};
use crate::store::{AsOf, ItemFilter, MilestoneFilter};

/// Rows of a page.
const PAGE: u32 = 50;
/// Each figure is the median of so many.
const TIMES: usize = 5;

/// What was measured. Times are milliseconds, memory is MiB.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Open milestones.
    pub milestones: u32,
    /// Rows of the journal.
    pub changes: u64,
    /// Opening the store with everything that a command needs.
    pub start_ms: f64,
    /// A full pass of drift detection that finds nothing new.
    pub drift_pass_ms: f64,
    /// The most memory that was held up to the end of that pass.
    pub drift_pass_peak_mib: u64,
    /// Pages of 50 items or milestones.
    pub pages: Vec<Page>,
    /// One item as it was a day ago.
    pub as_of_item_ms: f64,
    /// `audit verify` of everything.
    pub verify_ms: f64,
    /// The same for each million changes.
    pub verify_ms_per_million: f64,
    /// The most memory that was held at the end.
    pub peak_mib: u64,
}

/// One page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Page {
    /// Which.
    pub name: String,
    /// Milliseconds.
    pub ms: f64,
    /// Rows that it has.
    pub rows: u64,
}

/// Fills a store in `folder` with milestones that are open, ten to an item.
pub async fn fill(folder: &Path, milestones: u32) -> Result<(), BenchError> {
    let stage = Stage::in_folder(folder, size(milestones)).await?;
    stage.plan_only("github", milestones).await?;
    stage.close().await;
    Ok(())
}

fn size(milestones: u32) -> Size {
    Size { links: milestones, trackers: 1 }
}

/// Everything that a command needs, at the time at which the store was filled.
async fn open(folder: &Path) -> Result<App, BenchError> {
    let clock = Arc::new(ManualClock::new(super::stage::start()));
    let config = super::stage::config_in(folder, size(1))?;
    App::open_with(config, Writing::Inline, clock).await.map_err(BenchError::of)
}

/// Measures the store that [`fill`] left in `folder`.
pub async fn measure(folder: &Path) -> Result<Report, BenchError> {
    let mut report = Report::default();
    let mut starts = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        let app = open(folder).await?;
        starts.push(ms(began));
        app.world().db.close().await;
    }
    report.start_ms = median(starts);

    let app = open(folder).await?;
    let world = app.world();
    let system = super::stage::system()?;
    // The first pass opens what stands open; the figure is that of the daily pass, which finds it as it was.
    crate::sync::detect::full(world, &system).await?;
    (report.drift_pass_ms, ()) = timed(async || crate::sync::detect::full(world, &system).await).await?;
    report.drift_pass_peak_mib = peak_memory_mib();
    report.pages = pages(&app, &system).await?;

    let mut read = world.db.read().await.map_err(BenchError::of)?;
    let item = ItemNumber::ours(1);
    let what = AsOf::Items(std::iter::once(item.clone()).collect());
    let (day, then) = timed(async || read.as_of(&system, &what, world.clock.now()).await).await?;
    report.as_of_item_ms = day;
    if !then.items.contains_key(&item) {
        return Err(BenchError::Wrong(format!("{item} was not there")));
    }
    let began = Instant::now();
    let verified = read.verify_all(&crate::store::Seals::default()).await.map_err(BenchError::of)?;
    report.verify_ms = ms(began);
    for chain in &verified {
        if !chain.faults.is_empty() {
            return Err(BenchError::Wrong(format!("the chain of {} is not whole", chain.system)));
        }
        report.changes += chain.rows;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    let millions = report.changes as f64 / 1_000_000.0;
    report.verify_ms_per_million = report.verify_ms / millions;
    report.milestones =
        read.load(&system, crate::store::Scope::System).await.map_err(BenchError::of)?.system.last_milestone;
    report.peak_mib = peak_memory_mib();
    Ok(report)
}

async fn pages(app: &App, system: &SystemId) -> Result<Vec<Page>, BenchError> {
    let mut read = app.world().db.read().await.map_err(BenchError::of)?;
    let total = read.load(system, crate::store::Scope::System).await.map_err(BenchError::of)?.system;
    let (last_item, last_milestone) = (total.last_item, total.last_milestone);
    // Page 1,000 of fifty, or the last where there are fewer.
    let thousandth = |last: u32| (999 * PAGE).min(last.saturating_sub(PAGE));
    let all = ItemFilter::default();
    let two = ItemFilter {
        statuses: vec![Status::Open, Status::InProgress],
        owner: Some(super::stage::PEOPLE[0].0.to_owned()),
        ..ItemFilter::default()
    };
    let text = ItemFilter { text: Some("weakness 7 of".to_owned()), ..ItemFilter::default() };
    let mut pages = Vec::new();
    for (name, filter, after) in [
        ("items, page 1", all.clone(), None),
        ("items, page 1,000", all, Some(thousandth(last_item))),
        ("items, two filters, page 1", two.clone(), None),
        ("items, two filters, page 1,000", two, Some(thousandth(last_item))),
        ("items, text search", text, None),
    ] {
        let (ms, found) = timed(async || read.items(system, &filter, after, PAGE).await).await?;
        pages.push(Page { name: name.to_owned(), ms, rows: found.len() as u64 });
    }
    let due = app.world().clock.now().date_naive().checked_add_days(Days::new(4_000));
    let near = MilestoneFilter {
        due_by: due,
        owner: Some(super::stage::PEOPLE[0].0.to_owned()),
        ..MilestoneFilter::default()
    };
    for (name, filter, after) in [
        ("milestones, page 1", MilestoneFilter::default(), None),
        ("milestones, page 1,000", MilestoneFilter::default(), Some(thousandth(last_milestone))),
        ("milestones, two filters, page 1,000", near, Some(thousandth(last_milestone))),
    ] {
        let after = after.map(MilestoneNumber);
        let (ms, found) = timed(async || read.milestones(system, &filter, after, PAGE).await).await?;
        pages.push(Page { name: name.to_owned(), ms, rows: found.len() as u64 });
    }
    Ok(pages)
}

/// How long some work takes, as the median of several times, and what it gave last.
async fn timed<T, E>(mut work: impl AsyncFnMut() -> Result<T, E>) -> Result<(f64, T), BenchError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut times = Vec::new();
    loop {
        let began = Instant::now();
        let given = work().await.map_err(BenchError::of)?;
        times.push(ms(began));
        if times.len() == TIMES {
            return Ok((median(times), given));
        }
    }
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
