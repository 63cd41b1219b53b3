//! An item, and what belongs to it.

use chrono::NaiveDate;
use serde::Serialize;

use super::{ConflictView, DriftView, EvidenceView, MilestoneView, Time, open_conflicts, open_drifts};
use crate::register::{
    Actor, Correction, Deadline, DeviationState, Digest, Disposition, EvidenceOf, FindingKind, Item,
    ItemNumber, Milestone, Rating, Register, RootCause, Source, Status, Subject,
};

/// An item.
#[derive(Debug, Serialize)]
pub struct ItemView<'a> {
    /// `V-12`, or the POAM ID it was imported with.
    pub number: &'a ItemNumber,
    /// One line.
    pub title: &'a str,
    /// Full text.
    pub description: &'a str,
    /// Where it stands.
    pub status: Status,
    /// Since when.
    pub status_since: Time,
    /// The day the workbook or the closure gives.
    pub status_date: Option<NaiveDate>,
    /// How it was closed.
    pub disposition: Option<&'static str>,
    /// The item it duplicates, or why it is not in the boundary.
    pub disposition_detail: Option<&'a str>,
    /// Kind of weakness.
    pub kind: FindingKind,
    /// Where it came from.
    pub source: Source,
    /// Who or what detected it.
    pub detector: &'a str,
    /// Its id there.
    pub source_id: Option<&'a str>,
    /// Controls of SP 800-53 Rev 5.
    pub controls: &'a [String],
    /// Affected assets.
    pub components: &'a [String],
    /// CVE ids.
    pub cves: &'a [String],
    /// A known exploited vulnerability.
    pub kev: bool,
    /// CISA's due date for it.
    pub kev_due: Option<NaiveDate>,
    /// Original detection date.
    pub detected: Option<NaiveDate>,
    /// Original risk rating.
    pub rating: Option<Rating>,
    /// Adjusted risk rating.
    pub adjusted: Option<Rating>,
    /// The rating that counts.
    pub effective_rating: Option<Rating>,
    /// Risk adjustment.
    pub risk_adjustment: DeviationState,
    /// False positive.
    pub false_positive: DeviationState,
    /// Operational requirement.
    pub operational_requirement: DeviationState,
    /// Deviation rationale.
    pub deviation_rationale: &'a str,
    /// Root cause.
    pub root_cause: Option<RootCause>,
    /// What is at stake.
    pub risk_statement: &'a str,
    /// How it is to be fixed.
    pub plan: &'a str,
    /// Resources required.
    pub resources: &'a str,
    /// The person who owns it.
    pub owner: Option<&'a str>,
    /// Point of contact as text.
    pub contact: &'a str,
    /// Teams that help.
    pub supporting: &'a [String],
    /// Scheduled completion date.
    pub scheduled: Option<NaiveDate>,
    /// By when it must be fixed.
    pub deadline: Option<&'a Deadline>,
    /// Depends on a vendor's fix.
    pub vendor_dependency: bool,
    /// Last check-in with the vendor.
    pub vendor_checkin: Option<NaiveDate>,
    /// The vendor's product.
    pub vendor_product: Option<&'a str>,
    /// Supporting documents.
    pub documents: &'a str,
    /// Comments.
    pub comments: &'a str,
    /// Corrections made to it.
    pub corrections: Vec<CorrectionView<'a>>,
    /// Where it was imported from, last.
    pub imported: Option<ImportedView<'a>>,
    /// The last review that confirmed it.
    pub reviewed: Option<NaiveDate>,
    /// The last change to it.
    pub changed: Time,
}

/// A typing error put right.
#[derive(Debug, Serialize)]
pub struct CorrectionView<'a> {
    /// Which field.
    pub field: &'a str,
    /// What stood there.
    pub from: &'a str,
    /// What stands there now.
    pub to: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Who corrected.
    pub by: &'a Actor,
    /// Who approved.
    pub approved_by: &'a Actor,
    /// When.
    pub at: Time,
}

impl<'a> CorrectionView<'a> {
    /// Of a correction.
    pub fn of(correction: &'a Correction) -> Self {
        Self {
            field: &correction.field,
            from: &correction.from,
            to: &correction.to,
            reason: &correction.reason,
            by: &correction.by,
            approved_by: &correction.approved_by,
            at: Time(correction.at),
        }
    }
}

