//! Whether the account can do on this site what it must: every problem at once, as sentences that say what to do.

use connector_api::{Account, CheckReport, Error, ErrorKind, ProjectSpec, Result};
use http::{Method, StatusCode};

use crate::request::Call;
use crate::{Jira, ticket, wire};

/// What the bridge needs in a project, and for what.
const NEEDED: [(&str, &str, &str); 6] = [
    ("BROWSE_PROJECTS", "Browse Projects", "see its tickets"),
    ("CREATE_ISSUES", "Create Issues", "open tickets"),
    ("EDIT_ISSUES", "Edit Issues", "keep title, due date, labels and the managed block"),
    ("TRANSITION_ISSUES", "Transition Issues", "change the state of tickets"),
    ("ADD_COMMENTS", "Add Comments", "ask and answer in tickets"),
    ("ASSIGN_ISSUES", "Assign Issues", "assign tickets"),
];

impl Jira {
    /// Asks who we are, and remembers it.
    pub(crate) async fn ask_account(&self) -> Result<(Account, Option<String>)> {
        let what = "ask for our account";
        let call = Call::read(what, Method::GET, &self.api("/myself"), &[]);
        let user: wire::User = self.send(call).await?.json()?;
        let account = ticket::account(&user).ok_or_else(|| {
            Error::new(what, ErrorKind::Auth("it answers as to somebody who is not logged in".to_owned()))
        })?;
        self.memory().account = Some(account.clone());
        Ok((account, user.time_zone))
    }

    pub(crate) async fn check_site(&self, projects: &[ProjectSpec]) -> Result<CheckReport> {
        let info = self.server_info().await?;
        let site = format!("{} {}", info.server_title, info.version).trim().to_owned();
        let mut report = CheckReport { site, ..CheckReport::default() };
        match (info.deployment_type.as_deref(), self.cloud()) {
            (Some("Cloud"), false) => report
                .problems
                .push("The site is Jira Cloud: set `flavor = \"cloud\"` on its connection.".to_owned()),
            (Some("Server"), true) => report.problems.push(
                "The site is Jira Data Center: set `flavor = \"data-center\"` on its connection.".to_owned(),
            ),
            _ => {}
        }
        match self.ask_account().await {
            Ok((account, _)) => report.account = Some(account),
            Err(error) => {
                let ErrorKind::Auth(said) = &error.kind else { return Err(error) };
                report.problems.push(format!(
                    "The site does not accept our credentials ({said}): make a new API token for the account \
                     and give it as the connection's `token`."
                ));
                return Ok(report);
            }
        }
        if !self.learn_sprint_field().await? {
            report.notes.push("The site does not list its fields: sprints are not read.".to_owned());
        }
        for spec in projects {
            self.check_project(spec, &mut report).await?;
        }
        Ok(report)
    }

