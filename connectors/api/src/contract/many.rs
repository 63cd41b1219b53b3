//! Many tickets at once: each has its own answer, in the order asked.

use super::{Subject, must};
use crate::fake::Act;
use crate::{Glance, NewTicket, ProjectSpec, TicketRef};

pub(super) async fn each_of_many_has_its_own_answer(s: &Subject) {
    let connector = s.connector();
    let mut new: Vec<NewTicket> = (0..5).map(|n| s.new_ticket(&format!("One of many: {n}"))).collect();
    let nowhere = s.project.project.clone() + "NOSUCH";
    if let Some(third) = new.get_mut(2) {
        third.project = ProjectSpec { project: nowhere, ..s.project.clone() };
    }
    if let Some(fifth) = new.get_mut(4) {
        fifth.project = s.elsewhere.clone();
    }
    let before = s.site.tickets().len();
    let made = connector.create_many(&new).await;
    assert_eq!(made.len(), new.len(), "one answer for each ticket asked for");
    assert_eq!(s.site.tickets().len(), before + 4, "a ticket that is refused holds back no other");
    let mut there: Vec<TicketRef> = Vec::new();
    for (n, (new, made)) in new.iter().zip(made).enumerate() {
        assert_eq!(made.is_err(), n == 2, "the answer is that of its place: {n}");
        let Ok(made) = made else { continue };
        let fake = s.fake_ticket(&made.reference.id);
        assert_eq!(fake.title, new.title, "the answer is that of its place");
        assert_eq!(fake.marker.as_ref(), Some(&new.marker), "each has its own marker");
        assert_eq!(fake.project, new.project.project, "each is where it belongs");
        there.push(made.reference);
    }
    assert!(connector.create_many(&[]).await.is_empty(), "nothing asked, nothing made");

    let Some(deleted) = there.get(1).cloned() else { panic!("four tickets were made") };
    must("a deletion", s.site.act(&s.human, &deleted.id, Act::Delete));
    s.later();
    let glances = must("survey", connector.survey(&there).await);
    assert_eq!(glances.len(), there.len(), "one glance for each ticket asked");
    for (asked, glance) in there.iter().zip(glances) {
        let gone = matches!(glance, Glance::Missing | Glance::Gone);
        assert_eq!(gone, asked.id == deleted.id, "a survey tells what is there: {} {glance:?}", asked.key);
    }
}
