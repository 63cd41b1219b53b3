//! What is missing in permissions, all of it at once, and what to do about it.

use std::collections::BTreeMap;

use connector_api::{CheckReport, ProjectSpec, Result};

use crate::GitHub;
use crate::auth::{self, Auth};
use crate::request::{Call, text_header};
use crate::wire::{Permissions, Repository, shown};

pub(crate) async fn check(github: &GitHub, projects: &[ProjectSpec]) -> Result<CheckReport> {
    let (account, answer) = auth::account(&github.site).await?;
    let mut report = CheckReport {
        site: match text_header(&answer.headers, "x-github-enterprise-version") {
            Some(version) => format!("GitHub Enterprise Server {}", shown(version)),
            None => "GitHub".to_owned(),
        },
        account: Some(account.clone()),
        ..CheckReport::default()
    };
    // Classic tokens tell their scopes; fine-grained and installation tokens do not.
    let scopes: Option<Vec<String>> = text_header(&answer.headers, "x-oauth-scopes")
        .map(|all| all.split(',').map(|scope| scope.trim().to_owned()).collect());
    if scopes.is_none() && !github.site.auth.is_app() {
        report.notes.push(
            "The token does not tell its scopes: it needs Issues read and write, and Metadata, Pull requests, \
             Checks and Contents read, on each repository."
                .to_owned(),
        );
    }
    if let Some(expiry) = text_header(&answer.headers, "github-authentication-token-expiration") {
        report.notes.push(format!("The token expires at {}.", shown(expiry)));
    }
    for project in projects {
        let name = &project.project;
        let url = match github.site.repo_url(name, &[]) {
            Ok(url) => url,
            Err(error) => {
                report.problems.push(format!("{}.", error.kind));
                continue;
            }
        };
        if let Auth::App(app) = &github.site.auth {
            let owner = name.split('/').next().unwrap_or_default();
            let has = app.permissions(&github.site, owner).await?;
            if let Some(problem) = lacks(&account.id, owner, &has) {
                report.problems.push(problem);
                continue;
            }
        }
        let call = Call::get(format!("look at {name}"), url).accept(&[404]);
        let answer = github.site.send(&call).await?;
        if answer.status.as_u16() == 404 {
            report.problems.push(format!(
                "Repository {name} is not there, or `{}` may not see it: check the name, and give the account and \
                 its token access to it.",
                account.id
            ));
            continue;
        }
        let asked = Asked { name, account: &account.id, app: github.site.auth.is_app() };
        look_at(&mut report, &asked, &answer.json()?, scopes.as_deref());
    }
    Ok(report)
}

/// What an App's installation lacks, if anything.
fn lacks(account: &str, owner: &str, has: &BTreeMap<String, String>) -> Option<String> {
    if has.is_empty() {
        return Some(format!("The GitHub App `{account}` is not installed for {owner}: install it there."));
    }
    let writes = has.get("issues").is_some_and(|right| right == "write");
    (!writes).then(|| {
        format!("The GitHub App `{account}` may not write issues of {owner}: give it Issues, read and write.")
    })
}

/// Which repository is looked at, and as whom.
struct Asked<'a> {
    name: &'a str,
    account: &'a str,
    app: bool,
}

fn look_at(report: &mut CheckReport, asked: &Asked<'_>, repository: &Repository, scopes: Option<&[String]>) {
    let Asked { name, account, app } = *asked;
    let mut problem = |said: String| report.problems.push(said);
    if repository.archived {
        problem(format!(
            "Repository {name} is archived and takes no changes: unarchive it, or remove the tracker."
        ));
    }
    if !repository.has_issues {
        problem(format!(
            "Issues are switched off in {name}: switch them on under Settings, General, Features."
        ));
    }
    let Permissions { admin, maintain, push, triage } = repository.permissions.unwrap_or_default();
    // An App has rights instead of a role.
    if !(app || admin || maintain || push) {
        let has = if triage { "the triage role" } else { "read access" };
        problem(format!(
            "`{account}` has only {has} in {name}, so GitHub would drop its labels and assignees without a word: \
             give it the write role."
        ));
    }
    if let Some(scopes) = scopes {
        let has = |scope: &str| scopes.iter().any(|have| have == scope);
        if !has("repo") && (repository.private || !has("public_repo")) {
            let scope = if repository.private { "repo" } else { "public_repo" };
            problem(format!("The token lacks the scope `{scope}` that {name} needs: make one that has it."));
        }
    }
    if !repository.full_name.eq_ignore_ascii_case(name) {
        report.notes.push(format!(
            "Repository {name} is called {} now: write the new name into the configuration.",
            shown(&repository.full_name)
        ));
    }
    if !repository.private {
        report
            .notes
            .push(format!("Repository {name} is public: anyone can read what the bridge writes there."));
        report.public_projects.insert(name.to_owned());
    }
}
