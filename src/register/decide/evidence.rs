//! Decisions on evidence.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};

use super::super::{Actor, Change, Digest, Evidence, EvidenceKind, EvidenceOf, Milestone, Role};
use super::{Draft, Refusal, gather};

/// A proof to be recorded; its bytes are in the evidence store already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvidence {
    /// What it proves.
    pub of: EvidenceOf,
    /// Kind.
    pub kind: EvidenceKind,
    /// One line.
    pub title: String,
    /// Of its bytes.
    pub digest: Option<Digest>,
    /// How many.
    pub size: u64,
    /// Media type.
    pub media_type: String,
    /// Evidence authors.
    pub authors: Vec<Actor>,
    /// When what it shows was so.
    pub observed: DateTime<Utc>,
    /// Where it came by; the same source of the same milestone or item is taken once.
    pub source: String,
    /// More about it. `validation` (`accepted`, `rejected`) makes it a validation of an item, with the `components`
    /// it covers, one a line, and the `residual_risk`.
    pub details: BTreeMap<String, String>,
    /// Why the same bytes were removed before, if they were: then they are not held.
    pub redacted: Option<String>,
}

impl Draft<'_> {
    /// Records a proof once per source; gives its number, or none where it was there.
    pub(super) fn add_evidence(&mut self, new: &NewEvidence) -> Result<Option<u32>, Refusal> {
        let what = "record evidence";
        match &new.of {
            EvidenceOf::Milestone(number) => {
                self.milestone(what, *number)?;
            }
            EvidenceOf::Item(number) => {
                self.item(what, number)?;
            }
            EvidenceOf::Source(_) => {}
        }
        if new.source.is_empty() {
            return Err(Refusal::new(what, "it does not say where it came by"));
        }
        if self.register.evidence.values().any(|held| held.of == new.of && held.source == new.source) {
            return Ok(None);
        }
        let mut authors = new.authors.clone();
        if new.details.contains_key("validation") {
            self.may_validate(what, new)?;
            authors = vec![self.by.actor.clone()];
        }
        let number = self.register.system.last_evidence + 1;
        let evidence = Evidence {
            number,
            of: new.of.clone(),
            kind: new.kind,
            title: new.title.clone(),
            digest: new.digest.clone(),
            size: new.size,
            media_type: new.media_type.clone(),
            authors,
            observed: new.observed.trunc_subsecs(6),
            recorded: self.by.now,
            source: new.source.clone(),
            details: new.details.clone(),
            redacted: new.redacted.clone(),
        };
        self.push(Change::EvidenceAdded { evidence: Box::new(evidence) })?;
        if let EvidenceOf::Milestone(milestone) = &new.of {
            self.follow_milestone(*milestone)?;
        }
        Ok(Some(number))
    }

    /// A validation is of an item, and recorded by the person who made it.
    fn may_validate(&self, what: &str, new: &NewEvidence) -> Result<(), Refusal> {
        let mut because = Vec::new();
        gather(&mut because, self.needs(what, &[Role::Validator, Role::Isso]));
        if !matches!(new.of, EvidenceOf::Item(_)) {
            because.push("a validation is of an item".to_owned());
        }
        let made_it = matches!(self.by.actor, Actor::Person(_))
            && new.authors.iter().all(|author| self.by.same(author, &self.by.actor));
        if !made_it {
            because.push("a validation is recorded by the person who made it".to_owned());
        }
        Refusal::unless_none(what, because)
    }

    /// Whether a milestone holds a proof whose bytes were kept; after a rejected validation one that is newer, beside
    /// a ticket's own word.
    pub(super) fn is_proven(&self, milestone: &Milestone) -> bool {
        milestone.evidence.iter().filter_map(|number| self.register.evidence.get(number)).any(|evidence| {
            evidence.is_held()
                && milestone.evidence_after.is_none_or(|after| {
                    evidence.kind != EvidenceKind::Transition && evidence.observed > after
                })
        })
    }
}