/// A row of an imported file.
#[derive(Debug, Serialize)]
pub struct ImportedView<'a> {
    /// Digest of the file.
    pub file: &'a Digest,
    /// Sheet.
    pub sheet: &'a str,
    /// Row, from 1.
    pub row: u32,
}

impl<'a> ItemView<'a> {
    /// Of an item.
    pub fn of(item: &'a Item) -> Self {
        let facts = &item.facts;
        Self {
            number: &item.number,
            title: &facts.title,
            description: &facts.description,
            status: item.status,
            status_since: Time(item.status_since),
            status_date: item.status_date,
            disposition: item.disposition.as_ref().map(Disposition::name),
            disposition_detail: item.disposition.as_ref().and_then(disposition_detail),
            kind: facts.kind,
            source: facts.source,
            detector: &facts.detector,
            source_id: facts.source_id.as_deref(),
            controls: &facts.controls,
            components: &facts.components,
            cves: &facts.cves,
            kev: facts.kev,
            kev_due: facts.kev_due,
            detected: facts.detected,
            rating: facts.rating,
            adjusted: facts.adjusted,
            effective_rating: facts.effective_rating(),
            risk_adjustment: facts.risk_adjustment,
            false_positive: facts.false_positive,
            operational_requirement: facts.operational_requirement,
            deviation_rationale: &facts.deviation_rationale,
            root_cause: facts.root_cause,
            risk_statement: &facts.risk_statement,
            plan: &facts.plan,
            resources: &facts.resources,
            owner: facts.owner.as_deref(),
            contact: &facts.contact,
            supporting: &facts.supporting,
            scheduled: facts.scheduled,
            deadline: item.deadline.as_ref(),
            vendor_dependency: facts.vendor_dependency,
            vendor_checkin: facts.vendor_checkin,
            vendor_product: facts.vendor_product.as_deref(),
            documents: &facts.documents,
            comments: &facts.comments,
            corrections: item.corrections.iter().map(CorrectionView::of).collect(),
            imported: item.imported.as_ref().map(|row| ImportedView {
                file: &row.file,
                sheet: &row.sheet,
                row: row.row,
            }),
            reviewed: item.reviewed,
            changed: Time(item.changed),
        }
    }
}

fn disposition_detail(disposition: &Disposition) -> Option<&str> {
    match disposition {
        Disposition::DuplicateOf(item) => Some(item.as_str()),
        Disposition::NotInBoundary(reason) => Some(reason),
        Disposition::Remediated | Disposition::FalsePositive | Disposition::ImportedClosed => None,
    }
}

/// An item with what belongs to it: `item show`.
#[derive(Debug, Serialize)]
pub struct ItemDetail<'a> {
    /// The item's own members.
    #[serde(flatten)]
    pub item: ItemView<'a>,
    /// The milestones that serve it.
    pub milestones: Vec<MilestoneView<'a>>,
    /// Proofs of it and of its milestones.
    pub evidence: Vec<EvidenceView<'a>>,
    /// Open drifts of it and of its milestones.
    pub drifts: Vec<DriftView<'a>>,
    /// Open conflicts of it and of its milestones.
    pub conflicts: Vec<ConflictView<'a>>,
}

impl<'a> ItemDetail<'a> {
    /// Of an item, from the part of the register around it.
    pub fn of(register: &'a Register, item: &'a Item) -> Self {
        let milestones: Vec<&Milestone> = register.milestones_of(&item.number).collect();
        let about = |subject: &Subject| match subject {
            Subject::Item(number) => *number == item.number,
            Subject::Milestone(number) => milestones.iter().any(|m| m.number == *number),
            Subject::Tracker(_) | Subject::Connection(_) | Subject::System => false,
        };
        let proves = |of: &EvidenceOf| match of {
            EvidenceOf::Item(number) => *number == item.number,
            EvidenceOf::Milestone(number) => milestones.iter().any(|m| m.number == *number),
            EvidenceOf::Source(_) => false,
        };
        Self {
            item: ItemView::of(item),
            evidence: register.evidence.values().filter(|e| proves(&e.of)).map(EvidenceView::of).collect(),
            drifts: open_drifts(register, about),
            conflicts: open_conflicts(register, about),
            milestones: milestones.iter().copied().map(MilestoneView::of).collect(),
        }
    }
}
