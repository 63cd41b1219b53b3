//! Links: milestone and ticket, with what was last reconciled.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros};
use super::table::{KEYS, collect, fetch, fetch_in, in_list, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::{Base, Link, LinkPhase, MilestoneNumber, Observed, SystemId};

/// `link.version` counts two things: saves in steps of this, and marks since the last save in steps of one. So a mark
/// that comes while a link is being reconciled neither makes the save stale nor gets lost by it.
const SAVE: i64 = 1 << 20;

table! {
    /// A link.
    LinkRow in "link" key "id" {
        id: String,
        system: String,
        milestone: i64,
        tracker: String,
        phase: String,
        ticket: Option<String>,
        key: Option<String>,
        project: Option<String>,
        url: Option<String>,
        create_sent: Option<DateTime<Utc>>,
        base: Json<Base>,
        observed: Json<Observed>,
        log_read: Option<DateTime<Utc>>,
        dirty: Option<DateTime<Utc>>,
        due_at: Option<DateTime<Utc>>,
        attempts: i64,
        error: Option<String>,
        missing_since: Option<DateTime<Utc>>,
        version: i64,
        written: Option<DateTime<Utc>>,
    }
}

impl LinkRow {
    fn of(link: &Link) -> Self {
        Self {
            id: link.id.clone(),
            system: link.system.to_string(),
            milestone: link.milestone.0.into(),
            tracker: link.tracker.clone(),
            phase: link.phase.name().to_owned(),
            ticket: link.ticket.clone(),
            key: link.key.clone(),
            project: link.project.clone(),
            url: link.url.clone(),
            create_sent: link.create_sent.map(micros),
            base: Json(link.base.clone()),
            observed: Json(link.observed.clone()),
            log_read: link.log_read.map(micros),
            dirty: link.dirty.map(micros),
            due_at: link.due_at.map(micros),
            attempts: link.attempts.into(),
            error: link.error.clone(),
            missing_since: link.missing_since.map(micros),
            version: link.version,
            written: link.written.map(micros),
        }
    }

    fn link(self) -> Result<Link, StoreError> {
        let read = Reading { table: "link", row: &self.id };
        Ok(Link {
            system: read.checked("system", SystemId::new(&self.system))?,
            milestone: MilestoneNumber(read.number("milestone", self.milestone)?),
            phase: read.checked("phase", LinkPhase::parse(&self.phase))?,
            attempts: read.number("attempts", self.attempts)?,
            id: self.id,
            tracker: self.tracker,
            ticket: self.ticket,
            key: self.key,
            project: self.project,
            url: self.url,
            create_sent: self.create_sent,
            base: self.base.0,
            observed: self.observed.0,
            log_read: self.log_read,
            dirty: self.dirty,
            due_at: self.due_at,
            error: self.error,
            missing_since: self.missing_since,
            version: self.version,
            written: self.written,
        })
    }
}

/// Which links are listed; an empty filter lists all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkFilter {
    /// Of this system.
    pub system: Option<SystemId>,
    /// On these trackers; empty is every one.
    pub trackers: Vec<String>,
    /// In these phases; empty is every one.
    pub phases: Vec<LinkPhase>,
    /// Only those whose last attempt failed.
    pub failing: bool,
}

/// How many links a tracker has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkCounts {
    /// Waiting for `link open --yes`.
    pub waiting: u64,
    /// Being created.
    pub creating: u64,
    /// Bound to a ticket.
    pub linked: u64,
    /// Whose ticket is not found.
    pub missing: u64,
    /// Marked for reconciling.
    pub dirty: u64,
    /// Whose last attempt failed.
    pub failing: u64,
}

#[derive(sqlx::FromRow)]
struct CountRow {
    tracker: String,
    phase: String,
    links: i64,
    dirty: i64,
    failing: i64,
}

