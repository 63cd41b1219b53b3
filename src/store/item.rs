//! Items in their table.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::column::{Reading, micros, word};
use super::table::{collect, fetch, in_list, table};
use super::tx::on;
use super::{StoreError, Tx};
use crate::register::{
    Correction, Deadline, Digest, Disposition, ImportedRow, Item, ItemFacts, ItemNumber, MilestoneNumber,
    Status, SystemId,
};

table! {
    /// An item.
    ItemRow in "item" key "system, number" {
        system: String,
        number: String,
        place: i64,
        title: String,
        status: String,
        disposition: Option<String>,
        disposition_detail: Option<String>,
        status_since: DateTime<Utc>,
        status_date: Option<NaiveDate>,
        kind: String,
        source: String,
        detector: String,
        source_id: Option<String>,
        kev: bool,
        kev_due: Option<NaiveDate>,
        detected: Option<NaiveDate>,
        rating: Option<String>,
        adjusted: Option<String>,
        risk_adjustment: String,
        false_positive: String,
        operational_requirement: String,
        root_cause: Option<String>,
        owner: Option<String>,
        scheduled: Option<NaiveDate>,
        vendor_dependency: bool,
        vendor_checkin: Option<NaiveDate>,
        deadline: Option<NaiveDate>,
        deadline_rule: Option<String>,
        deadline_derivation: Option<String>,
        reviewed: Option<NaiveDate>,
        changed: DateTime<Utc>,
        texts: Json<Texts>,
        corrections: Json<Vec<Correction>>,
        imported: Option<Json<ImportedRow>>,
    }
}

/// What is only shown, never filtered or sorted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Texts {
    description: String,
    controls: Vec<String>,
    components: Vec<String>,
    cves: Vec<String>,
    deviation_rationale: String,
    risk_statement: String,
    plan: String,
    resources: String,
    contact: String,
    supporting: Vec<String>,
    vendor_product: Option<String>,
    documents: String,
    comments: String,
    /// Of the rule file that gave the deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline_file: Option<Digest>,
}

impl ItemRow {
    pub(super) fn of(system: &SystemId, item: &Item) -> Self {
        let facts = &item.facts;
        let deadline = item.deadline.as_ref();
        Self {
            system: system.to_string(),
            number: item.number.to_string(),
            place: item.place.into(),
            title: facts.title.clone(),
            status: word(&item.status),
            disposition: item.disposition.as_ref().map(|disposition| disposition.name().to_owned()),
            disposition_detail: item.disposition.as_ref().and_then(detail).map(str::to_owned),
            status_since: micros(item.status_since),
            status_date: item.status_date,
            kind: word(&facts.kind),
            source: word(&facts.source),
            detector: facts.detector.clone(),
            source_id: facts.source_id.clone(),
            kev: facts.kev,
            kev_due: facts.kev_due,
            detected: facts.detected,
            rating: facts.rating.as_ref().map(word),
            adjusted: facts.adjusted.as_ref().map(word),
            risk_adjustment: word(&facts.risk_adjustment),
            false_positive: word(&facts.false_positive),
            operational_requirement: word(&facts.operational_requirement),
            root_cause: facts.root_cause.as_ref().map(word),
            owner: facts.owner.clone(),
            scheduled: facts.scheduled,
            vendor_dependency: facts.vendor_dependency,
            vendor_checkin: facts.vendor_checkin,
            deadline: deadline.map(|deadline| deadline.date),
            deadline_rule: deadline.map(|deadline| deadline.rule.clone()),
            deadline_derivation: deadline.map(|deadline| deadline.derivation.clone()),
            reviewed: item.reviewed,
            changed: micros(item.changed),
            texts: Json(Texts {
                description: facts.description.clone(),
                controls: facts.controls.clone(),
                components: facts.components.clone(),
                cves: facts.cves.clone(),
                deviation_rationale: facts.deviation_rationale.clone(),
                risk_statement: facts.risk_statement.clone(),
                plan: facts.plan.clone(),
                resources: facts.resources.clone(),
                contact: facts.contact.clone(),
                supporting: facts.supporting.clone(),
                vendor_product: facts.vendor_product.clone(),
                documents: facts.documents.clone(),
                comments: facts.comments.clone(),
                deadline_file: deadline.and_then(|deadline| deadline.file.clone()),
            }),
            corrections: Json(item.corrections.clone()),
            imported: item.imported.clone().map(Json),
        }
    }

