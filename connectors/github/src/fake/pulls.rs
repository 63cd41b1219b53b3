//! Pull requests, as far as they close issues.

use sha2::{Digest, Sha256};

use super::model::{Done, EventKind, Model, Permission, Place, Pull, blank};

impl Model {
    pub(super) fn open_pull(
        &mut self,
        full_name: &str,
        author: &str,
        title: &str,
        body: &str,
    ) -> Result<u64, String> {
        let repo = self.repo_mut(full_name)?;
        let (id, number) = (repo.id, repo.last_number + 1);
        self.insert_pull((id, number), author, title, body);
        Ok(number)
    }

    pub(super) fn insert_pull(&mut self, place: Place, author: &str, title: &str, body: &str) {
        let (id, at, check) = (self.next_id(), self.time(), self.next_id());
        let head = sha_of(&format!("head {id}"));
        let Some(repo) = self.repos.get_mut(&place.0) else { return };
        let mut issue = blank(id, place.1, author, at, title.to_owned(), Some(body.to_owned()));
        issue.pull = Some(Pull { head: head.clone(), merged: None });
        repo.last_number = repo.last_number.max(place.1);
        repo.checks.insert(head, vec![(check, "test".to_owned(), "success".to_owned())]);
        repo.issues.insert(place.1, issue);
    }

    /// Merges a pull request that closes the issue; makes one when there is none of that number.
    pub(super) fn close_by_pull(
        &mut self,
        place: Place,
        by: &str,
        number: u64,
        sha: &str,
    ) -> Result<(), String> {
        self.allow(place.0, by, Permission::Write).map_err(|refusal| refusal.to_string())?;
        let pull = (place.0, number);
        match self.issue(pull) {
            Err(_) => self.insert_pull(pull, by, "Fix it", &format!("Fixes #{}", place.1)),
            Ok(issue) if issue.pull.as_ref().is_some_and(|pull| pull.merged.is_none()) => {}
            Ok(_) => return Err(format!("{number} is not an open pull request")),
        }
        let at = self.time();
        let merge = |model: &mut Self| -> Done {
            let issue = model.issue_mut(pull)?;
            issue.closed = Some((at, by.to_owned()));
            issue.updated = at;
            let author = issue.author.clone();
            if let Some(pull) = &mut issue.pull {
                pull.merged = Some((at, sha.to_owned(), by.to_owned()));
            }
            if let Some(repo) = model.repos.get_mut(&place.0) {
                repo.commits.insert(sha.to_owned(), author.clone());
            }
            model.event(place, &author, EventKind::CrossReferenced(pull))?;
            if model.issue(place).is_ok_and(|issue| issue.closed.is_none()) {
                model.set_open(place, by, false, Some("completed".to_owned()), Some(sha.to_owned()))?;
            }
            Ok(())
        };
        merge(self).map_err(|refusal| refusal.to_string())
    }
}

fn sha_of(text: &str) -> String {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.get(..40).unwrap_or_default().to_owned()
}
