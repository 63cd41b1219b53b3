//! An item and a milestone for a person to read, with everything that belongs to them.

use super::super::output;
use super::super::value::name_of;
use super::moves::next;
use crate::register::decide::{self, Deciding, decide};
use crate::register::{
    Change, Conflict, Correction, DeviationState, Disposition, Drift, Evidence, EvidenceOf, Item, Link,
    LinkPhase, Milestone, MilestoneState, Register, Status, Subject, SystemId, completeness,
};

/// Says which items opened by what was done.
pub(super) fn opened(system: &SystemId, changes: &[Change]) {
    for change in changes {
        if let Change::ItemStatus { item, to } = change {
            output::line(format!("{system}/{item} is {}.", to.name()));
        }
    }
}

/// The whole chain of an item: facts, deadline, milestones with their moves and tickets, evidence, drifts, and what
/// is missing.
pub(super) fn item(register: &Register, item: &Item, links: &[Link], by: &Deciding<'_>) {
    let facts = &item.facts;
    output::heading(format!("{}/{}: {}", register.system.id, item.number, facts.title));
    let lacks = lacking(register, item, by);
    output::facts(vec![
        ("Status", standing(item)),
        ("Next", lacks.join("\n")),
        ("Deadline", deadline(item)),
        ("Scheduled", output::day(facts.scheduled)),
        ("Detected", detected(item)),
        ("Rating", rating(item)),
        ("Deviations", deviations(item)),
        ("Owner", owner(item)),
        ("Supporting", facts.supporting.join(", ")),
        ("Kind", name_of(&facts.kind)),
        ("Controls", facts.controls.join(", ")),
        ("Components", facts.components.join(", ")),
        ("CVEs", facts.cves.join(", ")),
        (
            "Known exploited",
            if facts.kev { format!("yes, due {}", output::day(facts.kev_due)) } else { String::new() },
        ),
        ("Root cause", facts.root_cause.as_ref().map(name_of).unwrap_or_default()),
        ("Vendor", vendor(item)),
        ("Description", facts.description.clone()),
        ("Risk", facts.risk_statement.clone()),
        ("Plan", facts.plan.clone()),
        ("Resources", facts.resources.clone()),
        ("Documents", facts.documents.clone()),
        ("Comments", facts.comments.clone()),
        ("Reviewed", item.reviewed.map(|day| day.to_string()).unwrap_or_default()),
        ("Imported", imported(item)),
        ("Corrected", corrections(&item.corrections)),
        ("Changed", output::time(item.changed)),
    ]);
    for held in register.milestones_of(&item.number) {
        let link = links.iter().find(|link| link.milestone == held.number);
        output::line("");
        output::heading(format!("{}: {}", held.number, held.text));
        of_milestone(register, held, link);
    }
    let own = |of: &EvidenceOf| matches!(of, EvidenceOf::Item(number) if *number == item.number);
    let about = |subject: &Subject| matches!(subject, Subject::Item(number) if *number == item.number);
    let evidence = evidence_lines(register.evidence.values().filter(|held| own(&held.of)));
    let drifts = drift_lines(register.drifts.values().filter(|drift| about(&drift.subject)));
    let conflicts = conflict_lines(register.conflicts.values().filter(|found| about(&found.subject)));
    if !(evidence.is_empty() && drifts.is_empty() && conflicts.is_empty()) {
        output::line("");
        output::line(format!("Of {} itself", item.number));
        output::facts(vec![("Evidence", evidence), ("Drift", drifts), ("Conflicts", conflicts)]);
    }
}

/// A milestone with all that belongs to it.
pub(super) fn milestone(register: &Register, milestone: &Milestone, link: Option<&Link>) {
    output::heading(format!("{}/{}: {}", register.system.id, milestone.number, milestone.text));
    of_milestone(register, milestone, link);
    for item in register.items_of(milestone) {
        output::line("");
        output::heading(format!("{}: {}", item.number, item.facts.title));
        output::facts(vec![("Status", standing(item)), ("Deadline", deadline(item)), ("Owner", owner(item))]);
    }
}

fn of_milestone(register: &Register, held: &Milestone, link: Option<&Link>) {
    let about = |subject: &Subject| *subject == Subject::Milestone(held.number);
    let of = EvidenceOf::Milestone(held.number);
    let missing = completeness::missing_evidence(register, held);
    let kinds = |kinds: &mut dyn Iterator<Item = &'static str>| kinds.collect::<Vec<_>>().join(", ");
    let joined = |all: Vec<String>| all.join(", ");
    output::facts(vec![
        ("State", state(held)),
        ("Due", due(register, held)),
        (
            "Originally",
            if held.original_text == held.text { String::new() } else { held.original_text.clone() },
        ),
        ("Owner", held.owner.clone().unwrap_or_else(|| "nobody".to_owned())),
        ("Serves", joined(held.serves.iter().map(ToString::to_string).collect())),
        ("After", joined(held.depends_on.iter().map(ToString::to_string).collect())),
        ("Proof expected", kinds(&mut held.expects.iter().map(|kind| kind.name()))),
        ("Proof missing", kinds(&mut missing.iter().map(|kind| kind.name()))),
        ("Ticket", ticket(held, link)),
        ("Moves", move_lines(held)),
        ("Evidence", evidence_lines(register.evidence.values().filter(|evidence| evidence.of == of))),
        ("Drift", drift_lines(register.drifts.values().filter(|drift| about(&drift.subject)))),
        ("Conflicts", conflict_lines(register.conflicts.values().filter(|found| about(&found.subject)))),
        ("Corrected", corrections(&held.corrections)),
    ]);
}

