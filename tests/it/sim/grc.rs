//! What GRC decides in the register.

use poam::app::act::{ActError, Who, act};
use poam::clock::Clock;
use poam::register::decide::Command;
use poam::register::{Actor, Conflict, MilestoneNumber, MilestoneState, Register, Role, Subject};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::people::Ledger;
use super::world::{World, told};

/// What GRC did in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruled {
    Text(String),
    Owner(Option<String>),
    State(MilestoneState),
}

impl World {
    /// GRC decides something in the register.
    pub(super) async fn rule(&mut self) {
        self.choose_system();
        let register = self.bed.register().await;
        let numbers: Vec<MilestoneNumber> = register.milestones.keys().copied().collect();
        let Some(&milestone) = numbers.choose(&mut self.rng) else { return };
        self.token += 1;
        let Some((command, milestone, ruled)) = self.command(milestone, &register) else { return };
        let who = Who { actor: Actor::Local("operator".to_owned()), roles: Role::ALL.into_iter().collect() };
        let system = self.bed.system.clone();
        let shown = format!("{} GRC of {system}: {command:?}", self.bed.clock.now());
        let world = self.bed.world().clone();
        // One transaction: whoever dies in it has done it or not, as between two steps.
        self.seams.mute(true);
        let acted = act(&world, &system, &who, vec![command]).await;
        self.seams.mute(false);
        match acted {
            Ok((changes, _)) => {
                self.seams.note(shown);
                if let Some(ruled) = ruled.filter(|_| !changes.is_empty()) {
                    let order = self.people.with_ledger(Ledger::next);
                    self.ruled.entry((system, milestone)).or_default().push((order, ruled));
                }
            }
            Err(ActError::Refused(refusal)) => self.seams.note(format!("{shown} is refused: {refusal}")),
            Err(ActError::Failed(error)) => panic!("{shown}: {}", told(&error)),
        }
    }

    /// A command about a milestone, or about another one that has a conflict; and what it rules there.
    fn command(
        &mut self,
        milestone: MilestoneNumber,
        register: &Register,
    ) -> Option<(Command, MilestoneNumber, Option<Ruled>)> {
        let token = self.token;
        let (command, ruled) = match self.rng.random_range(0..12) {
            0..=2 => {
                let text =
                    format!("Replace the cipher suite of host {token}; the scan shows none that is weak");
                let reason = Some(format!("reworded {token}"));
                (Command::Retext { milestone, text: text.clone(), reason }, Some(Ruled::Text(text)))
            }
            3 | 4 => {
                let owner = [Some("Ada Example"), Some("Grace Example"), None];
                let owner = owner.choose(&mut self.rng).copied().flatten().map(str::to_owned);
                (Command::SetOwner { milestone, owner: owner.clone() }, Some(Ruled::Owner(owner)))
            }
            5..=7 => {
                let to = *[
                    MilestoneState::Dropped,
                    MilestoneState::InProgress,
                    MilestoneState::InProgress,
                    MilestoneState::Planned,
                    MilestoneState::Done,
                    MilestoneState::Blocked,
                ]
                .choose(&mut self.rng)
                .expect("a state");
                let reason = Some(format!("decided {token}"));
                (Command::SetState { milestone, to, reason }, Some(Ruled::State(to)))
            }
            8 | 9 => (Command::Approve { milestone, number: None }, None),
            10 => {
                let reason = format!("refused {token}");
                (Command::Reject { milestone, number: None, reason }, None)
            }
            _ => {
                let conflict = register.conflicts.values().next_back()?;
                let Subject::Milestone(of) = conflict.subject else { return None };
                let (number, keep) = (conflict.number, "register".to_owned());
                let reason = format!("looked at {token}");
                let command = Command::ResolveConflict { number, keep, reason };
                return Some((command, of, self.kept(conflict, of, register)));
            }
        };
        Some((command, milestone, ruled))
    }

    /// What the register keeps of a conflict goes out over whatever stands in the ticket by then.
    fn kept(&self, conflict: &Conflict, of: MilestoneNumber, register: &Register) -> Option<Ruled> {
        if conflict.field == "title" {
            return register.milestones.get(&of).map(|held| Ruled::Text(held.text.clone()));
        }
        let ours = Some(conflict.ours.as_str());
        let mut people = self.bed.world().settings.people.values();
        let owner = people.find(|person| person.github.as_deref() == ours || person.jira.as_deref() == ours);
        owner.map(|person| Ruled::Owner(Some(person.name.clone())))
    }
}
