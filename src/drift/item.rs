//! What stands for an item.

use chrono::{Datelike, Days, NaiveDate};

use super::detect::{Context, Wanted, deadline_counts, quoted};
use crate::register::completeness::{self, Gap};
use crate::register::{DriftKind, Item, Milestone, MilestoneState, Register, Status, Subject, policy};

/// Adds what stands for `item`, given the milestones that serve it.
pub(super) fn detect(
    register: &Register,
    item: &Item,
    milestones: &[&Milestone],
    ctx: &Context<'_>,
    out: &mut Vec<Wanted>,
) {
    let mut add = |kind, key: String, detail| {
        out.push(Wanted { kind, subject: Subject::Item(item.number.clone()), key, detail });
    };
    if !item.is_open() {
        return;
    }
    // These run from detection on, in triage too.
    for (key, detail) in against_rule(item, ctx) {
        add(DriftKind::DueDiffersFromRule, key.to_owned(), detail);
    }
    if let Some((kind, deadline, detail)) = against_deadline(item, milestones, ctx) {
        add(kind, deadline.to_string(), detail);
    }
    if let Some(detail) = vendor_checkin(register, item, ctx) {
        add(DriftKind::VendorCheckinLate, String::new(), detail);
    }

    // What follows is asked of a plan that is in force.
    if item.status == Status::Draft {
        return;
    }
    if let Some(detail) = unowned(item, ctx) {
        add(DriftKind::Unowned, String::new(), detail);
    }
    let gaps: Vec<String> = completeness::gaps(item, milestones.iter().copied())
        .into_iter()
        .filter(|gap: &Gap| !gap.is_of_owner())
        .map(|gap| gap.to_string())
        .collect();
    if !gaps.is_empty() {
        add(DriftKind::Incomplete, String::new(), format!("missing: {}", gaps.join(", ")));
    }
    if let Some(detail) = unreviewed(item, ctx) {
        add(DriftKind::Unreviewed, String::new(), detail);
    }
    if item.status == Status::PendingValidation {
        let since = ctx.calendar.day(item.status_since);
        if (ctx.today() - since).num_days() >= i64::from(ctx.policy.drift.validation_days) {
            add(DriftKind::ValidationWaiting, String::new(), format!("waits for validation since {since}"));
        }
    }
}

/// Recorded dates that are not what the rule in force gives, each under the name of its field.
///
/// An imported scheduled completion is compared exactly, since the template computes it (templates v2.1 column L, v3.0
/// column M); one that was planned here may also be earlier, a promise within the rule.
fn against_rule(item: &Item, ctx: &Context<'_>) -> Vec<(&'static str, String)> {
    let Some(rule) = ctx.rules.and_then(|rules| policy::deadline(rules, &item.facts)) else {
        return Vec::new();
    };
    let gives = |what: &str, recorded: NaiveDate| {
        format!(
            "{what} is recorded as {recorded}, rule {} gives {} ({})",
            rule.rule, rule.date, rule.derivation
        )
    };
    let mut found = Vec::new();
    if let Some(recorded) = item.deadline.as_ref().map(|deadline| deadline.date)
        && recorded != rule.date
    {
        found.push(("deadline", gives("deadline", recorded)));
    }
    if let Some(recorded) = item.facts.scheduled
        && (recorded > rule.date || (item.imported.is_some() && recorded != rule.date))
    {
        found.push(("scheduled", gives("scheduled completion", recorded)));
    }
    found
}

/// The deadline has passed; or it is near and there is no milestone to carry the warning.
fn against_deadline(
    item: &Item,
    milestones: &[&Milestone],
    ctx: &Context<'_>,
) -> Option<(DriftKind, NaiveDate, String)> {
    let deadline = item.deadline.as_ref().filter(|_| deadline_counts(item))?;
    let left = (deadline.date - ctx.today()).num_days();
    if left < 0 {
        let vendor = if item.facts.vendor_dependency { "; depends on a vendor's fix" } else { "" };
        let detail = format!("the deadline was {} ({}){vendor}", deadline.date, deadline.derivation);
        return Some((DriftKind::PastDeadline, deadline.date, detail));
    }
    let unplanned = milestones.iter().all(|milestone| milestone.state == MilestoneState::Dropped);
    if unplanned && left <= i64::from(ctx.policy.drift.at_risk_days) {
        let detail = format!("no milestone, and the deadline is {} ({})", deadline.date, deadline.derivation);
        return Some((DriftKind::DeadlineAtRisk, deadline.date, detail));
    }
    None
}

/// The last check-in will be too old on the next submission day; without a submission day: is too old today
/// (Completion Guide, column P: measured against the POA&M's submission).
fn vendor_checkin(register: &Register, item: &Item, ctx: &Context<'_>) -> Option<String> {
    if !item.facts.vendor_dependency {
        return None;
    }
    let product = item.facts.vendor_product.as_deref().filter(|product| !product.trim().is_empty());
    let product = product.map_or_else(|| "the vendor".to_owned(), quoted);
    let Some(last) = item.facts.vendor_checkin else {
        return Some(format!("no check-in with {product} is recorded"));
    };
    let most = ctx.policy.drift.vendor_checkin_days;
    let submission = register
        .system
        .profile
        .as_ref()
        .and_then(|profile| profile.submission_day)
        .and_then(|day| next_day_of_month(ctx.today(), day));
    let measured = submission.unwrap_or_else(|| ctx.today());
    if (measured - last).num_days() <= i64::from(most) {
        return None;
    }
    Some(match submission {
        Some(day) => format!(
            "the last check-in with {product} was on {last}, over {most} days before the submission on {day}"
        ),
        None => format!("the last check-in with {product} was on {last}, over {most} days ago"),
    })
}

/// The first day from `today` on that is the `day`-th of its month, or its month's last where that is shorter.
pub(super) fn next_day_of_month(today: NaiveDate, day: u32) -> Option<NaiveDate> {
    let within = |first: NaiveDate| {
        let end = first.checked_add_months(chrono::Months::new(1))?.pred_opt()?;
        first.with_day(day.clamp(1, end.day()))
    };
    let first = today.with_day(1)?;
    within(first)
        .filter(|day| *day >= today)
        .or_else(|| within(first.checked_add_months(chrono::Months::new(1))?))
}

fn unowned(item: &Item, ctx: &Context<'_>) -> Option<String> {
    match item.facts.owner.as_deref().filter(|owner| !owner.trim().is_empty()) {
        Some(owner) if ctx.people.contains_key(owner) => None,
        Some(owner) => Some(format!("its owner {} is no person of the register", quoted(owner))),
        None if item.facts.contact.trim().is_empty() => Some("no person owns it".to_owned()),
        None => {
            Some(format!("no person owns it; its point of contact reads {}", quoted(&item.facts.contact)))
        }
    }
}

/// Not confirmed for longer than the review interval; one that was never reviewed has that long from its last change
/// of status.
fn unreviewed(item: &Item, ctx: &Context<'_>) -> Option<String> {
    let since = item.reviewed.unwrap_or_else(|| ctx.calendar.day(item.status_since));
    let until = since.checked_add_days(Days::new(ctx.policy.drift.review_days.into()))?;
    (ctx.today() > until).then(|| match item.reviewed {
        Some(day) => format!("last confirmed in the review of {day}"),
        None => format!("never confirmed in a review, {} since {since}", item.status.name()),
    })
}