    async fn check_project(&self, spec: &ProjectSpec, report: &mut CheckReport) -> Result<()> {
        let name = &spec.project;
        let call = Call::read("ask for a project", Method::GET, &self.api("/project/{key}"), &[name]);
        let answer = self.send(call).await?;
        if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
            report.problems.push(format!(
                "Project {name} is not there, or our account may not see it: correct its key, or grant the \
                 permission Browse Projects in it."
            ));
            return Ok(());
        }
        if !answer.status.is_success() && !answer.lacks_call() {
            return Err(answer.error());
        }
        let call =
            Call::read("ask what anyone sees", Method::GET, &self.api("/project/{key}"), &[name]).anonymous();
        if self.send(call).await?.json::<wire::Project>().is_ok() {
            report.public_projects.insert(name.clone());
        }
        self.check_permissions(name, report).await?;
        self.check_screen(spec, report).await
    }

    async fn check_permissions(&self, project: &str, report: &mut CheckReport) -> Result<()> {
        let keys: Vec<&str> = NEEDED.iter().map(|(key, ..)| *key).collect();
        let call = Call::read("ask for our permissions", Method::GET, &self.api("/mypermissions"), &[])
            .query("projectKey", project)
            .query("permissions", keys.join(","));
        let answer = self.send(call).await?;
        if answer.lacks_call() {
            report.notes.push(format!("The site does not tell our permissions in {project}."));
            return Ok(());
        }
        let held: wire::Permissions = answer.json()?;
        for (key, label, purpose) in NEEDED {
            if !held.permissions.get(key).is_some_and(|permission| permission.have_permission) {
                report.problems.push(format!(
                    "In project {project} our account lacks the permission {label}, without which it cannot \
                     {purpose}: grant it in the project's permission scheme."
                ));
            }
        }
        Ok(())
    }

    /// Whether the type exists, and whether what we write is on its screen.
    async fn check_screen(&self, spec: &ProjectSpec, report: &mut CheckReport) -> Result<()> {
        let name = &spec.project;
        let template = self.api("/issue/createmeta/{key}/issuetypes");
        let call =
            Call::read("ask for issue types", Method::GET, &template, &[name]).query("maxResults", "200");
        let answer = self.send(call).await?;
        if !answer.status.is_success() {
            report.notes.push(format!("The site does not tell the issue types and screens of {name}."));
            return Ok(());
        }
        let types: wire::TypesPage = answer.json()?;
        let wanted = spec.issue_type.as_deref().unwrap_or("Task");
        let found = types.issue_types.iter().find(|kind| kind.name.eq_ignore_ascii_case(wanted));
        let Some(kind) = found else {
            let names: Vec<&str> = types.issue_types.iter().map(|kind| kind.name.as_str()).collect();
            report.problems.push(format!(
                "Project {name} has no issue type `{wanted}`: set the tracker's `issue_type` to one of {}.",
                names.join(", ")
            ));
            return Ok(());
        };
        let fields = self.screen(name, &kind.id).await?;
        let id = |field: &wire::FieldMeta| field.field_id.clone().or_else(|| field.key.clone());
        let on_screen = |wanted: &str| fields.iter().any(|field| id(field).as_deref() == Some(wanted));
        let screen = format!("the create and edit screens of `{}` in {name}", kind.name);
        if !on_screen("labels") {
            report.problems.push(format!("The field Labels is missing: put it on {screen}."));
        }
        if !on_screen("description") {
            report.problems.push(format!("The field Description is missing: put it on {screen}."));
        }
        match &spec.due_field {
            Some(due) if !on_screen(due) => report.problems.push(format!(
                "The due date field `{due}` is missing: put it on {screen}, or name another one as \
                 `fields.due` of the tracker."
            )),
            Some(_) => {}
            None => report.notes.push(format!(
                "Tickets of {name} carry their due date in the managed block, as no due field is configured."
            )),
        }
        let ours = ["project", "issuetype", "summary", "description", "labels", "reporter"];
        for field in fields.iter().filter(|field| field.required && !field.has_default_value) {
            let Some(id) = id(field) else { continue };
            let given = ours.contains(&id.as_str())
                || spec.extra_fields.contains_key(&id)
                || spec.due_field.as_deref() == Some(&*id);
            if !given {
                let label = field.name.as_deref().unwrap_or(&id);
                report.problems.push(format!(
                    "`{}` in {name} demands the field {label}: give it a value as `{id}` under `fields` of the \
                     tracker, or make it optional.",
                    kind.name
                ));
            }
        }
        Ok(())
    }

    async fn screen(&self, project: &str, kind: &str) -> Result<Vec<wire::FieldMeta>> {
        let mut fields = Vec::new();
        loop {
            let template = self.api("/issue/createmeta/{key}/issuetypes/{type}");
            let call = Call::read("ask for a create screen", Method::GET, &template, &[project, kind])
                .query("startAt", fields.len().to_string())
                .query("maxResults", "200");
            let page: wire::FieldsPage = self.send(call).await?.json()?;
            let count = page.fields.len();
            fields.extend(page.fields);
            if count == 0 || page.total.is_none_or(|total| fields.len() >= total) {
                return Ok(fields);
            }
        }
    }
}
