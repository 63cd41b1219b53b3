//! Headers: which text names which column, and which columns each template has, in its order.

use super::row::TemplateVersion;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident: $header:literal $(| $alias:literal)*;)*) => {
        /// A column that a template has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Column { $($(#[$doc])* $name,)* }

        impl Column {
            /// The header, as v2.1 spells it where the templates differ.
            pub(super) const fn header(self) -> &'static str {
                match self { $(Self::$name => $header,)* }
            }

            /// The column that a header names; case, blanks and punctuation do not matter.
            pub(super) fn of_header(header: &str) -> Option<Self> {
                let header = normal(header);
                if header.is_empty() {
                    return None;
                }
                $(if [$header $(, $alias)*].iter().any(|known| normal(known) == header) {
                    return Some(Self::$name);
                })*
                directive(&header)
            }
        }
    };
}

columns! {
    PoamId: "POAM ID" | "POA&M Item ID" | "POAM Number" | "Deficiency ID";
    Controls: "Controls" | "Control" | "Security Controls";
    WeaknessName: "Weakness Name" | "Deficiency Name";
    WeaknessDescription: "Weakness Description" | "Deficiency Description";
    DetectorSource: "Weakness Detector Source";
    SourceIdentifier: "Weakness Source Identifier";
    Assets: "Asset Identifier" | "Asset Identifiers";
    PointOfContact: "Point of Contact" | "POC";
    Resources: "Resources Required";
    RemediationPlan: "Overall Remediation Plan" | "Remediation Plan" | "Remediation Plan/Description";
    OriginalDetection: "Original Detection Date";
    ScheduledCompletion: "Scheduled Completion Date";
    PlannedMilestones: "Planned Milestones";
    MilestoneChanges: "Milestone Changes";
    StatusDate: "Status Date" | "Remediation Date";
    VendorDependency: "Vendor Dependency";
    VendorCheckin: "Last Vendor Check-in Date";
    VendorProduct: "Vendor Dependent Product Name";
    OriginalRating: "Original Risk Rating";
    AdjustedRating: "Adjusted Risk Rating";
    RiskAdjustment: "Risk Adjustment";
    FalsePositive: "False Positive";
    OperationalRequirement: "Operational Requirement";
    DeviationRationale: "Deviation Rationale";
    SupportingDocuments: "Supporting Documents";
    Comments: "Comments" | "Comment";
    AutoApprove: "Auto-Approve";
    Kev: "Binding Operational Directive 22-01 tracking";
    KevDue: "Binding Operational Directive 22-01 Due Date";
    Cve: "CVE" | "CVEs";
    ServiceName: "Service Name";
}

/// Directive 22-01 was revoked by 26-04 in 2026; a workbook may name either, or say BOD.
fn directive(header: &str) -> Option<Column> {
    let rest = header.strip_prefix("bindingoperationaldirective").or_else(|| header.strip_prefix("bod"))?;
    match rest.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "tracking" => Some(Column::Kev),
        "duedate" => Some(Column::KevDue),
        _ => None,
    }
}

/// Letters and digits only, lower case.
pub(super) fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A column's letters: 0 is `A`, 26 is `AA`.
pub(super) fn letters(index: u32) -> String {
    let mut rest = index + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// The columns of the item sheets of v2.1, A to AE.
pub(super) const V2_1: [Column; 31] = [
    Column::PoamId,
    Column::Controls,
    Column::WeaknessName,
    Column::WeaknessDescription,
    Column::DetectorSource,
    Column::SourceIdentifier,
    Column::Assets,
    Column::PointOfContact,
    Column::Resources,
    Column::RemediationPlan,
    Column::OriginalDetection,
    Column::ScheduledCompletion,
    Column::PlannedMilestones,
    Column::MilestoneChanges,
    Column::StatusDate,
    Column::VendorDependency,
    Column::VendorCheckin,
    Column::VendorProduct,
    Column::OriginalRating,
    Column::AdjustedRating,
    Column::RiskAdjustment,
    Column::FalsePositive,
    Column::OperationalRequirement,
    Column::DeviationRationale,
    Column::SupportingDocuments,
    Column::Comments,
    Column::AutoApprove,
    Column::Kev,
    Column::KevDue,
    Column::Cve,
    Column::ServiceName,
];

/// The columns of the PL-2 sheet of v3.0, from B.
pub(super) const PL_2: [Column; 5] = [
    Column::PoamId,
    Column::WeaknessName,
    Column::WeaknessDescription,
    Column::RemediationPlan,
    Column::StatusDate,
];

/// Whether a column exists in a template's item sheets.
pub(super) fn in_template(column: Column, version: TemplateVersion) -> bool {
    match version {
        TemplateVersion::V2_1 => true,
        TemplateVersion::V3_0 => !matches!(
            column,
            Column::PlannedMilestones | Column::MilestoneChanges | Column::AutoApprove | Column::ServiceName
        ),
    }
}

/// Whether v3.0 calls a column mandatory (its row 8); the others are situational.
pub(super) fn mandatory(column: Column) -> bool {
    matches!(
        column,
        Column::PoamId
            | Column::Controls
            | Column::WeaknessName
            | Column::WeaknessDescription
            | Column::DetectorSource
            | Column::Assets
            | Column::PointOfContact
            | Column::RemediationPlan
            | Column::OriginalDetection
            | Column::ScheduledCompletion
            | Column::StatusDate
            | Column::VendorDependency
            | Column::OriginalRating
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_known_whatever_its_case_blanks_and_punctuation() {
        for (text, column) in [
            ("POAM ID", Column::PoamId),
            ("POA&M ID", Column::PoamId),
            (" poa&m\u{a0}id ", Column::PoamId),
            ("Deficiency ID", Column::PoamId),
            ("Remediation Plan", Column::RemediationPlan),
            ("Overall  Remediation\nPlan", Column::RemediationPlan),
            ("Remediation Plan/Description", Column::RemediationPlan),
            ("Last Vendor Check-In Date", Column::VendorCheckin),
            ("AUTO APPROVE", Column::AutoApprove),
            ("Binding Operational Directive 22-01 tracking", Column::Kev),
            ("Binding Operational Directive 26-04 Due Date", Column::KevDue),
            ("BOD 22-01 Tracking", Column::Kev),
        ] {
            assert_eq!(Column::of_header(text), Some(column), "{text:?}");
        }
        for text in ["", "  ", "POAM Date", "Notes", "Plan", "BOD", "CVE Score"] {
            assert_eq!(Column::of_header(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_header_names_its_own_column() {
        for column in V2_1 {
            assert_eq!(Column::of_header(column.header()), Some(column));
        }
        assert_eq!(V2_1.iter().filter(|c| in_template(**c, TemplateVersion::V3_0)).count(), 27);
    }

    #[test]
    fn letters_count_as_a_spreadsheet_does() {
        for (index, text) in
            [(0, "A"), (25, "Z"), (26, "AA"), (30, "AE"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
        {
            assert_eq!(letters(index), text);
        }
    }
}
