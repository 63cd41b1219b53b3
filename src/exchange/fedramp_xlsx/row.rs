//! What a POA&M workbook says, as plain data.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::grammar::{MilestoneChange, PlannedMilestone};

/// The layout of a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TemplateVersion {
    /// FedRAMP POA&M template 2.1 (2024-03-29): 31 columns, milestones in columns of their own.
    #[serde(rename = "v2.1")]
    V2_1,
    /// FedRAMP POA&M template 3.0 (2025-11-17): 27 columns, milestones inside the remediation plan.
    #[serde(rename = "v3.0")]
    V3_0,
}

impl fmt::Display for TemplateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2_1 => "v2.1",
            Self::V3_0 => "v3.0",
        })
    }
}

/// Which of the template's sheets a row stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetKind {
    /// Open POA&M Items.
    Open,
    /// Closed POA&M Items.
    Closed,
    /// Configuration Findings: single findings behind one CM-6 item on the open sheet.
    Configuration,
    /// PL-2 Findings (v3.0 only): shortcomings of the security plan's documents.
    DocumentationPl2,
}

/// The system that a workbook names above its open items. Blank where the workbook is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemHeader {
    /// Cloud service provider.
    pub csp: String,
    /// Cloud service offering; v2.1 says "System Name".
    pub system_name: String,
    /// Impact level as written (`LI-SaaS`, `Low`, `Moderate`, `High`).
    pub impact: String,
    /// The day of the submission.
    pub date: Option<NaiveDate>,
}

/// A risk rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    /// 180 days.
    Low,
    /// 90 days.
    Moderate,
    /// 30 days.
    High,
    /// Not in the template's drop-down list but in its v3.0 example; due as High.
    Critical,
}

impl Rating {
    /// The template's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Moderate => "Moderate",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }

    /// Days from detection to completion (FedRAMP `ConMon`: 30, 90, 180; the template's own formula knows no Critical).
    pub const fn days(self) -> u64 {
        match self {
            Self::Low => 180,
            Self::Moderate => 90,
            Self::High | Self::Critical => 30,
        }
    }
}

/// How a deviation request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Approved by the authorizing official.
    Yes,
    /// None, or denied.
    No,
    /// Submitted.
    Pending,
}

impl Decision {
    /// The template's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::No => "No",
            Self::Pending => "Pending",
        }
    }
}

/// One POA&M item as a workbook states it. Texts are as written, without surrounding blanks and with `\n` line ends; blank is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The sheet that it stands on.
    pub sheet: SheetKind,
    /// Its row there, counted from 1 as in a spreadsheet program.
    pub row: u32,
    /// POAM ID; on the PL-2 sheet, Deficiency ID.
    pub poam_id: String,
    /// 800-53 controls as written, split at commas and lines.
    pub controls: Vec<String>,
    /// Weakness Name.
    pub weakness_name: String,
    /// Weakness Description.
    pub description: String,
    /// Weakness Detector Source; several stand on lines of their own.
    pub detector_source: String,
    /// Weakness Source Identifier. `N/A` and `None` stay as written.
    pub source_identifier: String,
    /// Asset Identifier, one per line of the cell.
    pub assets: Vec<String>,
    /// Point of Contact.
    pub point_of_contact: String,
    /// Resources Required.
    pub resources: String,
    /// The remediation plan, without the milestones and changes that v3.0 keeps in it.
    pub remediation_plan: String,
    /// Original Detection Date.
    pub original_detection: Option<NaiveDate>,
    /// Scheduled Completion Date.
    pub scheduled_completion: Option<NaiveDate>,
    /// Planned milestones.
    pub milestones: Vec<PlannedMilestone>,
    /// Changes to them.
    pub milestone_changes: Vec<MilestoneChange>,
    /// Text that stands with the milestones and is not of their form.
    pub unparsed_milestones: String,
    /// Text that stands with the milestone changes and is not of their form.
    pub unparsed_changes: String,
    /// Status Date; the day of completion on the closed sheet; Remediation Date on the PL-2 sheet.
    pub status_date: Option<NaiveDate>,
    /// Vendor Dependency.
    pub vendor_dependency: Option<bool>,
    /// Last Vendor Check-in Date.
    pub vendor_checkin: Option<NaiveDate>,
    /// Vendor Dependent Product Name.
    pub vendor_product: String,
    /// Original Risk Rating.
    pub original_rating: Option<Rating>,
    /// Adjusted Risk Rating; counts only if `risk_adjustment` is yes.
    pub adjusted_rating: Option<Rating>,
    /// Risk Adjustment.
    pub risk_adjustment: Option<Decision>,
    /// False Positive.
    pub false_positive: Option<Decision>,
    /// Operational Requirement.
    pub operational_requirement: Option<Decision>,
    /// Deviation Rationale.
    pub deviation_rationale: String,
    /// Supporting Documents.
    pub supporting_documents: String,
    /// Comments.
    pub comments: String,
    /// Auto-Approve (v2.1 only).
    pub auto_approve: Option<bool>,
    /// Whether CISA lists it as known to be exploited ("Binding Operational Directive 22-01 tracking").
    pub kev: Option<bool>,
    /// CISA's due date ("Binding Operational Directive 22-01 Due Date").
    pub kev_due: Option<NaiveDate>,
    /// CVE numbers, upper case.
    pub cves: Vec<String>,
    /// Service Name (v2.1 only); several stand on lines of their own.
    pub service_name: String,
    /// By header text: the cells of columns that the template does not have, and the text of each cell that could not be taken as what
    /// its column asks for (a date, a rating, yes or no), so that nothing is lost.
    pub raw: BTreeMap<String, String>,
}