    pub(super) fn item(self) -> Result<Item, StoreError> {
        let key = self.number.clone();
        let read = Reading { table: "item", row: &key };
        let number = read.checked("number", ItemNumber::new(&self.number))?;
        let disposition = match &self.disposition {
            None => None,
            Some(name) => Some(disposition(&read, name, self.disposition_detail.as_deref())?),
        };
        let Json(texts) = self.texts;
        let deadline = match (self.deadline, self.deadline_rule, self.deadline_derivation) {
            (Some(date), Some(rule), Some(derivation)) => {
                Some(Deadline { date, rule, derivation, file: texts.deadline_file })
            }
            (None, None, None) => None,
            _ => return Err(read.bad("deadline", format_args!("date, rule and derivation go together"))),
        };
        let optional = |column, value: &Option<String>| {
            value.as_deref().map(|value| read.word(column, value)).transpose()
        };
        let facts = ItemFacts {
            title: self.title,
            description: texts.description,
            kind: read.word("kind", &self.kind)?,
            source: read.word("source", &self.source)?,
            detector: self.detector,
            source_id: self.source_id,
            controls: texts.controls,
            components: texts.components,
            cves: texts.cves,
            kev: self.kev,
            kev_due: self.kev_due,
            detected: self.detected,
            rating: optional("rating", &self.rating)?,
            adjusted: optional("adjusted", &self.adjusted)?,
            risk_adjustment: read.word("risk_adjustment", &self.risk_adjustment)?,
            false_positive: read.word("false_positive", &self.false_positive)?,
            operational_requirement: read.word("operational_requirement", &self.operational_requirement)?,
            deviation_rationale: texts.deviation_rationale,
            root_cause: self.root_cause.as_deref().map(|cause| read.word("root_cause", cause)).transpose()?,
            risk_statement: texts.risk_statement,
            plan: texts.plan,
            resources: texts.resources,
            owner: self.owner,
            contact: texts.contact,
            supporting: texts.supporting,
            scheduled: self.scheduled,
            vendor_dependency: self.vendor_dependency,
            vendor_checkin: self.vendor_checkin,
            vendor_product: texts.vendor_product,
            documents: texts.documents,
            comments: texts.comments,
        };
        Ok(Item {
            number,
            place: read.number("place", self.place)?,
            facts,
            status: read.word("status", &self.status)?,
            disposition,
            status_since: self.status_since,
            status_date: self.status_date,
            deadline,
            corrections: self.corrections.0,
            imported: self.imported.map(|Json(row)| row),
            reviewed: self.reviewed,
            changed: self.changed,
        })
    }
}

/// What a disposition says beside its name.
fn detail(disposition: &Disposition) -> Option<&str> {
    match disposition {
        Disposition::DuplicateOf(item) => Some(item.as_str()),
        Disposition::NotInBoundary(reason) => Some(reason),
        Disposition::Remediated | Disposition::FalsePositive | Disposition::ImportedClosed => None,
    }
}

fn disposition(read: &Reading<'_>, name: &str, detail: Option<&str>) -> Result<Disposition, StoreError> {
    let detail = || detail.ok_or_else(|| read.bad("disposition_detail", format_args!("{name} needs one")));
    Ok(match name {
        "remediated" => Disposition::Remediated,
        "false-positive" => Disposition::FalsePositive,
        "duplicate-of" => {
            Disposition::DuplicateOf(read.checked("disposition_detail", ItemNumber::new(detail()?))?)
        }
        "not-in-boundary" => Disposition::NotInBoundary(detail()?.to_owned()),
        "imported-closed" => Disposition::ImportedClosed,
        other => return Err(read.bad("disposition", format_args!("{other:?} is no disposition"))),
    })
}

/// Which items are listed; an empty filter lists all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemFilter {
    /// In these statuses; empty is every one.
    pub statuses: Vec<Status>,
    /// Of this person.
    pub owner: Option<String>,
    /// Whose deadline is before this day.
    pub deadline_before: Option<NaiveDate>,
    /// That this milestone serves.
    pub milestone: Option<MilestoneNumber>,
    /// That hold this text in number or title, in whatever case of ASCII letters.
    pub text: Option<String>,
}

impl Tx {
    /// Items in the order in which they came: at most `limit` after this place, or from the start.
    pub async fn items(
        &mut self,
        system: &SystemId,
        filter: &ItemFilter,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Item>, StoreError> {
        let rows: Vec<ItemRow> = on!(self, c => {
            let mut query = sqlx::QueryBuilder::new("SELECT * FROM item WHERE system = ");
            query.push_bind(system.as_str());
            if !filter.statuses.is_empty() {
                in_list!(query.push(" AND status"), filter.statuses.iter().map(|status| status.name()));
            }
            if let Some(owner) = &filter.owner {
                query.push(" AND owner = ").push_bind(owner);
            }
            if let Some(day) = filter.deadline_before {
                query.push(" AND deadline < ").push_bind(day);
            }
            if let Some(milestone) = filter.milestone {
                query.push(" AND number IN (SELECT item FROM serves WHERE NOT former AND system = ");
                query.push_bind(system.as_str()).push(" AND milestone = ");
                query.push_bind(i64::from(milestone.0)).push(")");
            }
            if let Some(text) = &filter.text {
                let text = like(text);
                query.push(" AND (LOWER(number) LIKE ").push_bind(text.clone()).push(" ESCAPE '!'");
                query.push(" OR LOWER(title) LIKE ").push_bind(text).push(" ESCAPE '!')");
            }
            if let Some(place) = after {
                query.push(" AND place > ").push_bind(i64::from(place));
            }
            query.push(" ORDER BY place LIMIT ").push_bind(i64::from(limit));
            let rows = query.build().persistent(false).fetch(c);
            collect!(rows, ItemRow)
        })?;
        rows.into_iter().map(ItemRow::item).collect()
    }

    /// One item.
    pub async fn item(&mut self, system: &SystemId, number: &ItemNumber) -> Result<Option<Item>, StoreError> {
        const SQL: &str = "SELECT * FROM item WHERE system = $1 AND number = $2";
        let row = fetch!(self, ItemRow, SQL, system.as_str(), number.as_str())?.pop();
        row.map(ItemRow::item).transpose()
    }
}

/// A pattern that finds a text anywhere.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}