/// What stands between an item and its next status.
fn lacking(register: &Register, item: &Item, by: &Deciding<'_>) -> Vec<String> {
    match item.status {
        Status::Draft => {
            vec![format!("to open it needs: {}", completeness::missing(register, item).join(", "))]
        }
        Status::Open => vec!["in progress once a milestone has begun".to_owned()],
        Status::InProgress => {
            let waits = register.milestones_of(&item.number).filter(|held| match held.state {
                MilestoneState::Planned | MilestoneState::InProgress | MilestoneState::Blocked => true,
                MilestoneState::Done | MilestoneState::Verified | MilestoneState::Dropped => false,
            });
            let mut lacks: Vec<String> = waits.map(|held| format!("{} is to be done", held.number)).collect();
            if lacks.is_empty() {
                lacks.push("evidence of the remediation is missing".to_owned());
            }
            lacks
        }
        Status::PendingValidation => {
            let disposition = Disposition::Remediated;
            let command = decide::Command::CloseItem { item: item.number.clone(), disposition, reason: None };
            match decide(register, by, &command) {
                Ok(_) => vec!["nothing is missing: it can be closed as remediated".to_owned()],
                Err(refusal) => refusal.because.iter().map(|why| format!("to close it: {why}")).collect(),
            }
        }
        Status::Closed => Vec::new(),
    }
}

fn standing(item: &Item) -> String {
    let how = match &item.disposition {
        None => String::new(),
        Some(Disposition::DuplicateOf(other)) => format!(" as duplicate of {other}"),
        Some(Disposition::NotInBoundary(why)) => format!(" as not-in-boundary: {why}"),
        Some(other) => format!(" as {}", other.name()),
    };
    format!("{}{how}, since {}", item.status.name(), output::time(item.status_since))
}

fn deadline(item: &Item) -> String {
    item.deadline.as_ref().map_or_else(
        || "none: no rule gives one yet".to_owned(),
        |deadline| format!("{}: {} [{}]", deadline.date, deadline.derivation, deadline.rule),
    )
}

fn detected(item: &Item) -> String {
    let facts = &item.facts;
    let by = if facts.detector.is_empty() { String::new() } else { format!(" by {}", facts.detector) };
    let id = facts.source_id.as_ref().map(|id| format!(" as {id}")).unwrap_or_default();
    format!("{}{by}{id} ({})", output::day(facts.detected), name_of(&facts.source))
}

fn rating(item: &Item) -> String {
    let facts = &item.facts;
    let original = facts.rating.map_or("-", |rating| rating.name());
    match facts.adjusted {
        Some(adjusted) => format!(
            "{original}; adjusted {} (risk adjustment: {})",
            adjusted.name(),
            name_of(&facts.risk_adjustment)
        ),
        None => original.to_owned(),
    }
}

fn deviations(item: &Item) -> String {
    let facts = &item.facts;
    let mut all = Vec::new();
    for (name, state) in [
        ("risk adjustment", facts.risk_adjustment),
        ("false positive", facts.false_positive),
        ("operational requirement", facts.operational_requirement),
    ] {
        match state {
            DeviationState::No => {}
            DeviationState::Pending => all.push(format!("{name} pending")),
            DeviationState::Yes => all.push(format!("{name} approved")),
        }
    }
    if !facts.deviation_rationale.is_empty() {
        all.push(facts.deviation_rationale.clone());
    }
    all.join("; ")
}

fn owner(item: &Item) -> String {
    match (&item.facts.owner, item.facts.contact.as_str()) {
        (Some(owner), _) => owner.clone(),
        (None, "") => "nobody".to_owned(),
        (None, contact) => format!("nobody (point of contact: {contact})"),
    }
}

fn vendor(item: &Item) -> String {
    let facts = &item.facts;
    if !facts.vendor_dependency {
        return String::new();
    }
    let product = facts.vendor_product.as_deref().unwrap_or("a vendor's fix");
    format!("depends on {product}, last check-in {}", output::day(facts.vendor_checkin))
}

fn imported(item: &Item) -> String {
    item.imported
        .as_ref()
        .map_or_else(String::new, |row| format!("{} row {} of the file {}", row.sheet, row.row, row.file))
}