impl Row {
    /// A row with an id and nothing else.
    pub fn blank(sheet: SheetKind, row: u32, poam_id: impl Into<String>) -> Self {
        Self {
            sheet,
            row,
            poam_id: poam_id.into(),
            controls: Vec::new(),
            weakness_name: String::new(),
            description: String::new(),
            detector_source: String::new(),
            source_identifier: String::new(),
            assets: Vec::new(),
            point_of_contact: String::new(),
            resources: String::new(),
            remediation_plan: String::new(),
            original_detection: None,
            scheduled_completion: None,
            milestones: Vec::new(),
            milestone_changes: Vec::new(),
            unparsed_milestones: String::new(),
            unparsed_changes: String::new(),
            status_date: None,
            vendor_dependency: None,
            vendor_checkin: None,
            vendor_product: String::new(),
            original_rating: None,
            adjusted_rating: None,
            risk_adjustment: None,
            false_positive: None,
            operational_requirement: None,
            deviation_rationale: String::new(),
            supporting_documents: String::new(),
            comments: String::new(),
            auto_approve: None,
            kev: None,
            kev_due: None,
            cves: Vec::new(),
            service_name: String::new(),
            raw: BTreeMap::new(),
        }
    }
}

/// Something a person should look at; the row was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The sheet's name as written.
    pub sheet: String,
    /// The row, counted from 1; 0 if it concerns the sheet as a whole.
    pub row: u32,
    /// The column's header as written, or its letter if it has none; empty if it concerns the row as a whole.
    pub column: String,
    /// What is odd, and what was done about it.
    pub text: String,
}

/// Something that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The sheet's name as written.
    pub sheet: String,
    /// The row, counted from 1; 0 if it is the sheet as a whole.
    pub row: u32,
    /// The column's header as written; empty if it concerns the row as a whole.
    pub column: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.sheet, self.row, &self.column)?;
        f.write_str(&self.text)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.sheet, self.row, &self.column)?;
        f.write_str(&self.reason)
    }
}

fn place(f: &mut fmt::Formatter<'_>, sheet: &str, row: u32, column: &str) -> fmt::Result {
    write!(f, "{sheet}")?;
    if row > 0 {
        write!(f, ", row {row}")?;
    }
    if !column.is_empty() {
        write!(f, ", {column}")?;
    }
    f.write_str(": ")
}

/// A workbook that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workbook {
    /// Its layout.
    pub version: TemplateVersion,
    /// The system it is about.
    pub header: SystemHeader,
    /// Its items: sheets in the workbook's order, rows from top to bottom. No two have the same id.
    pub rows: Vec<Row>,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// What was not taken.
    pub refused: Vec<Refused>,
    /// Mandatory columns that sheets do not have: the sheet's name and the column's header.
    pub lacks: Vec<(String, String)>,
    /// The rows that hold something other than the template's own text: those taken and those refused.
    pub read: usize,
}
