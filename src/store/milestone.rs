//! Milestones in their table, the items they serve, and the moves of their dates.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::types::Json;

use super::column::{Reading, micros, word};
use super::table::{fetch, fetch_in, in_list, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::{
    ClosedWithoutFix, Correction, Decision, EvidenceKind, ItemNumber, Milestone, MilestoneNumber,
    MilestoneState, Move, Rationale, SystemId, TicketName,
};

table! {
    /// A milestone, but for what it serves, its moves and its evidence.
    MilestoneRow in "milestone" key "system, number" {
        system: String,
        number: i64,
        text: String,
        original_text: String,
        owner: Option<String>,
        expects: Json<BTreeSet<EvidenceKind>>,
        depends_on: Json<BTreeSet<MilestoneNumber>>,
        original_due: Option<NaiveDate>,
        due: Option<NaiveDate>,
        state: String,
        state_since: DateTime<Utc>,
        blocked: Option<String>,
        done: Option<DateTime<Utc>>,
        ticket_tracker: Option<String>,
        ticket_id: Option<String>,
        ticket_key: Option<String>,
        ticket_url: Option<String>,
        ticket_title: Option<String>,
        closed_without_fix: Option<Json<ClosedWithoutFix>>,
        evidence_after: Option<DateTime<Utc>>,
        imported_item: Option<String>,
        imported_number: Option<i64>,
        corrections: Json<Vec<Correction>>,
        changed: DateTime<Utc>,
    }
}

table! {
    /// A milestone and an item that it serves, or once did.
    ServesRow in "serves" key "system, milestone, item" {
        system: String,
        milestone: i64,
        item: String,
        former: bool,
    }
}

table! {
    /// A move.
    MoveRow in "move" key "system, milestone, number" {
        system: String,
        milestone: i64,
        number: i64,
        from_date: Option<NaiveDate>,
        to_date: Option<NaiveDate>,
        moved_by: String,
        at: DateTime<Utc>,
        whence: String,
        state: String,
        rationale: Option<Json<Rationale>>,
        decision: Option<Json<Decision>>,
        asked: Option<i64>,
    }
}

impl MilestoneRow {
    pub(super) fn of(system: &SystemId, milestone: &Milestone) -> Self {
        let ticket = milestone.ticket.as_ref();
        let imported = milestone.imported_as.as_ref();
        Self {
            system: system.to_string(),
            number: milestone.number.0.into(),
            text: milestone.text.clone(),
            original_text: milestone.original_text.clone(),
            owner: milestone.owner.clone(),
            expects: Json(milestone.expects.clone()),
            depends_on: Json(milestone.depends_on.clone()),
            original_due: milestone.original_due,
            due: milestone.due,
            state: word(&milestone.state),
            state_since: micros(milestone.state_since),
            blocked: milestone.blocked.clone(),
            done: milestone.done.map(micros),
            ticket_tracker: ticket.map(|ticket| ticket.tracker.clone()),
            ticket_id: ticket.map(|ticket| ticket.id.clone()),
            ticket_key: ticket.map(|ticket| ticket.key.clone()),
            ticket_url: ticket.map(|ticket| ticket.url.clone()),
            ticket_title: milestone.ticket_title.clone(),
            closed_without_fix: milestone.closed_without_fix.clone().map(Json),
            evidence_after: milestone.evidence_after.map(micros),
            imported_item: imported.map(|(item, _)| item.to_string()),
            imported_number: imported.map(|(_, number)| (*number).into()),
            corrections: Json(milestone.corrections.clone()),
            changed: micros(milestone.changed),
        }
    }

    /// The milestone; what it serves, its moves and its evidence are added by whoever loads them.
    pub(super) fn milestone(self) -> Result<Milestone, StoreError> {
        let key = self.number;
        let read = Reading { table: "milestone", row: &key };
        let ticket = match (self.ticket_tracker, self.ticket_id, self.ticket_key, self.ticket_url) {
            (Some(tracker), Some(id), Some(key), Some(url)) => Some(TicketName { tracker, id, key, url }),
            (None, None, None, None) => None,
            _ => return Err(read.bad("ticket_id", format_args!("the parts of a ticket's name go together"))),
        };
        let imported_as = match (self.imported_item, self.imported_number) {
            (Some(item), Some(number)) => Some((
                read.checked("imported_item", ItemNumber::new(&item))?,
                read.number("imported_number", number)?,
            )),
            (None, None) => None,
            _ => return Err(read.bad("imported_item", format_args!("item and number go together"))),
        };
        Ok(Milestone {
            number: MilestoneNumber(read.number("number", self.number)?),
            text: self.text,
            original_text: self.original_text,
            serves: BTreeSet::new(),
            owner: self.owner,
            expects: self.expects.0,
            depends_on: self.depends_on.0,
            original_due: self.original_due,
            due: self.due,
            moves: Vec::new(),
            state: read.word("state", &self.state)?,
            state_since: self.state_since,
            blocked: self.blocked,
            done: self.done,
            evidence: Vec::new(),
            ticket,
            ticket_title: self.ticket_title,
            closed_without_fix: self.closed_without_fix.map(|Json(closed)| closed),
            evidence_after: self.evidence_after,
            imported_as,
            corrections: self.corrections.0,
            changed: self.changed,
        })
    }
}

impl ServesRow {
    pub(super) fn of(system: &SystemId, milestone: MilestoneNumber, item: &ItemNumber, former: bool) -> Self {
        Self { system: system.to_string(), milestone: milestone.0.into(), item: item.to_string(), former }
    }

    pub(super) fn item(&self) -> Result<ItemNumber, StoreError> {
        Reading { table: "serves", row: &self.milestone }.checked("item", ItemNumber::new(&self.item))
    }

    pub(super) fn milestone(&self) -> Result<MilestoneNumber, StoreError> {
        Reading { table: "serves", row: &self.milestone }
            .number("milestone", self.milestone)
            .map(MilestoneNumber)
    }
}

impl MoveRow {
    pub(super) fn of(system: &SystemId, milestone: MilestoneNumber, moved: &Move) -> Self {
        Self {
            system: system.to_string(),
            milestone: milestone.0.into(),
            number: moved.number.into(),
            from_date: moved.from,
            to_date: moved.to,
            moved_by: moved.by.to_string(),
            at: micros(moved.at),
            whence: moved.whence.clone(),
            state: word(&moved.state),
            rationale: moved.rationale.clone().map(Json),
            decision: moved.decision.clone().map(Json),
            asked: moved.asked.map(Into::into),
        }
    }

    pub(super) fn moved(self) -> Result<(MilestoneNumber, Move), StoreError> {
        let key = format!("M-{} move {}", self.milestone, self.number);
        let read = Reading { table: "move", row: &key };
        let moved = Move {
            number: read.number("number", self.number)?,
            from: self.from_date,
            to: self.to_date,
            by: read.checked("moved_by", self.moved_by.parse())?,
            at: self.at,
            whence: self.whence,
            rationale: self.rationale.map(|Json(rationale)| rationale),
            state: read.word("state", &self.state)?,
            decision: self.decision.map(|Json(decision)| decision),
            asked: self.asked.map(|asked| read.number("asked", asked)).transpose()?,
        };
        Ok((MilestoneNumber(read.number("milestone", self.milestone)?), moved))
    }
}

/// Which milestones are listed; an empty filter lists all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MilestoneFilter {
    /// In these states; empty is every one.
    pub states: Vec<MilestoneState>,
    /// That serve this item.
    pub item: Option<ItemNumber>,
    /// Of this person.
    pub owner: Option<String>,
    /// Due on this day or before.
    pub due_by: Option<NaiveDate>,
}

