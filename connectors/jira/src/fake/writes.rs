//! The calls of the fake that change issues.

use serde_json::{Value, json};

use connector_api::Account;

use super::edit::{Edits, Errors, refused};
use super::exchange::{Asked, Reply};
use super::json::{Selection, problem};
use super::site::{Draft, Project, Site};
use super::workflow::{RESOLUTIONS, open, status_category};

fn forbidden(what: &str) -> (u16, Value) {
    (403, problem(&format!("You do not have permission to {what} issues in this project.")))
}

impl Site {
    /// Makes an issue; the error is a status and a body.
    pub(super) fn create_one(&mut self, by: &Account, body: &Value) -> Result<Value, (u16, Value)> {
        if self.lacks.properties && body.get("properties").is_some() {
            return Err((
                501,
                problem("This site does not implement the 'properties' property of an issue."),
            ));
        }
        let one = |field: &str, why: &str| refused(&Errors::from([(field.to_owned(), why.to_owned())]));
        let fields = &body["fields"];
        let key = fields["project"]["key"].as_str().or(fields["project"]["id"].as_str()).unwrap_or_default();
        let Some(project) = self.project(key).cloned() else {
            return Err((400, one("project", "valid project is required")));
        };
        if project.denied.contains("CREATE_ISSUES") {
            return Err(forbidden("create"));
        }
        let kind = fields["issuetype"]["name"].as_str().unwrap_or_default();
        let Some(kind) = project.types.iter().find(|name| name.eq_ignore_ascii_case(kind)).cloned() else {
            return Err((400, one("issuetype", "Specify a valid issue type")));
        };
        let edits = self.checked(&project, body, true)?;
        let draft = Draft { project: project.key.clone(), kind, by: by.clone() };
        let properties: Vec<(String, Value)> = body["properties"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|p| Some((p["key"].as_str()?.to_owned(), p["value"].clone())))
            .collect();
        let id = self
            .create(draft, |issue| {
                for edit in edits {
                    edit(issue);
                }
                issue.properties.extend(properties);
            })
            .map_err(|why| (400, problem(&why)))?;
        let key = self.issues.get(&id).map(|issue| issue.key.clone()).unwrap_or_default();
        Ok(json!({"id": id.to_string(), "key": key, "self": self.api(&format!("/issue/{id}"))}))
    }

    /// Checks fields; on creation also that none is missing.
    fn checked(&self, project: &Project, body: &Value, new: bool) -> Result<Edits, (u16, Value)> {
        let (edits, mut errors) = match self.edits(project, body) {
            Ok(edits) => (edits, Errors::new()),
            Err(errors) => (Edits::new(), errors),
        };
        if new {
            let given = |field: &str| body["fields"].get(field).is_some_and(|value| !value.is_null());
            let demanded =
                project.fields.iter().filter(|(_, required)| **required).map(|(field, _)| field.as_str());
            for field in demanded.chain(["summary"]).filter(|field| !given(field)) {
                errors.entry(field.to_owned()).or_insert_with(|| format!("{field} is required."));
            }
        }
        if errors.is_empty() { Ok(edits) } else { Err((400, refused(&errors))) }
    }

    pub(super) fn create_many(&mut self, asked: &Asked) -> Reply {
        let drafts = asked.body["issueUpdates"].as_array().cloned().unwrap_or_default();
        if drafts.is_empty() || drafts.len() > 50 {
            return Reply::bad("The number of issues must be between 1 and 50.");
        }
        let (mut issues, mut errors) = (Vec::new(), Vec::new());
        for (n, draft) in drafts.iter().enumerate() {
            match self.create_one(&asked.by, draft) {
                Ok(created) => issues.push(created),
                Err((status, error)) => {
                    errors.push(json!({"status": status, "elementErrors": error, "failedElementNumber": n}));
                }
            }
        }
        let status = if issues.is_empty() { 400 } else { 201 };
        Reply::json(status, &json!({"issues": issues, "errors": errors}))
    }

    pub(super) fn edit(&mut self, id: u64, asked: &Asked) -> Reply {
        let Some(project) = self.issues.get(&id).and_then(|issue| self.projects.get(&issue.project)).cloned()
        else {
            return Reply::no_issue();
        };
        if project.denied.contains("EDIT_ISSUES") {
            let (status, body) = forbidden("edit");
            return Reply::json(status, &body);
        }
        let locked = project.locked_when_done
            && self.issues.get(&id).is_some_and(|issue| status_category(&issue.status) == "done");
        if locked {
            return Reply::bad("You do not have permission to edit issues in this status.");
        }
        let edits = match self.checked(&project, &asked.body, false) {
            Ok(edits) => edits,
            Err((status, error)) => return Reply::json(status, &error),
        };
        self.change(id, &asked.by, |issue| {
            for edit in edits {
                edit(issue);
            }
        });
        let wanted = asked.query("returnIssue") == Some("true") && self.cloud();
        match self.issues.get(&id) {
            Some(issue) if wanted => Reply::ok(&self.issue_json(issue, &Selection::All, &[])),
            _ => Reply::done(),
        }
    }

    pub(super) fn take_transition(&mut self, id: u64, asked: &Asked) -> Reply {
        let Some(issue) = self.issues.get(&id) else { return Reply::no_issue() };
        let Some(project) = self.projects.get(&issue.project).cloned() else { return Reply::no_issue() };
        let wanted = &asked.body["transition"]["id"];
        let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
        let Some(way) = open(&project, issue).into_iter().find(|way| way.id.to_string() == wanted) else {
            let text =
                format!("It seems that you have tried to perform an illegal workflow operation: {wanted}.");
            return Reply::bad(&text);
        };
        let resolution = asked.body["fields"]["resolution"]["name"].as_str().map(str::to_owned);
        let one = |field: &str, why: &str| {
            Reply::json(400, &refused(&Errors::from([(field.to_owned(), why.to_owned())])))
        };
        match &resolution {
            Some(_) if way.to != "Done" => {
                return one(
                    "resolution",
                    "Field 'resolution' cannot be set. It is not on the appropriate screen, or unknown.",
                );
            }
            Some(name) if !RESOLUTIONS.contains(&name.as_str()) => {
                return one("resolution", &format!("Resolution name '{name}' is not valid"));
            }
            None if way.to == "Done" && project.resolution_required => {
                return one("resolution", "Resolution is required.");
            }
            _ => {}
        }
        let given = |field: &&String| asked.body["fields"].get(field.as_str()).is_some();
        if way.to == "Done"
            && let Some(missing) = project.done_fields.iter().find(|field| !given(field))
        {
            return one(missing, &format!("{missing} is required."));
        }
        let edits = match self.checked(&project, &asked.body, false) {
            Ok(edits) => edits,
            Err((status, error)) => return Reply::json(status, &error),
        };
        let added = asked.body["update"]["comment"].as_array().cloned().unwrap_or_default();
        let mut comments = Vec::new();
        for comment in &added {
            match self.rich_text(&comment["add"]["body"]) {
                Ok(Value::Null) | Err(_) => return one("comment", "Comment body is not valid!"),
                Ok(body) => comments.push(body),
            }
        }
        self.transit(id, &asked.by, way, resolution, |issue| {
            for edit in edits {
                edit(issue);
            }
        });
        for body in comments {
            self.add_comment(id, &asked.by, body);
        }
        Reply::done()
    }
}