/// Marks the links that a condition gives, a thousand keys at a time.
macro_rules! mark {
    ($tx:expr, $at:expr, $keys:expr, |$query:ident, $group:ident| $condition:expr) => {{
        let mut marked = 0;
        for $group in $keys.chunks(KEYS) {
            marked += on!($tx, c => {
                let mut query =
                    sqlx::QueryBuilder::new("UPDATE link SET version = version + 1, dirty = COALESCE(dirty, ");
                query.push_bind(micros($at));
                query.push("), due_at = CASE WHEN attempts = 0 THEN NULL ELSE due_at END WHERE ");
                let $query = &mut query;
                $condition;
                let done = query.build().persistent($group.len() == 1).execute(c).await;
                done.map(|done| done.rows_affected())
            })?;
        }
        Ok(marked)
    }};
}

impl Tx {
    /// Adds a link. A milestone has one at most, and a ticket too.
    pub async fn insert_link(&mut self, link: &Link) -> Result<(), StoreError> {
        LinkRow::insert(self, &[LinkRow::of(link)]).await
    }

    /// Adds many links in few statements.
    pub async fn insert_links(&mut self, links: &[Link]) -> Result<(), StoreError> {
        let rows: Vec<_> = links.iter().map(LinkRow::of).collect();
        LinkRow::insert(self, &rows).await
    }

    /// A link by its id.
    pub async fn link(&mut self, id: &str) -> Result<Option<Link>, StoreError> {
        let row = fetch!(self, LinkRow, "SELECT * FROM link WHERE id = $1", id)?.pop();
        row.map(LinkRow::link).transpose()
    }

    /// The link of a milestone.
    pub async fn link_of(
        &mut self,
        system: &SystemId,
        milestone: MilestoneNumber,
    ) -> Result<Option<Link>, StoreError> {
        const SQL: &str = "SELECT * FROM link WHERE system = $1 AND milestone = $2";
        let row = fetch!(self, LinkRow, SQL, system.as_str(), i64::from(milestone.0))?.pop();
        row.map(LinkRow::link).transpose()
    }

    /// The link of a ticket, by its immutable id.
    pub async fn link_of_ticket(&mut self, tracker: &str, ticket: &str) -> Result<Option<Link>, StoreError> {
        const SQL: &str = "SELECT * FROM link WHERE tracker = $1 AND ticket = $2";
        let row = fetch!(self, LinkRow, SQL, tracker, ticket)?.pop();
        row.map(LinkRow::link).transpose()
    }