impl Tx {
    /// Milestones in order of their number, with what they serve, their moves and their evidence: at most `limit`
    /// after this one, or from the start.
    pub async fn milestones(
        &mut self,
        system: &SystemId,
        filter: &MilestoneFilter,
        after: Option<MilestoneNumber>,
        limit: u32,
    ) -> Result<Vec<Milestone>, StoreError> {
        let keys: Vec<i64> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT number FROM milestone WHERE system = ");
            query.push_bind(system.as_str());
            if !filter.states.is_empty() {
                in_list!(query.push(" AND state"), filter.states.iter().map(|state| state.name()));
            }
            if let Some(owner) = &filter.owner {
                query.push(" AND owner = ").push_bind(owner);
            }
            if let Some(day) = filter.due_by {
                query.push(" AND due <= ").push_bind(day);
            }
            if let Some(item) = &filter.item {
                query.push(" AND number IN (SELECT milestone FROM serves WHERE NOT former AND system = ");
                query.push_bind(system.as_str()).push(" AND item = ").push_bind(item.as_str()).push(")");
            }
            if let Some(after) = after {
                query.push(" AND number > ").push_bind(i64::from(after.0));
            }
            query.push(" ORDER BY number LIMIT ").push_bind(i64::from(limit));
            query.build_query_scalar().fetch_all(c).await
        })?;
        let mut found = self.milestones_by(system, Some(keys.clone())).await?;
        self.attach_evidence(system, Some(keys), &mut found).await?;
        Ok(found.into_values().collect())
    }

    /// One milestone, with what it serves, its moves and its evidence.
    pub async fn milestone(
        &mut self,
        system: &SystemId,
        number: MilestoneNumber,
    ) -> Result<Option<Milestone>, StoreError> {
        let keys = vec![i64::from(number.0)];
        let mut found = self.milestones_by(system, Some(keys.clone())).await?;
        self.attach_evidence(system, Some(keys), &mut found).await?;
        Ok(found.remove(&number))
    }

    /// Moves in order of their time, from a time on.
    pub async fn moves(
        &mut self,
        system: &SystemId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<(MilestoneNumber, Move)>, StoreError> {
        const SQL: &str = "SELECT * FROM move WHERE system = $1 AND at >= $2 ORDER BY at, milestone, number";
        const ALL: &str = "SELECT * FROM move WHERE system = $1 ORDER BY at, milestone, number";
        let rows = match since {
            Some(since) => fetch!(self, MoveRow, SQL, system.as_str(), micros(since))?,
            None => fetch!(self, MoveRow, ALL, system.as_str())?,
        };
        rows.into_iter().map(MoveRow::moved).collect()
    }

    /// Milestones by their numbers (all where the keys are none) with what they serve and their moves, yet without
    /// their evidence.
    pub(super) async fn milestones_by(
        &mut self,
        id: &SystemId,
        keys: Option<Vec<i64>>,
    ) -> Result<BTreeMap<MilestoneNumber, Milestone>, StoreError> {
        let mut milestones = BTreeMap::new();
        for row in fetch_in!(self, MilestoneRow, id, "number" in keys.clone(), "")? {
            let milestone = row.milestone()?;
            milestones.insert(milestone.number, milestone);
        }
        for row in fetch_in!(self, ServesRow, id, "milestone" in keys.clone(), " AND NOT former")? {
            if let Some(milestone) = milestones.get_mut(&row.milestone()?) {
                milestone.serves.insert(row.item()?);
            }
        }
        for row in fetch_in!(self, MoveRow, id, "milestone" in keys, " ORDER BY milestone, number")? {
            let (number, moved) = row.moved()?;
            if let Some(milestone) = milestones.get_mut(&number) {
                milestone.moves.push(moved);
            }
        }
        Ok(milestones)
    }
}

