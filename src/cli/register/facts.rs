//! Facts of an item as flags.

use chrono::NaiveDate;
use clap::Args;

use super::super::value;
use crate::register::decide::ItemEdit;
use crate::register::{DeviationState, FindingKind, ItemFacts, Rating, RootCause, Source};

/// What may be told when an item is made, and changed later; of some only while it is a draft. A list takes several
/// with commas between, and replaces the one that was there.
#[derive(Debug, Args)]
pub(in crate::cli) struct Facts {
    /// The full text.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// design, implementation, operating, documentation or vulnerability.
    #[arg(long, value_parser = value::word::<FindingKind>)]
    kind: Option<FindingKind>,
    /// assessment, scan, review, self-report or advisory.
    #[arg(long, value_parser = value::word::<Source>)]
    source: Option<Source>,
    /// Who or what detected it: scanner, assessor, person.
    #[arg(long, value_name = "NAME")]
    detector: Option<String>,
    /// Its id there: plugin, rule, finding number.
    #[arg(long, value_name = "ID")]
    source_id: Option<String>,
    /// Controls of SP 800-53 Rev 5, such as AC-2(3).
    #[arg(long, value_delimiter = ',', value_name = "CONTROL", visible_alias = "control")]
    controls: Option<Vec<String>>,
    /// Affected assets, as the inventory names them.
    #[arg(long, value_delimiter = ',', value_name = "ASSET", visible_alias = "component")]
    components: Option<Vec<String>>,
    /// CVE ids.
    #[arg(long, value_delimiter = ',', value_name = "CVE", value_parser = value::cve, visible_alias = "cve")]
    cves: Option<Vec<String>>,
    /// The original detection date.
    #[arg(long, value_name = "DATE", value_parser = value::day)]
    detected: Option<NaiveDate>,
    /// The original risk rating: low, moderate, high or critical.
    #[arg(long, value_parser = value::rating)]
    rating: Option<Rating>,
    /// process, configuration, tooling, training or third-party.
    #[arg(long, value_parser = value::word::<RootCause>)]
    root_cause: Option<RootCause>,
    /// What is at stake.
    #[arg(long, value_name = "TEXT")]
    risk_statement: Option<String>,
    /// How it is to be fixed.
    #[arg(long, value_name = "TEXT")]
    plan: Option<String>,
    /// Resources required.
    #[arg(long, value_name = "TEXT")]
    resources: Option<String>,
    /// The one person who owns it.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Teams that help.
    #[arg(long, value_delimiter = ',', value_name = "TEAM")]
    supporting: Option<Vec<String>>,
    /// The scheduled completion date; what the rule gives if not said.
    #[arg(long, value_name = "DATE", value_parser = value::day)]
    scheduled: Option<NaiveDate>,
    /// Supporting documents.
    #[arg(long, value_name = "TEXT")]
    documents: Option<String>,
    /// Comments.
    #[arg(long, value_name = "TEXT")]
    comments: Option<String>,
}

/// What is told when an item is made.
#[derive(Debug, Args)]
pub(in crate::cli) struct First {
    /// Listed in CISA's Known Exploited Vulnerabilities.
    #[arg(long)]
    kev: bool,
    /// CISA's due date for it.
    #[arg(long, value_name = "DATE", value_parser = value::day, requires = "kev")]
    kev_due: Option<NaiveDate>,
    /// The adjusted risk rating that is asked for.
    #[arg(long, value_parser = value::rating)]
    adjusted: Option<Rating>,
    /// A risk adjustment was submitted.
    #[arg(long)]
    risk_adjustment_pending: bool,
    /// A false positive was submitted.
    #[arg(long)]
    false_positive_pending: bool,
    /// An operational requirement was submitted.
    #[arg(long)]
    operational_requirement_pending: bool,
    /// Why a deviation is asked for.
    #[arg(long, value_name = "TEXT")]
    deviation_rationale: Option<String>,
    /// The point of contact, where it is no person of the register.
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// It depends on a vendor's fix.
    #[arg(long)]
    vendor_dependency: bool,
    /// The last check-in with the vendor.
    #[arg(long, value_name = "DATE", value_parser = value::day, requires = "vendor_dependency")]
    vendor_checkin: Option<NaiveDate>,
    /// The vendor's product.
    #[arg(long, value_name = "NAME", requires = "vendor_dependency")]
    vendor_product: Option<String>,
}

/// A list that was given; an empty word stands for none.
fn words(given: Option<Vec<String>>) -> Option<Vec<String>> {
    let trimmed = |list: Vec<String>| {
        list.iter().map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect()
    };
    given.map(trimmed)
}

impl Facts {
    /// All facts of a new item.
    pub(super) fn of_new(self, title: String, first: First) -> ItemFacts {
        let plain = ItemFacts::titled(title);
        let pending = |submitted| if submitted { DeviationState::Pending } else { DeviationState::No };
        ItemFacts {
            description: self.description.unwrap_or_default(),
            kind: self.kind.unwrap_or(plain.kind),
            source: self.source.unwrap_or(plain.source),
            detector: self.detector.unwrap_or_default(),
            source_id: self.source_id,
            controls: words(self.controls).unwrap_or_default(),
            components: words(self.components).unwrap_or_default(),
            cves: words(self.cves).unwrap_or_default(),
            kev: first.kev,
            kev_due: first.kev_due,
            detected: self.detected,
            rating: self.rating,
            adjusted: first.adjusted,
            risk_adjustment: pending(first.risk_adjustment_pending),
            false_positive: pending(first.false_positive_pending),
            operational_requirement: pending(first.operational_requirement_pending),
            deviation_rationale: first.deviation_rationale.unwrap_or_default(),
            root_cause: self.root_cause,
            risk_statement: self.risk_statement.unwrap_or_default(),
            plan: self.plan.unwrap_or_default(),
            resources: self.resources.unwrap_or_default(),
            owner: self.owner,
            contact: first.contact.unwrap_or_default(),
            supporting: words(self.supporting).unwrap_or_default(),
            scheduled: self.scheduled,
            vendor_dependency: first.vendor_dependency,
            vendor_checkin: first.vendor_checkin,
            vendor_product: first.vendor_product,
            documents: self.documents.unwrap_or_default(),
            comments: self.comments.unwrap_or_default(),
            ..plain
        }
    }

    /// Only what was given.
    pub(super) fn edit(self, title: Option<String>) -> ItemEdit {
        ItemEdit {
            owner: self.owner,
            plan: self.plan,
            risk_statement: self.risk_statement,
            resources: self.resources,
            root_cause: self.root_cause,
            components: words(self.components),
            controls: words(self.controls),
            comments: self.comments,
            kind: self.kind,
            source: self.source,
            detector: self.detector,
            source_id: self.source_id,
            cves: words(self.cves),
            supporting: words(self.supporting),
            documents: self.documents,
            title,
            description: self.description,
            detected: self.detected,
            rating: self.rating,
            scheduled: self.scheduled,
        }
    }
}