    /// Links by system and milestone: at most `limit` after this one, or from the start.
    pub async fn links(
        &mut self,
        filter: &LinkFilter,
        after: Option<(&SystemId, MilestoneNumber)>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError> {
        let rows: Vec<LinkRow> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT * FROM link WHERE 1 = 1");
            if let Some(system) = &filter.system {
                query.push(" AND system = ").push_bind(system.as_str());
            }
            if !filter.trackers.is_empty() {
                in_list!(query.push(" AND tracker"), &filter.trackers);
            }
            if !filter.phases.is_empty() {
                in_list!(query.push(" AND phase"), filter.phases.iter().map(|phase| phase.name()));
            }
            if filter.failing {
                query.push(" AND error IS NOT NULL");
            }
            if let Some((system, milestone)) = after {
                query.push(" AND (system, milestone) > (").push_bind(system.as_str());
                query.push(", ").push_bind(i64::from(milestone.0)).push(")");
            }
            query.push(" ORDER BY system, milestone LIMIT ").push_bind(i64::from(limit));
            let rows = query.build().persistent(false).fetch(c);
            collect!(rows, LinkRow)
        })?;
        rows.into_iter().map(LinkRow::link).collect()
    }

    /// Links of these trackers that are to be reconciled: marked and not put off, or whose time has come. Those that have
    /// a ticket come before those that are to get one, and then those that waited longest.
    pub async fn dirty_links(
        &mut self,
        trackers: &[String],
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Link>, StoreError> {
        if trackers.is_empty() {
            return Ok(Vec::new());
        }
        let now = micros(now);
        let rows: Vec<LinkRow> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT * FROM link WHERE ");
            in_list!(query.push("tracker"), trackers);
            query.push(" AND ((dirty IS NOT NULL AND due_at IS NULL) OR due_at <= ").push_bind(now);
            query.push(") ORDER BY CASE WHEN ticket IS NULL THEN 1 ELSE 0 END, COALESCE(due_at, dirty), id LIMIT ").push_bind(i64::from(limit));
            let rows = query.build().fetch(c);
            collect!(rows, LinkRow)
        })?;
        rows.into_iter().map(LinkRow::link).collect()
    }

    /// Immutable ids of the tickets of these trackers that we wrote since a time: at most `limit`, newest first.
    pub async fn written_since(
        &mut self,
        trackers: &[String],
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        if trackers.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT ticket FROM link WHERE ");
            in_list!(query.push("tracker"), trackers);
            query.push(" AND ticket IS NOT NULL AND written >= ").push_bind(micros(since));
            query.push(" ORDER BY written DESC, id LIMIT ").push_bind(i64::from(limit));
            query.build_query_scalar().fetch_all(c).await
        })?;
        Ok(ids)
    }

    /// When the next of these trackers' links that are put off is due.
    pub async fn next_link_due(&mut self, trackers: &[String]) -> Result<Option<DateTime<Utc>>, StoreError> {
        if trackers.is_empty() {
            return Ok(None);
        }
        let due: Option<DateTime<Utc>> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT MIN(due_at) FROM link WHERE ");
            in_list!(query.push("tracker"), trackers);
            query.build_query_scalar().fetch_one(c).await
        })?;
        Ok(due)
    }

    /// Marks links for reconciling. A link that was put off without a failure is due at once; one that failed keeps
    /// its time. Gives how many were marked.
    pub async fn mark_dirty(&mut self, ids: &[String], at: DateTime<Utc>) -> Result<u64, StoreError> {
        mark!(self, at, ids, |query, ids| in_list!(query.push("id"), ids))
    }

    /// Like [`Self::mark_dirty`], by the immutable ids of tickets on any of these trackers.
    pub async fn mark_tickets(
        &mut self,
        trackers: &[String],
        tickets: &[String],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        mark!(self, at, tickets, |query, tickets| {
            in_list!(query.push("tracker"), trackers);
            in_list!(query.push(" AND ticket"), tickets);
        })
    }

    /// Like [`Self::mark_dirty`], by milestones of a system: what a change in the register calls for.
    pub async fn mark_milestones(
        &mut self,
        system: &SystemId,
        milestones: &[MilestoneNumber],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        mark!(self, at, milestones, |query, milestones| {
            query.push("system = ").push_bind(system.as_str());
            in_list!(query.push(" AND milestone"), milestones.iter().map(|number| i64::from(number.0)));
        })
    }

    /// Saves a link as it now is, its mark too: to settle it, save it with `dirty` and `due_at` none. A mark that came
    /// since it was read stays, and the link is then due at once (or, after a failure, at its time); `link` is brought
    /// up to date with that. Who saves it again needs no new read.
    ///
    /// # Errors
    /// [`StoreError::Stale`] where another saved it since it was read.
    pub async fn save_link(&mut self, link: &mut Link) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE link SET tracker = $2, phase = $3, ticket = $4, key = $5, project = $6, url = $7, \
             create_sent = $8, base = $9, observed = $10, log_read = $11, \
             dirty = CASE WHEN version = $17 THEN $12 ELSE COALESCE($12, dirty) END, \
             due_at = CASE WHEN version = $17 OR $14 > 0 THEN $13 ELSE NULL END, \
             attempts = $14, error = $15, missing_since = $16, version = $18, written = $20 \
             WHERE id = $1 AND version >= $19 AND version < $18 RETURNING *";
        let new = LinkRow::of(link);
        let saves = link.version / SAVE;
        let found: Vec<LinkRow> = on!(self, c => {
            let rows = sqlx::query(SQL)
                .bind(&new.id)
                .bind(&new.tracker)
                .bind(&new.phase)
                .bind(&new.ticket)
                .bind(&new.key)
                .bind(&new.project)
                .bind(&new.url)
                .bind(new.create_sent)
                .bind(&new.base)
                .bind(&new.observed)
                .bind(new.log_read)
                .bind(new.dirty)
                .bind(new.due_at)
                .bind(new.attempts)
                .bind(&new.error)
                .bind(new.missing_since)
                .bind(new.version)
                .bind((saves + 1) * SAVE)
                .bind(saves * SAVE)
                .bind(new.written)
                .fetch(c);
            collect!(rows, LinkRow)
        })?;
        match found.into_iter().next() {
            Some(row) => *link = row.link()?,
            None => return Err(StoreError::Stale { what: "link", id: link.id.clone() }),
        }
        Ok(())
    }

    /// Bound links of a tracker that a sweep did not see: `seen` holds immutable ticket ids.
    pub async fn links_of_tracker_not_in(
        &mut self,
        tracker: &str,
        seen: &std::collections::BTreeSet<String>,
    ) -> Result<Vec<Link>, StoreError> {
        const SQL: &str =
            "SELECT * FROM link WHERE tracker = $1 AND ticket IS NOT NULL ORDER BY system, milestone";
        let rows = fetch!(self, LinkRow, SQL, tracker)?;
        let unseen = rows.into_iter().filter(|row| row.ticket.as_ref().is_some_and(|id| !seen.contains(id)));
        unseen.map(LinkRow::link).collect()
    }

    /// How many links each tracker has, by tracker id.
    pub async fn link_counts(
        &mut self,
    ) -> Result<std::collections::BTreeMap<String, LinkCounts>, StoreError> {
        const SQL: &str = "SELECT tracker, phase, COUNT(*) AS links, COUNT(dirty) AS dirty, \
             COUNT(error) AS failing FROM link GROUP BY tracker, phase";
        let rows: Vec<CountRow> = on!(self, c => sqlx::query_as(SQL).fetch_all(c).await)?;
        let mut counts = std::collections::BTreeMap::<String, LinkCounts>::new();
        for row in rows {
            let read = Reading { table: "link", row: &row.tracker };
            let phase = read.checked("phase", LinkPhase::parse(&row.phase))?;
            let of = counts.entry(row.tracker.clone()).or_default();
            let links = row.links.unsigned_abs();
            match phase {
                LinkPhase::Waiting => of.waiting += links,
                LinkPhase::Creating => of.creating += links,
                LinkPhase::Linked => of.linked += links,
                LinkPhase::Missing => of.missing += links,
            }
            of.dirty += row.dirty.unsigned_abs();
            of.failing += row.failing.unsigned_abs();
        }
        Ok(counts)
    }

    /// The links of some milestones.
    pub async fn links_of(
        &mut self,
        system: &SystemId,
        milestones: &std::collections::BTreeSet<MilestoneNumber>,
    ) -> Result<Vec<Link>, StoreError> {
        let keys: Vec<i64> = milestones.iter().map(|number| i64::from(number.0)).collect();
        let rows = fetch_in!(self, LinkRow, system, "milestone" in Some(keys), "")?;
        rows.into_iter().map(LinkRow::link).collect()
    }

    /// The links of some tickets on any of these trackers, by immutable id.
    pub async fn links_of_tickets(
        &mut self,
        trackers: &[String],
        tickets: &[String],
    ) -> Result<Vec<Link>, StoreError> {
        let mut found = Vec::new();
        for tickets in tickets.chunks(KEYS) {
            let rows: Vec<LinkRow> = on!(self, c => {
                let mut query = sqlx::QueryBuilder::new("SELECT * FROM link WHERE ");
                in_list!(query.push("tracker"), trackers);
                in_list!(query.push(" AND ticket"), tickets);
                let rows = query.build().persistent(false).fetch(c);
                collect!(rows, LinkRow)
            })?;
            for row in rows {
                found.push(row.link()?);
            }
        }
        Ok(found)
    }
}
