//! Title, text, assignee, labels: both sides equal, and nobody's edit lost.

use std::collections::BTreeMap;

use connector_api::TicketState;
use connector_api::fake::FakeTicket;
use poam::register::{DriftKind, Link, Milestone};
use poam::sync::mapping;

use super::End;
use crate::sim::grc::Ruled;
use crate::sim::people::{Deed, Done, People, Site};

impl End<'_> {
    pub(super) fn title(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        ruled: &[(u64, Ruled)],
    ) {
        let wanted = match &milestone.ticket_title {
            Some(theirs) => mapping::title(&mapping::prefix(&link.system, milestone), theirs),
            None => mapping::our_title(&self.register, milestone),
        };
        if ticket.title != wanted {
            self.fail(link, format!("title {:?}, and the register says {wanted:?}", ticket.title));
        }
        let last_rule = ruled.iter().rev().find_map(|(order, what)| match what {
            Ruled::Text(text) => Some((*order, text.clone())),
            Ruled::Owner(_) | Ruled::State(_) => None,
        });
        if let Some((_, text)) = &last_rule
            && milestone.text != *text
        {
            self.fail(link, format!("GRC's text {text:?} is lost"));
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Title(title) => Some((deed.order, title.clone())),
            _ => None,
        });
        let newest = last.as_ref().map_or(0, |(order, _)| *order);
        if let Some((order, text)) = &last_rule
            && *order > newest
            && !(ticket.title.contains(text) || self.lost_visibly(link.milestone, "title", text))
        {
            self.fail(link, format!("GRC's text {text:?} never came; it is {:?}", ticket.title));
        }
        let Some((order, title)) = last else { return };
        let text = title.split_once("] ").map_or(title.as_str(), |(_, text)| text);
        let overwritten = last_rule.is_some_and(|(ruled, _)| ruled > order);
        if !(ticket.title.contains(text) || overwritten || self.lost_visibly(link.milestone, "title", text)) {
            self.fail(link, format!("title {title:?} is lost; it is {:?}", ticket.title));
        }
    }

    pub(super) fn assignee(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        ruled: &[(u64, Ruled)],
        site: Site,
    ) {
        let person = |id: &str| {
            ["ada", "grace"].into_iter().find(|who| People::account(site, who).id == id).map(
                |who| match who {
                    "ada" => "Ada Example".to_owned(),
                    _ => "Grace Example".to_owned(),
                },
            )
        };
        let theirs = ticket.assignee.as_ref().map(|account| account.id.clone());
        let theirs_person = theirs.as_deref().and_then(person);
        let named = milestone.state.is_over()
            || milestone.closed_without_fix.is_some()
            || self.has_drift(link.milestone, &[DriftKind::Unowned, DriftKind::OwnerUnmapped]);
        if theirs_person != milestone.owner && !named {
            self.fail(
                link,
                format!("assignee {theirs:?}, owner {:?}, and nothing says why", milestone.owner),
            );
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Assignee(id) => Some((deed.order, id.clone())),
            _ => None,
        });
        let last_rule = ruled.iter().rev().find_map(|(order, what)| match what {
            Ruled::Owner(owner) => Some((*order, owner.clone())),
            Ruled::Text(_) | Ruled::State(_) => None,
        });
        // A command names an owner too, and is taken when it is read.
        let commanded = deeds
            .iter()
            .any(|deed| matches!(&deed.what, Done::Said(_, text) if text.contains("/poam owner")));
        if commanded {
            return;
        }
        match (last, last_rule) {
            (Some((order, id)), rule) if rule.as_ref().is_none_or(|(ruled, _)| *ruled < order) => {
                // What is taken away with the closing comes back with the reopening.
                let closed =
                    |deed: &Deed| matches!(deed.what, Done::State(TicketState::Done | TicketState::Dropped));
                let back = id.is_none() && theirs_person == milestone.owner && deeds.iter().any(closed);
                // Nor is it an edit that what was there before is there again, and GRC's word goes out.
                let before =
                    deeds.iter().any(|deed| deed.order < order && deed.what == Done::Assignee(id.clone()));
                let again = rule.is_some() && (before || id == Some(People::account(site, "ada").id));
                if theirs != id && !back && !again {
                    self.fail(link, format!("assignee {id:?} is lost; it is {theirs:?}"));
                }
            }
            (_, Some((_, owner))) => {
                let value = owner.as_deref().unwrap_or("");
                let account = |name: &str| {
                    let who = if name.starts_with("Ada") { "ada" } else { "grace" };
                    People::account(site, who).id
                };
                let kept = owner
                    .as_deref()
                    .is_some_and(|name| self.lost_visibly(link.milestone, "assignee", &account(name)));
                // A level that went there and back between two looks has not changed.
                let before = ruled.iter().filter(|(_, what)| *what == Ruled::Owner(owner.clone())).count();
                let unassigned = deeds.iter().any(|deed| deed.what == Done::Assignee(None));
                let back =
                    before > 1 || owner.as_deref() == Some("Ada Example") || owner.is_none() && unassigned;
                let cleared_and_lost =
                    owner.is_none() && self.lost_visibly(link.milestone, "assignee", value);
                if milestone.owner != owner && !kept && !cleared_and_lost && !back {
                    self.fail(link, format!("owner {owner:?} is lost; it is {:?}", milestone.owner));
                }
            }
            _ => {}
        }
    }

    pub(super) fn text(
        &mut self,
        link: &Link,
        milestone: &Milestone,
        ticket: &FakeTicket,
        deeds: &[Deed],
        site: Site,
    ) {
        let shown = match site {
            Site::Github => match mapping::due_line(ticket.block.as_deref()) {
                mapping::DueLine::Date(date) => Some(date),
                _ => None,
            },
            Site::Jira => milestone.due,
        };
        let block = mapping::block(
            &self.register,
            milestone,
            mapping::Disclosure::Minimal,
            mapping::Shown { due: shown, in_field: site == Site::Jira },
        );
        if ticket.block.as_deref() != Some(&block) {
            self.fail(link, format!("the block is {:?} and should be {block:?}", ticket.block));
        }
        let last = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Outside(text) => Some(text.clone()),
            _ => None,
        });
        let Some(text) = last else { return };
        let stands = match site {
            Site::Github => {
                let theirs = text.replace('\n', "\r\n");
                ticket
                    .text
                    .strip_prefix(&theirs)
                    .is_some_and(|rest| rest.trim_start().starts_with("<!-- poam:begin"))
            }
            Site::Jira => text.split("\n\n").all(|part| ticket.text.contains(part)),
        };
        if !(stands || self.lost_visibly(link.milestone, "description", &text)) {
            self.fail(link, format!("their text {text:?} is lost; it is {:?}", ticket.text));
        }
    }

    pub(super) fn labels(&mut self, link: &Link, ticket: &FakeTicket, deeds: &[Deed]) {
        if !ticket.labels.contains("poam") {
            self.fail(link, "the label `poam` is missing".to_owned());
        }
        let mut last: BTreeMap<&str, bool> = BTreeMap::new();
        for deed in deeds {
            if let Done::Label(name, there) = &deed.what
                && !matches!(name.as_str(), "poam" | "blocked")
            {
                last.insert(name, *there);
            }
        }
        for (name, there) in last {
            if ticket.labels.contains(name) != there {
                self.fail(link, format!("label {name}: somebody's edit is lost"));
            }
        }
    }
}
