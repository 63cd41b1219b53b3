//! Comments and reactions.

use serde_json::{Map, json};

use super::model::{Done, IssueComment, Model, Permission, Place, Refusal, invalid};

impl Model {
    pub(super) fn comment(&mut self, place: Place, by: &str, body: &str) -> Done<u64> {
        self.allow(place.0, by, Permission::Read)?;
        if self.issue(place).is_ok_and(|issue| issue.locked) {
            self.allow(place.0, by, Permission::Write).map_err(|_| Refusal::Locked)?;
        }
        if body.trim().is_empty() {
            return Err(invalid("IssueComment", "body", "missing_field"));
        }
        self.check_text(place.0, None, Some(body), &[])?;
        let (id, at) = (self.next_id(), self.time());
        let issue = self.issue_mut(place)?;
        issue.updated = at;
        issue.comments.push(IssueComment {
            id,
            author: by.to_owned(),
            editor: by.to_owned(),
            edited: false,
            body: body.to_owned(),
            created: at,
            updated: at,
            reactions: Vec::new(),
        });
        self.tell_comment(place, by, "created", id, Map::new());
        Ok(id)
    }

    pub(super) fn comment_place(&self, id: &str) -> Option<(Place, usize)> {
        let id = id.parse::<u64>().ok()?;
        self.repos.values().flat_map(|repo| repo.issues.values().map(move |issue| (repo.id, issue))).find_map(
            |(repo, issue)| {
                let at = issue.comments.iter().position(|comment| comment.id == id)?;
                Some(((repo, issue.number), at))
            },
        )
    }

    /// A comment that its author or someone with write access is about to change.
    pub(super) fn own_comment(&self, id: &str, by: &str) -> Done<(Place, usize)> {
        let (place, at) = self.comment_place(id).ok_or(Refusal::NotFound)?;
        let comments = &self.issue(place).map_err(|_| Refusal::NotFound)?.comments;
        let own = comments.get(at).is_some_and(|comment| comment.author == by);
        self.allow(place.0, by, if own { Permission::Read } else { Permission::Write })?;
        Ok((place, at))
    }

    pub(super) fn edit_comment(&mut self, id: &str, by: &str, body: &str) -> Done {
        let (place, at) = self.own_comment(id, by)?;
        self.check_text(place.0, None, Some(body), &[])?;
        let now = self.time();
        let issue = self.issue_mut(place)?;
        let Some(comment) = issue.comments.get_mut(at) else { return Err(Refusal::NotFound) };
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        by.clone_into(&mut comment.editor);
        comment.edited = true;
        comment.updated = now;
        issue.updated = now;
        let id = comment.id;
        let mut more = Map::new();
        more.insert("changes".to_owned(), json!({ "body": { "from": from } }));
        self.tell_comment(place, by, "edited", id, more);
        Ok(())
    }

    /// GitHub does not count this as a change of the issue: only the webhook tells.
    pub(super) fn delete_comment(&mut self, id: &str, by: &str) -> Done {
        let (place, at) = self.own_comment(id, by)?;
        let id = self.issue(place).ok().and_then(|i| i.comments.get(at)).map_or(0, |c| c.id);
        self.tell_comment(place, by, "deleted", id, Map::new());
        self.issue_mut(place)?.comments.remove(at);
        Ok(())
    }

    /// Gives a reaction's id and whether it is new.
    pub(super) fn react(&mut self, id: &str, by: &str, content: &str) -> Done<(u64, bool)> {
        const KNOWN: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];
        let (place, at) = self.comment_place(id).ok_or(Refusal::NotFound)?;
        self.allow(place.0, by, Permission::Read)?;
        if !KNOWN.contains(&content) {
            return Err(invalid("Reaction", "content", "invalid"));
        }
        let new = self.next_id();
        let Some(comment) = self.issue_mut(place)?.comments.get_mut(at) else {
            return Err(Refusal::NotFound);
        };
        if let Some((old, ..)) = comment.reactions.iter().find(|(_, c, who)| c == content && who == by) {
            return Ok((*old, false));
        }
        comment.reactions.push((new, content.to_owned(), by.to_owned()));
        Ok((new, true))
    }
}