fn corrections(all: &[Correction]) -> String {
    let line = |made: &Correction| {
        format!(
            "{} from {:?} to {:?} by {}, approved by {}: {}",
            made.field,
            made.from,
            made.to,
            made.by.shown(),
            made.approved_by.shown(),
            made.reason
        )
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn state(held: &Milestone) -> String {
    let mut lines = vec![format!("{} since {}", held.state.name(), output::time(held.state_since))];
    if let Some(why) = &held.blocked {
        lines.push(format!("blocked: {why}"));
    }
    if let Some(closed) = &held.closed_without_fix {
        lines.push(format!(
            "its ticket was closed without a fix ({}) by {} on {}: GRC decides",
            closed.resolution,
            closed.by,
            output::time(closed.at)
        ));
    }
    if let Some(after) = held.evidence_after {
        lines.push(format!("a validation was rejected: only evidence after {} counts", output::time(after)));
    }
    lines.join("\n")
}

fn due(register: &Register, held: &Milestone) -> String {
    let original = if held.original_due == held.due {
        String::new()
    } else {
        format!(" (original {})", output::day(held.original_due))
    };
    let deadline = register.deadline_of(held).map(|deadline| format!(", deadline {}", deadline.date));
    format!("{}{original}{}", output::day(held.due), deadline.unwrap_or_default())
}

fn ticket(held: &Milestone, link: Option<&Link>) -> String {
    let mut lines = Vec::new();
    if let Some(ticket) = &held.ticket {
        lines.push(format!("{} on {}: {}", ticket.key, ticket.tracker, ticket.url));
    }
    if let Some(title) = &held.ticket_title {
        lines.push(format!("called there: {title}"));
    }
    if let Some(link) = link {
        let seen = &link.observed;
        if let Some(at) = seen.at {
            lines.push(format!("last seen as {:?} ({}) on {}", seen.status, seen.state, output::time(at)));
        }
        match link.phase {
            LinkPhase::Waiting => lines.push("waits for `poam link open --yes`".to_owned()),
            LinkPhase::Creating => lines.push(format!("is being made on {}", link.tracker)),
            LinkPhase::Missing => lines.push("is not found, or not visible to us".to_owned()),
            LinkPhase::Linked => {}
        }
        if let Some(error) = &link.error {
            lines.push(format!("failed {} times: {error}", link.attempts));
        }
    }
    lines.join("\n")
}

fn move_lines(held: &Milestone) -> String {
    let mut lines = Vec::new();
    for moved in &held.moves {
        lines.push(format!(
            "{}. {} -> {} by {} on {}, {}",
            moved.number,
            output::day(moved.from),
            output::day(moved.to),
            moved.by.shown(),
            output::time(moved.at),
            next(moved)
        ));
        if let Some(why) = &moved.rationale {
            lines.push(format!("   because: {} ({})", why.text, why.by.shown()));
        }
        if let Some(decision) = &moved.decision {
            let reason = decision.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            lines.push(format!(
                "   decided by {} on {}{reason}",
                decision.by.shown(),
                output::time(decision.at)
            ));
        }
    }
    lines.join("\n")
}

fn evidence_lines<'a>(all: impl Iterator<Item = &'a Evidence>) -> String {
    let mut lines = Vec::new();
    for held in all {
        let authors: Vec<String> = held.authors.iter().map(crate::register::Actor::shown).collect();
        lines.push(format!(
            "{}. {} ({} bytes) by {} on {}: {}",
            held.number,
            held.kind.name(),
            held.size,
            authors.join(", "),
            output::time(held.observed),
            held.title
        ));
        lines.push(match (&held.digest, &held.redacted) {
            (Some(digest), None) => format!("   sha256 {digest}"),
            (Some(digest), Some(why)) => format!("   sha256 {digest}\n   its bytes were removed: {why}"),
            (None, _) => "   a reference: its bytes are not held".to_owned(),
        });
    }
    lines.join("\n")
}

fn drift_lines<'a>(all: impl Iterator<Item = &'a Drift>) -> String {
    let open = all.filter(|drift| drift.settled.is_none());
    let line = |drift: &Drift| {
        format!(
            "{}. {} since {}: {}",
            drift.number,
            drift.kind.name(),
            drift.opened.date_naive(),
            drift.detail
        )
    };
    open.map(line).collect::<Vec<_>>().join("\n")
}

fn conflict_lines<'a>(all: impl Iterator<Item = &'a Conflict>) -> String {
    let open = all.filter(|found| found.resolved.is_none());
    let line = |found: &Conflict| {
        format!(
            "{}. {}: ours {:?}, theirs {:?}; the {}'s stands",
            found.number, found.field, found.ours, found.theirs, found.winner
        )
    };
    open.map(line).collect::<Vec<_>>().join("\n")
}