impl Tx {
    /// What a full pass of drift detection looks at: milestones that are not over or have a drift open, and items that
    /// are not closed or have one.
    pub async fn open_subjects(
        &mut self,
        system: &SystemId,
    ) -> Result<(Vec<MilestoneNumber>, Vec<ItemNumber>), StoreError> {
        const MILESTONES: &str = "SELECT number FROM milestone WHERE system = $1 AND (state NOT IN ('verified', \
             'dropped') OR EXISTS (SELECT 1 FROM drift WHERE drift.system = milestone.system AND settled IS NULL AND \
             about = 'milestone' AND subject = CAST(milestone.number AS TEXT))) ORDER BY number";
        const ITEMS: &str = "SELECT number FROM item WHERE system = $1 AND (status <> 'closed' OR EXISTS (SELECT 1 \
             FROM drift WHERE drift.system = item.system AND settled IS NULL AND about = 'item' AND subject = \
             item.number)) ORDER BY place";
        let milestones: Vec<i64> =
            on!(self, c => sqlx::query_scalar(MILESTONES).bind(system.as_str()).fetch_all(c).await)?;
        let items: Vec<String> =
            on!(self, c => sqlx::query_scalar(ITEMS).bind(system.as_str()).fetch_all(c).await)?;
        let milestones = milestones
            .into_iter()
            .map(|number| {
                Ok(MilestoneNumber(Reading { table: "milestone", row: &number }.number("number", number)?))
            })
            .collect::<Result<_, StoreError>>()?;
        let items = items
            .into_iter()
            .map(|number| Reading { table: "item", row: &number }.checked("number", ItemNumber::new(&number)))
            .collect::<Result<_, StoreError>>()?;
        Ok((milestones, items))
    }
}
